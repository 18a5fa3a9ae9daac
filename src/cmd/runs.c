#include "cmd/runs.h"

#include <string.h>

#include "base/json.h"

void ss_request_fill(const struct ss_invocation *in, const char *path, size_t first,
                     struct ss_run_request *out)
{
    *out = (struct ss_run_request){.path = path,
                                   .overrides = in->words + first,
                                   .n_overrides = in->n_words > first ? in->n_words - first : 0,
                                   .device = in->device,
                                   .argv = in->argv,
                                   .n_argv = in->n_argv,
                                   .log = in->log};
}

enum ss_status ss_print_result(const struct ss_invocation *in, const struct ss_run_result *result,
                               enum ss_status st)
{
    const struct ss_run_record *const r = &result->record;
    struct ss_text t;

    if (!in->json || !result->path)
        return st;
    ss_text_init(&t);
    ss_json_open(&t, NULL, '{');
    ss_json_text(&t, "run", result->path);
    ss_json_text(&t, "status", ss_run_status_name(r->status));
    ss_json_integer(&t, "steps", (long long)r->steps);
    ss_json_number(&t, "seconds", r->seconds);
    ss_json_number(&t, "loss", r->loss);
    ss_json_integer(&t, "rows", (long long)r->metrics.rows);
    ss_metrics_list_json(&r->metrics, &t);
    ss_json_close(&t, '}');
    ss_text_add(&t, "\n");
    const enum ss_status printed = ss_text_status(&t);
    ss_print(t.data);
    ss_text_release(&t);
    return st == SS_OK ? printed : st;
}

enum ss_status ss_check_block_overrides(const struct ss_invocation *in, const char *block)
{
    const size_t n = strlen(block);
    enum ss_status st = SS_OK;

    TRY(ss_check_overrides(in, 1));
    for (size_t i = 1; i < in->n_words; i++)
        if (strncmp(in->words[i], block, n) != 0 || in->words[i][n] != '.') {
            st =
                SS_FAIL(SS_ERR_USAGE, "'%s': only keys of the %s block can be set here", in->words[i], block);
            break;
        }
out:
    return st;
}

enum ss_status ss_open_run_with(const struct ss_invocation *in, const char *const *overrides,
                                size_t n_overrides, struct ss_opened_run *out)
{
    int weights = 0;
    enum ss_status st = SS_OK;

    TRY(ss_option_weights(in, &weights));
    TRY(ss_run_open(in->words[0],
                    &(struct ss_opened_run_options){.device = in->device,
                                                    .weights = weights ? SS_WEIGHTS_LAST : SS_WEIGHTS_BEST,
                                                    .overrides = overrides,
                                                    .n_overrides = n_overrides,
                                                    .log = in->log},
                    out));
out:
    return st;
}

enum ss_status ss_open_run(const struct ss_invocation *in, struct ss_opened_run *out)
{
    return ss_open_run_with(in, NULL, 0, out);
}
