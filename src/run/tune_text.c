/* tune_text.c - what tuning found, for people and for programs. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "run/tune.h"

/* ---- for people ---- */

static int width_of(const struct ss_tune_answer *a)
{
    enum { USUAL = 34 };
    size_t width = USUAL;

    for (size_t i = 0; i < a->n_candidates; i++)
        width = strlen(a->candidates[i].name) > width ? strlen(a->candidates[i].name) : width;
    return (int)width;
}

static void add_row(const struct ss_tune_answer *a, size_t i, int width, struct ss_text *out)
{
    const struct ss_tuner_candidate *const c = &a->candidates[i];
    const char *const remark = i == a->winner ? (i ? "winner" : "default, stays") : i == 0 ? "default" : "";

    if (c->outcome == SS_TUNER_MEASURED)
        ss_text_addf(out, "%c %-*s %10.4g %9.2f %8.1f  %s\n", i == a->winner ? '*' : ' ', width, c->name,
                     c->ms, c->gain, c->seconds, remark);
    else
        ss_text_addf(out, "  %-*s %10s %9s %8.1f  %s\n", width, c->name, "", "", c->seconds,
                     ss_tuner_outcome_text(c->outcome));
}

static size_t measured(const struct ss_tune_answer *a)
{
    size_t n = 0;

    for (size_t i = 0; i < a->n_candidates; i++)
        n += a->candidates[i].outcome == SS_TUNER_MEASURED;
    return n;
}

/* A line of each: the ways of one product differ in little. */
static void add_product(const struct ss_tune_answer *a, int width, struct ss_text *out)
{
    enum { PRODUCT = sizeof("product") };
    const struct ss_tuner_candidate *const winner = &a->candidates[a->winner];

    if (!a->answered)
        ss_text_addf(out, "  product %-25s not measured: out of time\n", a->name);
    else
        ss_text_addf(out, "%c product %-*s %10.4g %9.2f           %s, the best of %zu\n",
                     a->winner ? '*' : ' ', width - PRODUCT, a->name, winner->ms, winner->gain,
                     a->winner ? winner->name : "default, stays", measured(a));
}

void ss_tune_text(const struct ss_tune_result *r, struct ss_text *out)
{
    const struct ss_tune_answer *const a = &r->loss;
    const struct ss_tuner_candidate *const winner = &a->candidates[a->winner];
    const char *const word = a->kept ? "kept" : "found, not kept";
    const int width = width_of(a);

    ss_text_addf(out, "%s: loss and gradient of %zu row%s\n", r->work.name, r->work.rows,
                 r->work.rows == 1 ? "" : "s");
    ss_text_addf(out, "  %-*s %10s %9s %8s\n", width, "candidate", "ms", "x default", "build s");
    for (size_t i = 0; i < a->n_candidates; i++)
        add_row(a, i, width, out);
    for (size_t i = 0; i < r->n_products; i++)
        add_product(&r->products[i], width, out);
    if (!a->answered && a->n_candidates == 1)
        ss_text_add(out, "  no other way to compute it is allowed\n");
    else if (!a->answered)
        ss_text_add(out, "  nothing but the default was measured in this time; --seconds gives more\n");
    else if (a->stays)
        ss_text_addf(out,
                     "  kept: what was measured before; this contest was too short for another (%.1f s)\n",
                     a->seconds);
    else if (a->winner)
        ss_text_addf(out, "  %s: %s, %.2f times as fast as the default (%.1f s)\n", word, winner->name,
                     winner->gain, a->seconds);
    else
        ss_text_addf(out, "  %s: the default; nothing was faster beyond the noise (%.1f s)\n", word,
                     a->seconds);
}

/* ---- for programs ---- */

static void add_candidate(const struct ss_tuner_candidate *c, bool winner, struct ss_text *out)
{
    ss_json_open(out, NULL, '{');
    ss_json_text(out, "name", c->name);
    ss_json_text(out, "outcome", ss_tuner_outcome_text(c->outcome));
    ss_json_bool(out, "winner", winner);
    ss_json_number(out, "ms", c->ms);
    ss_json_number(out, "gain", c->gain);
    ss_json_number(out, "build_s", c->seconds);
    ss_json_open(out, "numbers", '[');
    for (size_t i = 0; i < SS_TUNING_NUMBERS; i++)
        ss_json_integer(out, NULL, c->numbers[i]);
    ss_json_close(out, ']');
    ss_json_close(out, '}');
}

static void add_answer(const struct ss_tune_answer *a, const char *name, struct ss_text *out)
{
    ss_json_text(out, "name", name);
    ss_json_text(out, "what", a->what);
    ss_json_text(out, "winner", a->answered ? a->candidates[a->winner].name : NULL);
    ss_json_number(out, "gain", a->answered ? a->candidates[a->winner].gain : NAN);
    ss_json_bool(out, "kept", a->kept);
    ss_json_number(out, "seconds", a->seconds);
    ss_json_open(out, "candidates", '[');
    for (size_t i = 0; i < a->n_candidates; i++)
        add_candidate(&a->candidates[i], a->answered && i == a->winner, out);
    ss_json_close(out, ']');
}

void ss_tune_json(const struct ss_tune *t, struct ss_text *out)
{
    ss_json_open(out, NULL, '{');
    ss_json_text(out, "device", t->device.name);
    ss_json_text(out, "driver", t->device.driver);
    ss_json_open(out, "results", '[');
    for (size_t i = 0; i < t->n_results; i++) {
        const struct ss_tune_result *const r = &t->results[i];
        ss_json_open(out, NULL, '{');
        add_answer(&r->loss, r->work.name, out);
        ss_json_open(out, "products", '[');
        for (size_t j = 0; j < r->n_products; j++) {
            ss_json_open(out, NULL, '{');
            add_answer(&r->products[j], r->products[j].name, out);
            ss_json_close(out, '}');
        }
        ss_json_close(out, ']');
        ss_json_close(out, '}');
    }
    ss_json_close(out, ']');
    ss_json_close(out, '}');
    ss_text_add(out, "\n");
}
