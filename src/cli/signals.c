/*
 * signals.c - stop without leaving a puzzle.
 *
 * The first SIGINT, SIGTERM or SIGHUP asks the library to stop: what runs in a transaction is cancelled and rolled
 * back, the running statement of a stepwise script ends first. The second one ends the program at once. timeout(1) and
 * others signal the process and then its group, so what comes in the same moment is still the first one.
 * SIGPIPE is ignored: `whimbrel up | head` must not die in the middle of a migration because nobody reads any more.
 * The writable globals of the program are here, since a handler gets no argument.
 */
#include "cli/cli.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static wbl_handle *volatile running;
static volatile sig_atomic_t caught, caught_at_ms;

#define SAME_MOMENT_MS 50
#define CLOCK_MASK 0x3fffffff /* of a clock in milliseconds, what a sig_atomic_t holds for sure */

static void say(const char *text)
{
    ssize_t n = write(STDERR_FILENO, text, strlen(text));
    (void)n; /* in a handler nothing can be done about it */
}

static void on_signal(int number)
{
    int now_ms = (int)(wb_now_ms() & CLOCK_MASK);
    if (caught && running && ((now_ms - caught_at_ms) & CLOCK_MASK) < SAME_MOMENT_MS)
        return;
    if (caught || !running) {
        if (running)
            say("\nwhimbrel: ended at once; what ran in a transaction is rolled back by the database, and the next "
                "`whimbrel up` looks at what is left\n");
        _exit(128 + number);
    }
    caught = number;
    caught_at_ms = now_ms;
    wbl_cancel(running);
    say("\nwhimbrel: stopping; once more ends it at once\n");
}

void cli_signals_start(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action, old;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    action.sa_handler = on_signal; /* without SA_RESTART: a prompt must end */
    for (size_t i = 0; i < WB_COUNT(numbers); i++)
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) /* nohup, a shell's & */
            sigaction(numbers[i], &action, NULL);
}

void cli_signals_handle(wbl_handle *handle) { running = handle; }
int cli_signal_caught(void) { return caught; }

const char *cli_signal_name(int number)
{
    return number == SIGINT ? "SIGINT" : number == SIGTERM ? "SIGTERM" : number == SIGHUP ? "SIGHUP" : NULL;
}
