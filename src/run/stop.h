/*
 * stop.h - Ctrl-C, TERM and USR1 (what batch systems send before time is up) ask for a stop: a checkpoint is
 * saved and the process exits 75. A second Ctrl-C is honoured at once, which a terminal is told at the first.
 */
#ifndef SS_RUN_STOP_H
#define SS_RUN_STOP_H

#include <stdbool.h>

/** From now on those signals only set a flag; the flag is cleared. Calls nest: only the outermost pair does
 * anything. */
void ss_stop_install(void);

/** Back to what signals do by themselves. */
void ss_stop_restore(void);

/** Number of the signal that asked for a stop, or 0. */
int ss_stop_signal(void);

#endif
