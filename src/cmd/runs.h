/* runs.h - what the commands that make or open runs share. */
#ifndef SS_CMD_RUNS_H
#define SS_CMD_RUNS_H

#include "cmd/command.h"
#include "run/run.h"
#include "run/trained.h"

/** A request for `path` with the words from `first` on as overrides. */
void ss_request_fill(const struct ss_invocation *in, const char *path, size_t first,
                     struct ss_run_request *out);

/** With --json print {"run", "status", "steps", "seconds", "loss", "metrics"} if there is a folder. Gives
 * `st` back, or what went wrong with printing. */
SS_MUST_CHECK enum ss_status ss_print_result(const struct ss_invocation *in,
                                             const struct ss_run_result *result, enum ss_status st);

/** The words after the first are KEY=VALUE of this block: what a run has learned is settled, how it is used
 * is not. */
SS_MUST_CHECK enum ss_status ss_check_block_overrides(const struct ss_invocation *in, const char *block);

/** The run that the first word names, with --device and --weights. */
SS_MUST_CHECK enum ss_status ss_open_run(const struct ss_invocation *in, struct ss_opened_run *out);

/** The same with KEY=VALUE over what the run's file says; the caller sees to it that they leave alone what
 * was trained. */
SS_MUST_CHECK enum ss_status ss_open_run_with(const struct ss_invocation *in, const char *const *overrides,
                                              size_t n_overrides, struct ss_opened_run *out);

#endif
