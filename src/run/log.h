/*
 * log.h - what a command says: to people on stderr, with colour and one live line where that is a terminal,
 * and to log.txt of a run.
 *
 * While it lives it is the sink of the thread that made it (base/status.h). log.txt gets everything, details
 * too, each line with the time; stderr gets warnings and errors, notes unless quiet, details if verbose.
 * NO_COLOR and TERM=dumb are honoured.
 */
#ifndef SS_RUN_LOG_H
#define SS_RUN_LOG_H

#include <stdbool.h>

#include "base/status.h"

struct ss_log;

struct ss_log_options {
    bool quiet, verbose;
};

SS_MUST_CHECK enum ss_status ss_log_create(const struct ss_log_options *options, struct ss_log **out);

/** Ends the phase, clears the live line, closes the file; the default sink is back. */
void ss_log_free(struct ss_log *l);

/** Append to `path` from now on; what was said before goes in first. Later calls change the file. */
SS_MUST_CHECK enum ss_status ss_log_file(struct ss_log *l, const char *path);

/** A live line can be shown: stderr is a terminal and not quiet. */
bool ss_log_is_live(const struct ss_log *l);

/** Show `text` as the live line, in place of the last one; NULL: clear it. Nothing where there is none. */
void ss_log_live(struct ss_log *l, const char *text);

/**
 * "what" is being done from now on, by a call that may take long without saying so ("reading wine.csv"). If
 * it lasts over a second people are told, by a thread of the log's own. NULL: done. A phase within a phase
 * replaces it.
 */
void ss_log_phase(struct ss_log *l, const char *what);

#endif
