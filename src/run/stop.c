#include "run/stop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

/* The one variable that a signal handler may write. */
static volatile sig_atomic_t asked;

static int depth;   /* installed so often */
static bool person; /* who sees what is said */

static const int signals[] = {SIGINT, SIGTERM, SIGUSR1};

static void handle(int signal_number)
{
    if (signal_number == SIGINT && asked == SIGINT) {
        signal(SIGINT, SIG_DFL);
        raise(SIGINT); /* pending until this handler returns */
        return;
    }
    asked = signal_number;
    if (signal_number == SIGINT && person) {
        static const char text[] =
            "\nslicescore: stopping after what has begun; Ctrl-C again ends it at once\n";
        const int before = errno; /* of what was interrupted */
        const ssize_t all_of_it = write(STDERR_FILENO, text, sizeof(text) - 1);
        (void)all_of_it;
        errno = before;
    }
}

void ss_stop_install(void)
{
    struct sigaction a = {.sa_handler = handle, .sa_flags = SA_RESTART};

    if (depth++ > 0)
        return;
    asked = 0;
    person = isatty(STDERR_FILENO);
    sigemptyset(&a.sa_mask);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaction(signals[i], &a, NULL);
}

void ss_stop_restore(void)
{
    if (depth == 0 || --depth > 0)
        return;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        signal(signals[i], SIG_DFL);
}

int ss_stop_signal(void)
{
    return asked;
}
