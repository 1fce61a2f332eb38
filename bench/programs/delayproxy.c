/*
 * delayproxy.c - a TCP proxy that adds a fixed latency in each direction and counts round trips.
 *
 *   delayproxy LISTEN_PORT TARGET_PORT ONE_WAY_MS
 *
 * A round trip is counted when the client sends something after it has received something, and for what it sends first.
 * For each connection that ends, one line on stdout: "turnarounds N bytes up N down N". It runs until it is killed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_CONNECTIONS 60

struct chunk { /* bytes that are due at a time */
    struct chunk *next;
    double due;
    size_t len, sent;
    char bytes[];
};

struct queue {
    struct chunk *first, *last;
};

struct side {
    int fd;
    int ended;        /* it sends no more */
    long bytes;       /* that it sent */
    struct queue out; /* what the other side gets */
};

struct connection {
    struct side client, server;
    long turnarounds;
    int client_spoke_last;
};

static double delay_ms;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void put(struct queue *q, const char *bytes, size_t len)
{
    struct chunk *c = malloc(sizeof *c + len);
    if (!c)
        exit(3);
    *c = (struct chunk){ .due = now_ms() + delay_ms, .len = len };
    memcpy(c->bytes, bytes, len);
    if (q->last)
        q->last->next = c;
    else
        q->first = c;
    q->last = c;
}

/* Sends what is due, as far as the socket takes it. */
static void send_due(struct queue *q, int fd)
{
    while (q->first && q->first->due <= now_ms()) {
        struct chunk *c = q->first;
        ssize_t n = send(fd, c->bytes + c->sent, c->len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return;
        c->sent = n < 0 ? c->len : c->sent + (size_t)n; /* a dead socket takes everything */
        if (c->sent < c->len)
            return;
        q->first = c->next;
        if (!q->first)
            q->last = NULL;
        free(c);
    }
}

static int connect_to(int port)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((unsigned short)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (connect(fd, (struct sockaddr *)&a, sizeof a)) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static int listen_on(int port)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((unsigned short)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 16)) {
        perror("listen");
        exit(1);
    }
    return fd;
}

/* Reads once from a side. True if it sent something. */
static int take(struct side *from)
{
    static char buffer[65536];
    ssize_t n = recv(from->fd, buffer, sizeof buffer, 0);
    if (n <= 0) {
        from->ended = 1;
        return 0;
    }
    from->bytes += n;
    put(&from->out, buffer, (size_t)n);
    return 1;
}

static void serve(struct connection *k, short client_events, short server_events)
{
    if (!k->client.ended && (client_events & (POLLIN | POLLHUP)) && take(&k->client)) {
        k->turnarounds += !k->client_spoke_last;
        k->client_spoke_last = 1;
    }
    if (!k->server.ended && (server_events & (POLLIN | POLLHUP)) && take(&k->server))
        k->client_spoke_last = 0;
    send_due(&k->client.out, k->server.fd);
    send_due(&k->server.out, k->client.fd);
}

static int is_over(const struct connection *k)
{
    return (k->client.ended && !k->client.out.first) || (k->server.ended && !k->server.out.first);
}

static void end(struct connection *k)
{
    printf("turnarounds %ld bytes up %ld down %ld\n", k->turnarounds, k->client.bytes, k->server.bytes);
    close(k->client.fd);
    close(k->server.fd);
    free(k);
}

/* How long nothing will be due. */
static struct timespec time_to_wait(struct connection **all, int count)
{
    double next = now_ms() + 1000;
    for (int i = 0; i < count; i++) {
        const struct chunk *up = all[i]->client.out.first, *down = all[i]->server.out.first;
        if (up && up->due < next)
            next = up->due;
        if (down && down->due < next)
            next = down->due;
    }
    double wait = next - now_ms();
    if (wait < 0)
        wait = 0;
    return (struct timespec){ (time_t)(wait / 1e3), (long)((wait - (double)(time_t)(wait / 1e3) * 1e3) * 1e6) };
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    int listener = listen_on(atoi(argv[1])), target = atoi(argv[2]), count = 0, one = 1;
    delay_ms = atof(argv[3]);
    struct connection *all[MOST_CONNECTIONS];
    struct pollfd polled[1 + 2 * MOST_CONNECTIONS];
    for (;;) {
        polled[0] = (struct pollfd){ listener, count < MOST_CONNECTIONS ? POLLIN : 0, 0 };
        for (int i = 0; i < count; i++) {
            polled[1 + 2 * i] = (struct pollfd){ all[i]->client.ended ? -1 : all[i]->client.fd, POLLIN, 0 };
            polled[2 + 2 * i] = (struct pollfd){ all[i]->server.ended ? -1 : all[i]->server.fd, POLLIN, 0 };
        }
        struct timespec wait = time_to_wait(all, count);
        ppoll(polled, 1 + 2 * (nfds_t)count, &wait, NULL);
        for (int i = 0; i < count; i++)
            serve(all[i], polled[1 + 2 * i].revents, polled[2 + 2 * i].revents);
        for (int i = count - 1; i >= 0; i--)
            if (is_over(all[i])) {
                end(all[i]);
                all[i] = all[--count];
            }
        if (polled[0].revents & POLLIN) {
            int client = accept(listener, NULL, NULL), server = connect_to(target);
            struct connection *k = client < 0 || server < 0 ? NULL : calloc(1, sizeof *k);
            if (!k) {
                close(client);
                close(server);
                continue;
            }
            setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            k->client.fd = client;
            k->server.fd = server;
            all[count++] = k;
        }
    }
}
