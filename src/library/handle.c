#include "library/handle.h"

#include <stdlib.h>

#include "base/version.h"

static enum slicescore_status public_status(enum ss_status st)
{
    switch (st) {
    case SS_OK:
        return SLICESCORE_OK;
    case SS_ERR_USAGE:
        return SLICESCORE_ERROR_USAGE;
    case SS_ERR_NO_DEVICE:
        return SLICESCORE_ERROR_NO_DEVICE;
    case SS_ERR_BUILD:
    case SS_ERR_SELFTEST:
        return SLICESCORE_ERROR_BUILD;
    case SS_ERR_MEMORY:
        return SLICESCORE_ERROR_MEMORY;
    case SS_ERR_DIVERGED:
        return SLICESCORE_ERROR_DIVERGED;
    case SS_ERR_CORRUPT:
        return SLICESCORE_ERROR_CORRUPT;
    case SS_ERR_FILE:
        return SLICESCORE_ERROR_FILE;
    case SS_ERR_INTERNAL:
    case SS_ERR_DEVICE:
    case SS_ERR_POINTS:
    case SS_ERR_INTERRUPTED:
        break;
    }
    return SLICESCORE_ERROR_INTERNAL;
}

const char *slicescore_version(void)
{
    return SS_VERSION;
}

const char *slicescore_status_name(enum slicescore_status status)
{
    switch (status) {
    case SLICESCORE_OK:
        return "ok";
    case SLICESCORE_ERROR_INTERNAL:
        return "internal";
    case SLICESCORE_ERROR_USAGE:
        return "usage";
    case SLICESCORE_ERROR_NO_DEVICE:
        return "no_device";
    case SLICESCORE_ERROR_BUILD:
        return "build";
    case SLICESCORE_ERROR_MEMORY:
        return "memory";
    case SLICESCORE_ERROR_DIVERGED:
        return "diverged";
    case SLICESCORE_ERROR_CORRUPT:
        return "corrupt";
    case SLICESCORE_ERROR_FILE:
        return "file";
    }
    return "unknown";
}

/* Errors make the message, warnings are kept; what merely goes on is nobody's business here. */
static void hear(void *context, enum ss_level level, const char *text)
{
    struct slicescore *const s = context;
    struct ss_text *const to = level == SS_LEVEL_ERROR     ? &s->message
                               : level == SS_LEVEL_WARNING ? &s->warnings
                                                           : NULL;

    if (to && to->length)
        ss_text_add(to, "\n");
    if (to)
        ss_text_add(to, text);
}

bool ss_library_enter(struct slicescore *s, struct ss_library_call *call)
{
    if (!s)
        return false;
    *call = (struct ss_library_call){.handle = s};
    ss_text_clear(&s->message);
    ss_text_clear(&s->warnings);
    s->message.failed = s->warnings.failed = false;
    ss_sink_get(&call->sink, &call->context);
    ss_sink_set(hear, s);
    call->locale = uselocale(s->plain);
    return true;
}

enum slicescore_status ss_library_leave(struct ss_library_call *call, enum ss_status st)
{
    uselocale(call->locale);
    ss_sink_set(call->sink, call->context);
    if (st == SS_OK) /* what was tried in vain on the way is no failure of the call */
        ss_text_clear(&call->handle->message);
    return public_status(st);
}

enum ss_status ss_library_loaded(const struct slicescore *s)
{
    return s->loaded ? SS_OK : SS_FAIL(SS_ERR_USAGE, "no run is loaded: slicescore_load() comes first");
}

struct slicescore *slicescore_create(void)
{
    struct slicescore *const s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!s->plain) {
        free(s);
        return NULL;
    }
    ss_text_init(&s->message);
    ss_text_init(&s->warnings);
    return s;
}

static void unload(struct slicescore *s)
{
    ss_row_scores_free(s->scores);
    s->scores = NULL;
    if (s->loaded)
        ss_opened_run_release(&s->run);
    s->loaded = s->normalized = false;
}

void slicescore_free(struct slicescore *s)
{
    struct ss_library_call call;

    if (!ss_library_enter(s, &call))
        return;
    unload(s);
    ss_device_free(s->device);
    (void)ss_library_leave(&call, SS_OK);
    ss_text_release(&s->message);
    ss_text_release(&s->warnings);
    freelocale(s->plain);
    free(s);
}

const char *slicescore_message(const struct slicescore *s)
{
    if (!s)
        return "no handle: slicescore_create() found no memory, or NULL was given";
    return s->message.failed ? "out of memory, also for the reason" : s->message.data;
}

const char *slicescore_warnings(const struct slicescore *s)
{
    return s ? s->warnings.data : "";
}

enum slicescore_status slicescore_open_device(struct slicescore *s, const char *device)
{
    struct ss_library_call call;
    struct ss_device *opened = NULL;
    enum ss_status st = SS_OK;

    if (!ss_library_enter(s, &call))
        return SLICESCORE_ERROR_USAGE;
    TRY(ss_run_device_choose(device, NULL, NULL, &opened));
    unload(s);
    ss_device_free(s->device);
    s->device = opened;
out:
    return ss_library_leave(&call, st);
}

const char *slicescore_device_name(const struct slicescore *s)
{
    const struct ss_device *const d = !s ? NULL : s->device ? s->device : s->loaded ? s->run.device : NULL;

    return d ? ss_device_info(d)->name : "";
}

enum slicescore_status slicescore_load(struct slicescore *s, const char *run, enum slicescore_weights weights)
{
    struct ss_library_call call;
    enum ss_status st = SS_OK;

    if (!ss_library_enter(s, &call))
        return SLICESCORE_ERROR_USAGE;
    unload(s);
    if (!run || (weights != SLICESCORE_WEIGHTS_BEST && weights != SLICESCORE_WEIGHTS_LAST)) {
        st = SS_FAIL(SS_ERR_USAGE, "slicescore_load wants a folder and best or last weights");
        goto out;
    }
    TRY(ss_run_open(run,
                    &(struct ss_opened_run_options){
                        .opened = s->device,
                        .weights = weights == SLICESCORE_WEIGHTS_LAST ? SS_WEIGHTS_LAST : SS_WEIGHTS_BEST},
                    &s->run));
    s->loaded = true;
    st = ss_row_scores_create(&s->run.trained, &s->scores);
    if (st != SS_OK)
        unload(s);
out:
    return ss_library_leave(&call, st);
}

size_t slicescore_dimension(const struct slicescore *s)
{
    return s && s->loaded ? s->run.model->dimension : 0;
}

const char *slicescore_column(const struct slicescore *s, size_t j)
{
    return j < slicescore_dimension(s) ? ss_row_scores_name(s->scores, j) : NULL;
}

enum slicescore_kind slicescore_kind(const struct slicescore *s)
{
    if (!s || !s->loaded)
        return SLICESCORE_KIND_NONE;
    return s->run.model->is_energy ? SLICESCORE_KIND_ENERGY : SLICESCORE_KIND_SCORE;
}

uint64_t slicescore_step(const struct slicescore *s)
{
    return s && s->loaded ? s->run.trained.step : 0;
}
