/* session.h - one run while it is being written; for run.c, resume.c, import.c and finish.c. */
#ifndef SS_RUN_SESSION_H
#define SS_RUN_SESSION_H

#include "run/directory.h"
#include "run/metrics.h"
#include "run/run.h"
#include "run/setting.h"
#include "run/trained.h"

struct ss_session {
    const struct ss_run_request *request;
    struct ss_experiment *experiment;
    struct ss_setting setting;
    struct ss_run_directory directory;
    struct ss_run_record record;
    bool as_begun;     /* go on by the record's engine numbers: the same bits */
    char *checkpoints; /* RUN/ckpt */
    struct ss_metrics *metrics;
};

void ss_session_release(struct ss_session *s);

/** SS_ERR_USAGE if a block that training needs is not there. */
SS_MUST_CHECK enum ss_status ss_session_wants(const struct ss_experiment *e);

/** Device, rows, model; and the record's fields that follow from them. */
SS_MUST_CHECK enum ss_status ss_session_prepare(struct ss_session *s);

/** Make the folder with config.yaml, resolved.yaml, transform.safetensors, run.json and log.txt. */
SS_MUST_CHECK enum ss_status ss_session_make_folder(struct ss_session *s);

/** resolved.yaml, with the origin of each value. */
SS_MUST_CHECK enum ss_status ss_session_write_resolved(const struct ss_session *s);

/** Train (after a checkpoint if `resume`), then finish; sets the record's status and writes it. */
SS_MUST_CHECK enum ss_status ss_session_train(struct ss_session *s, bool resume);

/** Evaluate the best weights, sample, draw, and say what was written. */
SS_MUST_CHECK enum ss_status ss_session_finish(struct ss_session *s);

/** Give the outcome to the caller; `out` is sound whatever comes back. */
SS_MUST_CHECK enum ss_status ss_session_result(struct ss_session *s, struct ss_run_result *out);

#endif
