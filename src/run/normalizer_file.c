/* normalizer_file.c - log Z as a line, as JSON, and as the file of a run that keeps it. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/json.h"
#include "run/normalizer.h"

enum { FORMAT = 1, MOST_BYTES = 1 << 16, DIGEST = 17 };

static const char name[] = "log_z.json";
static const char *const methods[] = {"formula", "quadrature", "annealing"};

void ss_normalizer_text(const struct ss_normalizer *z, struct ss_text *out)
{
    const struct ss_annealing *const a = &z->annealing;

    switch (z->method) {
    case SS_NORMALIZER_FORMULA:
        ss_text_addf(out, "log Z = %.6g by the formula of a gaussian", z->log_z);
        break;
    case SS_NORMALIZER_QUADRATURE:
        ss_text_addf(out, "log Z = %.6g by quadrature, %zu points out to %.4g, error about %.1g", z->log_z,
                     z->points, fmax(fabs(z->low[0]), fabs(z->high[0])), z->error);
        break;
    case SS_NORMALIZER_ANNEALING:
        ss_text_addf(
            out,
            "log Z by annealing: %.5g +- %.2g forth, %.5g +- %.2g back, %.5g +- %.2g back from held-out "
            "rows (%u chains, effectively %.0f, %.0f and %.0f; %u temperatures)",
            a->forward.value, a->forward.standard_error, a->backward.value, a->backward.standard_error,
            a->from_rows.value, a->from_rows.standard_error, z->sizes.chains, a->forward.ess, a->backward.ess,
            a->from_rows.ess, z->sizes.temperatures);
        break;
    }
}

static void add_way(struct ss_text *t, const char *key, const struct ss_log_estimate *e)
{
    ss_json_open(t, key, '{');
    ss_json_number(t, "value", e->value);
    ss_json_number(t, "standard_error", e->standard_error);
    ss_json_number(t, "effective_sample_size", e->ess);
    ss_json_close(t, '}');
}

void ss_normalizer_json(const struct ss_normalizer *z, struct ss_text *out)
{
    if (!z->known && !z->annealed) {
        ss_json_null(out, "log_z");
        return;
    }
    ss_json_open(out, "log_z", '{');
    ss_json_text(out, "method", methods[z->method]);
    ss_json_bool(out, "known", z->known);
    ss_json_number(out, "value", z->log_z);
    ss_json_number(out, "error", z->error);
    if (z->annealed) {
        add_way(out, "forward", &z->annealing.forward);
        add_way(out, "backward", &z->annealing.backward);
        add_way(out, "from_rows", &z->annealing.from_rows);
        ss_json_integer(out, "chains", z->sizes.chains);
        ss_json_integer(out, "temperatures", z->sizes.temperatures);
        ss_json_integer(out, "leapfrog", z->sizes.leapfrog);
        ss_json_number(out, "acceptance", z->annealing.acceptance);
        ss_json_number(out, "path_length", z->annealing.length);
    }
    ss_json_close(out, '}');
}

/* ---- the file ---- */

/* Which weights a log Z is of. */
static enum ss_status digest(const struct ss_trained *t, char out[DIGEST])
{
    const size_t n = ss_graph_flat_size(t->model->graph);
    float *flat = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(n, &flat));
    TRY(ss_span_read(t->weights, flat, n));
    snprintf(out, DIGEST, "%016" PRIx64, (uint64_t)XXH3_64bits(flat, n * sizeof(*flat)));
out:
    free(flat);
    return st;
}

enum ss_status ss_normalizer_keep(const struct ss_trained *t, const struct ss_normalizer *z)
{
    char weights[DIGEST], *path = NULL;
    struct ss_text text;
    enum ss_status st = SS_OK;

    ss_text_init(&text);
    if (!t->folder)
        goto out;
    TRY(digest(t, weights));
    ss_json_open(&text, NULL, '{');
    ss_json_integer(&text, "format", FORMAT);
    ss_json_text(&text, "weights", weights);
    ss_normalizer_json(z, &text);
    ss_json_close(&text, '}');
    ss_text_add(&text, "\n");
    TRY(ss_text_status(&text));
    TRY(ss_path_join(t->folder, name, &path));
    TRY(ss_file_write(path, text.data, text.length));
out:
    free(path);
    ss_text_release(&text);
    return st;
}

static double number(const json_t *o, const char *key)
{
    const json_t *const v = json_object_get(o, key);

    return json_is_number(v) ? json_number_value(v) : NAN;
}

static struct ss_log_estimate way(const json_t *o)
{
    return (struct ss_log_estimate){number(o, "value"), number(o, "standard_error"),
                                    number(o, "effective_sample_size")};
}

static uint32_t size(const json_t *o, const char *key)
{
    const json_int_t n = json_integer_value(json_object_get(o, key)); /* 0 if it is not one */

    return n > 0 && n <= UINT32_MAX ? (uint32_t)n : 0;
}

/* Of these weights and sound, else not known. */
static void take(const json_t *o, const char *weights, struct ss_normalizer *out)
{
    const json_t *const z = json_object_get(o, "log_z");
    const char *const of = json_string_value(json_object_get(o, "weights"));
    struct ss_normalizer found = {.method = SS_NORMALIZER_ANNEALING,
                                  .annealed = true,
                                  .log_z = number(z, "value"),
                                  .error = number(z, "error"),
                                  .annealing = {.forward = way(json_object_get(z, "forward")),
                                                .backward = way(json_object_get(z, "backward")),
                                                .from_rows = way(json_object_get(z, "from_rows")),
                                                .length = number(z, "path_length"),
                                                .acceptance = number(z, "acceptance")},
                                  .sizes = {size(z, "chains"), size(z, "temperatures"), size(z, "leapfrog")}};

    if (json_integer_value(json_object_get(o, "format")) == FORMAT && of && strcmp(of, weights) == 0 &&
        json_is_true(json_object_get(z, "known")) && isfinite(found.log_z) && isfinite(found.error)) {
        found.known = true;
        *out = found;
    }
}

enum ss_status ss_normalizer_kept(const struct ss_trained *t, struct ss_normalizer *out)
{
    char weights[DIGEST], *path = NULL, *text = NULL;
    size_t length = 0;
    json_t *o = NULL;
    json_error_t error;
    enum ss_status st = SS_OK;

    *out = (struct ss_normalizer){0};
    if (!t->folder)
        return SS_OK;
    TRY(ss_path_join(t->folder, name, &path));
    if (!ss_path_exists(path))
        goto out;
    TRY(digest(t, weights));
    TRY(ss_file_read(path, MOST_BYTES, &text, &length));
    o = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(o)) {
        st = SS_FAIL(SS_ERR_CORRUPT, "%s: is not a JSON object: line %d: %s", path, error.line, error.text);
        goto out;
    }
    take(o, weights, out);
out:
    json_decref(o);
    free(text);
    free(path);
    return st;
}
