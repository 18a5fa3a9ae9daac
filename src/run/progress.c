#include "run/progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"

enum { LIVE_PER_SECOND = 10, PLAIN_EVERY_SECONDS = 30 };

void ss_progress_begin(struct ss_progress *p, struct ss_log *log, const char *what)
{
    const double now = ss_clock_seconds();

    *p = (struct ss_progress){.log = log, .what = what, .started = now, .told = now};
}

/* One text for both kinds of line; which of them is due? */
static void show(struct ss_progress *p, const char *text)
{
    const double now = ss_clock_seconds();

    if (ss_log_is_live(p->log) && now - p->shown >= 1.0 / LIVE_PER_SECOND) {
        ss_log_live(p->log, text);
        p->shown = now;
    }
    if (now - p->told >= PLAIN_EVERY_SECONDS) {
        ss_say(ss_log_is_live(p->log) ? SS_LEVEL_DETAIL : SS_LEVEL_NOTE, "%s", text);
        p->told = now;
    }
}

static void rate_text(double rows_per_second, char out[32])
{
    if (rows_per_second >= 1e6)
        snprintf(out, 32, "%.1fM rows/s", rows_per_second * 1e-6);
    else if (rows_per_second >= 1e4)
        snprintf(out, 32, "%.0fk rows/s", rows_per_second * 1e-3);
    else
        snprintf(out, 32, "%.0f rows/s", rows_per_second);
}

void ss_progress_report(struct ss_progress *p, const struct ss_train_report *r)
{
    const double now = ss_clock_seconds();
    char rate[32], left[32] = "", validation[64] = "", text[256];

    if (!p->log)
        return;
    if (!p->any) {
        p->any = true;
        p->first = r->step;
        p->first_at = now;
    } else if (r->step > p->first) {
        const double per_step = (now - p->first_at) / (double)(r->step - p->first);
        ss_clock_duration(per_step * (double)(r->steps - r->step), left);
    }
    rate_text(r->rows_per_second, rate);
    if (p->has_validation)
        snprintf(validation, sizeof(validation), "  validation %.4g", p->validation.mean);
    snprintf(text, sizeof(text),
             "step %" PRIu64 " of %" PRIu64 "  loss %.4g%s  |gradient| %.3g  rate %.2g  %s%s%s", r->step,
             r->steps, r->loss, validation, r->gradient_norm, r->learning_rate, rate, *left ? "  left " : "",
             left);
    show(p, text);
}

void ss_progress_evaluation(struct ss_progress *p, const struct ss_train_evaluation *e)
{
    p->validation = e->objective;
    p->has_validation = true;
    ss_say(SS_LEVEL_DETAIL, "step %" PRIu64 "  validation %.6g +- %.2g%s", e->step, e->objective.mean,
           e->objective.standard_error, e->best ? "  (best so far)" : "");
}

void ss_progress_fraction(struct ss_progress *p, double done)
{
    const double passed = ss_clock_seconds() - p->started;
    char left[32], text[128];

    if (!p->log || passed < 0.5)
        return;
    if (done > 0) {
        ss_clock_duration(passed * (1 - done) / done, left);
        snprintf(text, sizeof(text), "%s  %.0f %%  left %s", p->what, 100 * done, left);
    } else {
        snprintf(text, sizeof(text), "%s", p->what);
    }
    show(p, text);
}

void ss_progress_end(struct ss_progress *p)
{
    ss_log_live(p->log, NULL);
}
