#include "base/signals.h"

#include <pthread.h>
#include <stdbool.h>

static const int stop_signals[SS_STOP_SIGNALS] = {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};

static void hold(struct ss_signals *out, bool handled_alone)
{
    sigset_t set;

    sigemptyset(&set);
    for (int i = 0; i < SS_STOP_SIGNALS; i++) {
        sigaction(stop_signals[i], NULL, &out->actions[i]);
        if (!handled_alone || out->actions[i].sa_handler != SIG_DFL)
            sigaddset(&set, stop_signals[i]);
    }
    pthread_sigmask(SIG_BLOCK, &set, &out->mask);
}

void ss_signals_hold(struct ss_signals *out)
{
    hold(out, false);
}

void ss_signals_hold_handled(struct ss_signals *out)
{
    hold(out, true);
}

void ss_signals_release(const struct ss_signals *held)
{
    for (int i = 0; i < SS_STOP_SIGNALS; i++)
        sigaction(stop_signals[i], &held->actions[i], NULL);
    pthread_sigmask(SIG_SETMASK, &held->mask, NULL);
}
