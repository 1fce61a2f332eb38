/*
 * time.c - clocks, sleeping and UUID version 7.
 *
 * Every duration and deadline uses the monotonic clock; the wall clock is for people and for identifiers that sort by
 * time. The counter that keeps identifiers of one millisecond in order is per thread, so that it needs no lock: order
 * matters within a run, and a run is one thread. Facts: RFC 9562, 5.7 and 6.2 (method 1).
 */
#include "util/util.h"

#include <stdio.h>
#include <sys/random.h>
#include <time.h>

static int64_t clock_ms(clockid_t id)
{
    struct timespec t = { 0 };
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t wb_now_ms(void) { return clock_ms(CLOCK_MONOTONIC); }
int64_t wb_wall_ms(void) { return clock_ms(CLOCK_REALTIME); }

/* A signal ends the sleep early, so that its caller sees the cancel flag at once. */
void wb_sleep_ms(int64_t ms)
{
    if (ms <= 0)
        return;
    struct timespec t = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };
    nanosleep(&t, NULL);
}

void wb_utc_text(int64_t wall_ms, char out[32])
{
    int64_t ms = wall_ms % 1000;
    if (ms < 0)
        ms += 1000;
    time_t seconds = (time_t)((wall_ms - ms) / 1000);
    struct tm t;
    out[0] = 0;
    if (!gmtime_r(&seconds, &t) || t.tm_year < -1900 || t.tm_year > 8099) /* years 0 to 9999 are written */
        return;
    snprintf(out, 32, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)(t.tm_year + 1900) % 10000,
             (unsigned)(t.tm_mon + 1) % 100, (unsigned)t.tm_mday % 100, (unsigned)t.tm_hour % 100,
             (unsigned)t.tm_min % 100, (unsigned)t.tm_sec % 100, (unsigned)ms % 1000);
}

void wb_span_text(int64_t ms, char out[32])
{
    long long n = ms > 0 ? (long long)ms : 0;
    if (n < 1000)
        snprintf(out, 32, "%lld ms", n);
    else if (n < 10000 && n % 1000 >= 100)
        snprintf(out, 32, "%lld.%lld s", n / 1000, n % 1000 / 100);
    else if (n < 120000)
        snprintf(out, 32, "%lld s", n / 1000);
    else if (n < 7200000)
        snprintf(out, 32, "%lld min", n / 60000);
    else if (n < 48ll * 3600000)
        snprintf(out, 32, "%lld h", n / 3600000);
    else
        snprintf(out, 32, "%lld days", n / (24ll * 3600000));
}

static _Thread_local int64_t uuid_ms;
static _Thread_local unsigned uuid_count;

int wb_uuid7(char out[37])
{
    uint8_t b[16];
    if (getentropy(b + 6, 10) != 0)
        return -1;
    int64_t now = wb_wall_ms();
    if (now > uuid_ms) {
        uuid_ms = now;
        uuid_count = ((b[6] & 7u) << 8) | b[7]; /* the lower half, so that a burst has room to count up */
    } else if (++uuid_count > 0xFFF) {          /* also when the wall clock was set back */
        uuid_ms++;
        uuid_count = 0;
    }
    for (int i = 0; i < 6; i++)
        b[i] = (uint8_t)(uuid_ms >> (40 - 8 * i));
    b[6] = (uint8_t)(0x70 | uuid_count >> 8);
    b[7] = (uint8_t)uuid_count;
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3F));

    char hex[33];
    wb_hex(b, sizeof b, hex);
    snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    return 0;
}
