/* signals.h - signals that ask a process to stop, kept from code that cannot take them. */
#ifndef SS_BASE_SIGNALS_H
#define SS_BASE_SIGNALS_H

#include <signal.h>

enum { SS_STOP_SIGNALS = 5 };

struct ss_signals {
    sigset_t mask;
    struct sigaction actions[SS_STOP_SIGNALS];
};

/** Hold SIGHUP, SIGINT, SIGTERM, SIGUSR1 and SIGUSR2 back from this thread and from the threads and processes
 * that it begins meanwhile, which keep them out for good. */
void ss_signals_hold(struct ss_signals *out);

/** The same for a driver's compiler, which may take long: a signal that ends the process may do so at once,
 * one that has a handler waits. The LLVM in drivers puts handlers of its own over it, which remove the files
 * that are being written, and so fail the build; a linker that it runs would die of a Ctrl-C. */
void ss_signals_hold_handled(struct ss_signals *out);

/** Put mask and handlers back as they were found; what came meanwhile comes now. */
void ss_signals_release(const struct ss_signals *held);

#endif
