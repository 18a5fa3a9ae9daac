/* handle.h - what a handle of slicescore.h is; private to library/. */
#ifndef SS_LIBRARY_HANDLE_H
#define SS_LIBRARY_HANDLE_H

#include <locale.h>
#include <stdbool.h>

#include "base/status.h"
#include "base/text.h"
#include "run/row_scores.h"
#include "run/trained.h"
#include "slicescore.h"

struct slicescore {
    locale_t plain; /* the C locale, whatever the caller's is */
    struct ss_text message, warnings;
    struct ss_device *device;
    bool loaded;
    struct ss_opened_run run; /* what follows is of it */
    struct ss_row_scores *scores;
    bool normalized;
    double log_z;
};

/* What a call found in its thread, to be put back. */
struct ss_library_call {
    struct slicescore *handle;
    ss_sink_fn *sink;
    void *context;
    locale_t locale;
};

/** Begin a call: its reports go to the handle, numbers are read and written with a point. False for a handle
 * of NULL. */
bool ss_library_enter(struct slicescore *s, struct ss_library_call *call);

/** End it: put the thread back as it was and translate the status. */
enum slicescore_status ss_library_leave(struct ss_library_call *call, enum ss_status st);

/** SS_ERR_USAGE if nothing is loaded. */
SS_MUST_CHECK enum ss_status ss_library_loaded(const struct slicescore *s);

#endif
