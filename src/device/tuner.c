#include "device/tuner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"

/* A measurement lasts at least LEAST_SECONDS: one launch alone tells more of waking up than of work. */
enum { MOST_ENQUEUED = 256, HEAT = 5, LEAST_ROUNDS = 5, MOST_ROUNDS = 15, DUEL = 11, SHORT_DUEL = 5 };
static const double LEAST_SECONDS = 4e-3;
static const double HOPELESS = 0.9; /* gain after the heat below which a candidate leaves */
static const double MARGIN = 1.03;  /* gain that is worth other bits */
static const double MAKING_SHARE = 0.7, ROUNDS_SHARE = 0.9; /* of the time: until then */

struct runner {
    struct ss_tuner_candidate *c;
    void *made;
    double times[MOST_ROUNDS];
};

struct contest {
    struct ss_device *device;
    struct ss_tuner_task *task;
    const struct ss_tuner_options *options;
    double from;
    size_t repeat; /* enqueued at a time */
    struct runner *runners;
    size_t n;                /* the default is the first */
    size_t before;           /* the candidate that was kept by an earlier contest; 0: the default, or none */
    struct ss_tuning answer; /* that contest's */
};

const char *ss_tuner_outcome_text(enum ss_tuner_outcome o)
{
    static const char *const texts[] = {[SS_TUNER_UNTRIED] = "not tried: out of time",
                                        [SS_TUNER_MEASURED] = "measured",
                                        [SS_TUNER_SLOW] = "left out: too long to build",
                                        [SS_TUNER_WRONG] = "left out: wrong numbers",
                                        [SS_TUNER_FAILED] = "left out: does not run here"};

    return texts[o];
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(const double *x, size_t n)
{
    double sorted[MOST_ROUNDS];

    memcpy(sorted, x, n * sizeof(*x));
    qsort(sorted, n, sizeof(*sorted), by_size);
    return n % 2 ? sorted[n / 2] : 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]);
}

static double elapsed(const struct contest *c)
{
    return ss_clock_seconds() - c->from;
}

/* ---- one measurement ---- */

static enum ss_status time_of(const struct contest *c, const struct runner *r, size_t n, double *seconds)
{
    enum ss_status st = SS_OK;

    TRY(ss_device_finish(c->device));
    if (r->c->apart)
        return c->options->time_apart(c->options->context, (size_t)(r->c - c->task->candidates), n, seconds);
    const double from = ss_clock_seconds();
    for (size_t i = 0; i < n; i++)
        TRY(c->task->enqueue(c->task->context, r->made));
    TRY(ss_device_finish(c->device));
    *seconds = (ss_clock_seconds() - from) / (double)n;
out:
    return st;
}

/* Times of the default and of another next to each other; who begins changes from pair to pair. */
static enum ss_status time_pair(const struct contest *c, const struct runner *r, size_t turn, double *ours,
                                double *its)
{
    enum ss_status st = SS_OK;

    if (turn % 2)
        TRY(time_of(c, r, c->repeat, its));
    TRY(time_of(c, &c->runners[0], c->repeat, ours));
    if (turn % 2 == 0)
        TRY(time_of(c, r, c->repeat, its));
out:
    return st;
}

/* n pairs: the median gain, the median time, and how many pairs it won. */
static enum ss_status compare(const struct contest *c, const struct runner *r, size_t n, double *gain,
                              double *seconds, size_t *won)
{
    double gains[MOST_ROUNDS] = {0}, times[MOST_ROUNDS] = {0}, ours = 0;
    enum ss_status st = SS_OK;

    *won = 0;
    for (size_t i = 0; i < n; i++) {
        TRY(time_pair(c, r, i, &ours, &times[i]));
        gains[i] = ours / times[i];
        *won += gains[i] > 1;
    }
    *gain = median(gains, n);
    *seconds = median(times, n);
out:
    return st;
}

/* ---- making them ---- */

static void discard(const struct contest *c, void *made)
{
    if (made)
        c->task->discard(c->task->context, made);
}

/* Make it, run it once, look at its numbers: the process that has it apart has done so. Whatever goes wrong
 * becomes its outcome. */
static bool make(const struct contest *c, struct runner *r)
{
    struct ss_tuner_candidate *const one = r->c;
    const double from = ss_clock_seconds();
    struct ss_demotion quiet;
    double seconds;
    bool right = one->apart;
    enum ss_status st = SS_OK;

    ss_demote_begin(&quiet);
    if (!one->apart) {
        st = c->task->make(c->task->context, one, &r->made);
        if (st == SS_OK)
            st = c->task->right(c->task->context, r->made, &right);
    }
    if (st == SS_OK)
        st = time_of(c, r, 1, &seconds);
    ss_demote_end(&quiet);
    one->outcome = st == SS_OK && right                                   ? SS_TUNER_MEASURED
                   : st == SS_OK || (one->apart && st == SS_ERR_SELFTEST) ? SS_TUNER_WRONG
                                                                          : SS_TUNER_FAILED;
    one->seconds += ss_clock_seconds() - from;
    if (one->outcome != SS_TUNER_MEASURED)
        discard(c, r->made);
    return one->outcome == SS_TUNER_MEASURED;
}

/* The default is made without leave: it is what there is. */
static enum ss_status make_default(struct contest *c)
{
    struct runner *const r = &c->runners[0];
    double seconds = 0;
    bool right = false;
    enum ss_status st = SS_OK;

    r->c = &c->task->candidates[0];
    c->n = 1;
    TRY(c->task->make(c->task->context, r->c, &r->made));
    TRY(c->task->right(c->task->context, r->made, &right));
    if (!right) {
        r->c->outcome = SS_TUNER_WRONG;
        return SS_FAIL(SS_ERR_SELFTEST, "%s: %s gives wrong numbers", c->task->what, r->c->name);
    }
    r->c->outcome = SS_TUNER_MEASURED;
    TRY(time_of(c, r, 2, &seconds));
    TRY(time_of(c, r, 1, &seconds));
    const double fit = seconds > 0 ? LEAST_SECONDS / seconds : MOST_ENQUEUED;
    c->repeat = fit < 1 ? 1 : fit > MOST_ENQUEUED ? MOST_ENQUEUED : (size_t)ceil(fit);
    r->c->seconds = elapsed(c);
    r->c->ms = 1e3 * seconds;
    r->c->gain = 1;
out:
    return st;
}

/* A few pairs, and whether it stays. */
static bool heat(struct contest *c, const struct runner *r)
{
    struct ss_tuner_candidate *const one = r->c;
    double seconds = 0;
    size_t won = 0;

    if (compare(c, r, HEAT, &one->gain, &seconds, &won) != SS_OK) {
        one->outcome = SS_TUNER_FAILED;
        return false;
    }
    one->ms = 1e3 * seconds;
    c->task->answered = true;
    return one->gain >= HOPELESS;
}

static bool may_build(const struct contest *c, size_t i)
{
    struct ss_tuner_candidate *const one = &c->task->candidates[i];
    const double from = ss_clock_seconds();

    if (c->options->progress)
        c->options->progress(c->options->context, one->name);
    const bool builds = !c->options->builds || c->options->builds(c->options->context, i);
    one->seconds = ss_clock_seconds() - from;
    if (!builds)
        one->outcome = SS_TUNER_SLOW;
    return builds;
}

static void make_one(struct contest *c, size_t i)
{
    struct runner r = {.c = &c->task->candidates[i]};

    if (elapsed(c) > MAKING_SHARE * c->options->seconds || (r.c->apart && !c->options->time_apart) ||
        !may_build(c, i) || !make(c, &r))
        return;
    if (heat(c, &r))
        c->runners[c->n++] = r;
    else
        discard(c, r.made);
}

/* The winner of an earlier contest first: in less time than that one had, it would fall to whoever comes
 * first. Then in their order. */
static void make_all(struct contest *c)
{
    if (c->before)
        make_one(c, c->before);
    for (size_t i = 1; i < c->task->n_candidates; i++)
        if (i != c->before)
            make_one(c, i);
}

/* ---- the contest ---- */

static enum ss_status rounds(struct contest *c)
{
    double gains[MOST_ROUNDS] = {0};
    size_t n = 0;
    enum ss_status st = SS_OK;

    while (n < MOST_ROUNDS && (n < LEAST_ROUNDS || elapsed(c) < ROUNDS_SHARE * c->options->seconds)) {
        for (size_t i = 0; i < c->n; i++) {
            struct runner *const r = &c->runners[(i + n) % c->n];
            TRY(time_of(c, r, c->repeat, &r->times[n]));
        }
        n++;
    }
    for (size_t i = 0; i < c->n; i++) {
        struct runner *const r = &c->runners[i];
        for (size_t j = 0; j < n; j++)
            gains[j] = c->runners[0].times[j] / r->times[j];
        r->c->ms = 1e3 * median(r->times, n);
        r->c->gain = median(gains, n);
    }
out:
    return st;
}

static enum ss_status duel(struct contest *c, struct runner *best, bool *wins)
{
    const double pair = 2 * (double)c->repeat * 1e-3 * c->runners[0].c->ms;
    const size_t n = DUEL * pair < c->options->seconds - elapsed(c) ? DUEL : SHORT_DUEL;
    const size_t needed = n == DUEL ? 9 : SHORT_DUEL; /* by chance: once in thirty */
    double gain = 0, seconds = 0;
    size_t won = 0;
    enum ss_status st = SS_OK;

    TRY(compare(c, best, n, &gain, &seconds, &won));
    *wins = won >= needed && gain >= MARGIN;
    if (*wins) {
        best->c->gain = gain;
        best->c->ms = 1e3 * seconds;
    }
out:
    return st;
}

static enum ss_status decide(struct contest *c)
{
    struct runner *best = &c->runners[0];
    bool wins = false;
    enum ss_status st = SS_OK;

    TRY(rounds(c));
    for (size_t i = 1; i < c->n; i++)
        if (c->runners[i].c->gain > best->c->gain)
            best = &c->runners[i];
    if (best->c->gain >= MARGIN)
        TRY(duel(c, best, &wins));
    c->task->winner = wins ? (size_t)(best->c - c->task->candidates) : 0;
out:
    return st;
}

static void find_before(struct contest *c)
{
    static const int32_t most[SS_TUNING_NUMBERS] = {INT32_MAX, INT32_MAX, INT32_MAX,
                                                    INT32_MAX, INT32_MAX, INT32_MAX};

    if (!ss_tuning_find(c->device, c->task->what, most, &c->answer))
        return;
    for (size_t i = 0; i < c->task->n_candidates; i++)
        if (memcmp(c->task->candidates[i].numbers, c->answer.numbers, sizeof(c->answer.numbers)) == 0)
            c->before = i;
}

/* An answer is replaced by a contest that its candidate was in, and, if it is the same, by one of as many. */
static void keep(struct contest *c)
{
    const struct ss_tuner_candidate *const one = &c->task->candidates[c->task->winner];
    struct ss_tuning t = {.ms = one->ms, .gain = one->gain};

    for (size_t i = 0; i < c->task->n_candidates; i++)
        t.candidates += c->task->candidates[i].outcome == SS_TUNER_MEASURED;
    memcpy(t.numbers, one->numbers, sizeof(t.numbers));
    ss_clock_stamp(t.stamp);
    const bool same = memcmp(t.numbers, c->answer.numbers, sizeof(t.numbers)) == 0;
    c->task->stays = c->task->candidates[c->before].outcome == SS_TUNER_UNTRIED ||
                     (same && t.candidates < c->answer.candidates);
    c->task->kept = c->task->stays || ss_tuning_keep(c->device, c->task->what, &t);
}

enum ss_status ss_tuner_run(struct ss_device *d, struct ss_tuner_task *t,
                            const struct ss_tuner_options *options)
{
    struct contest c = {.device = d, .task = t, .options = options, .from = ss_clock_seconds(), .repeat = 1};
    enum ss_status st = SS_OK;

    t->winner = 0;
    t->answered = t->kept = t->stays = false;
    for (size_t i = 0; i < t->n_candidates; i++) {
        t->candidates[i].outcome = SS_TUNER_UNTRIED;
        t->candidates[i].seconds = 0;
        t->candidates[i].ms = t->candidates[i].gain = NAN;
    }
    TRY(ss_allocate(t->n_candidates, &c.runners));
    find_before(&c);
    if (options->progress)
        options->progress(options->context, t->candidates[0].name);
    TRY(make_default(&c));
    make_all(&c);
    if (t->answered) {
        TRY(decide(&c));
        keep(&c);
    }
out:
    for (size_t i = 0; c.runners && i < c.n; i++)
        discard(&c, c.runners[i].made);
    free(c.runners);
    return st;
}
