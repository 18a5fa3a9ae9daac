#include "run/scoring.h"

#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "run/progress.h"
#include "run/stop.h"

/* Of a piece: rows, but not so many that they fill memory where they are wide. */
enum { PIECE_ROWS = 16384, PIECE_NUMBERS = 1 << 22 };

static enum ss_status open_file(const struct ss_trained *t, const char *path, struct ss_scoring *s)
{
    struct ss_data_options options = {.file = (char *)(uintptr_t)path}; /* only read */
    enum ss_status st = SS_OK;

    if (t->transform) {
        options = t->experiment->data;
        options.source = SS_SOURCE_NONE;
        options.file = (char *)(uintptr_t)path;
        options.rows = 0;
        if (options.missing == SS_MISSING_DROP)
            options.missing = SS_MISSING_ERROR; /* the answer is row by row */
    }
    TRY(ss_table_pieces_open(&options, &s->file));
    const size_t columns = ss_table_pieces_table(s->file)->columns, wanted = ss_row_scores_inputs(s->scores);
    if (columns != wanted)
        st = SS_FAIL(SS_ERR_USAGE,
                     "%s: has %zu columns, and the run was trained on %zu; the same columns in the same "
                     "order are wanted",
                     path, columns, wanted);
out:
    return st;
}

static enum ss_status name_columns(struct ss_scoring *s)
{
    const size_t first = s->columns - s->dimension;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(s->columns, &s->names));
    if (first)
        TRY(ss_text_copy("log_density", &s->names[0]));
    for (size_t j = 0; j < s->dimension; j++) {
        const char *const name = ss_row_scores_name(s->scores, j);
        if (name)
            TRY(ss_text_format(&s->names[first + j], "score_%s", name));
        else
            TRY(ss_text_format(&s->names[first + j], "score_x%zu", j));
    }
out:
    return st;
}

enum ss_status ss_scoring_open(const struct ss_trained *t, const char *path, struct ss_scoring *out)
{
    struct ss_scoring s = {
        .trained = t, .dimension = t->model->dimension, .columns = t->model->dimension + t->model->is_energy};
    enum ss_status st = SS_OK;

    TRY(ss_row_scores_create(t, &s.scores));
    TRY(open_file(t, path, &s));
    TRY(name_columns(&s));
    TRY(ss_normalizer_find(t, &s.normalizer));
    s.normalized = s.normalizer.known;
    if (t->transform && t->model->is_energy && ss_transform_lossy(t->transform))
        ss_say(SS_LEVEL_NOTE,
               "columns were dropped by what the data look like: log_density is that of the others");
    *out = s;
    s = (struct ss_scoring){0};
out:
    ss_scoring_release(&s);
    return st;
}

void ss_scoring_release(struct ss_scoring *s)
{
    for (size_t i = 0; s->names && i < s->columns; i++)
        free(s->names[i]);
    free(s->names);
    ss_row_scores_free(s->scores);
    ss_table_pieces_free(s->file);
    *s = (struct ss_scoring){0};
}

struct window {
    const struct ss_table *table;
    size_t first;
};

static void row_of(void *context, size_t i, double *x)
{
    const struct window *const w = context;

    ss_table_row(w->table, w->first + i, x);
}

/* A column of text has no numbers to score: to answer NAN would hide it. */
static enum ss_status refuse_text(const struct ss_scoring *s, const struct ss_table *t)
{
    const size_t *const kept = ss_row_scores_kept(s->scores);

    for (size_t j = 0; t->text && j < s->dimension; j++)
        if (t->text[kept[j]])
            return SS_FAIL(SS_ERR_CORRUPT,
                           "column %zu%s%s holds text, and the run was trained on its numbers", kept[j],
                           t->names ? " " : "", t->names ? t->names[kept[j]] : "");
    return SS_OK;
}

struct buffers { /* of a piece */
    double *log_density, *score;
    float *values;
};

static enum ss_status score_piece(struct ss_scoring *s, const struct window *w, size_t rows,
                                  const struct buffers *b)
{
    const size_t first = s->columns - s->dimension;
    const double log_z = s->normalized ? s->normalizer.log_z : 0;
    struct window from = *w;
    enum ss_status st = SS_OK;

    TRY(refuse_text(s, w->table));
    TRY(ss_row_scores_run(s->scores, row_of, &from, rows, first ? b->log_density : NULL, b->score));
    for (size_t i = 0; i < rows; i++) {
        float *const out = b->values + i * s->columns;
        if (first)
            out[0] = (float)(b->log_density[i] - log_z);
        for (size_t j = 0; j < s->dimension; j++)
            out[first + j] = (float)b->score[i * s->dimension + j];
        s->bad += isnan(out[0]) ? 1 : 0;
    }
    s->rows += rows;
out:
    return st;
}

enum ss_status ss_scoring_run(struct ss_scoring *s, ss_scores_fn *take, void *context)
{
    const size_t widest =
        ss_row_scores_inputs(s->scores) > s->columns ? ss_row_scores_inputs(s->scores) : s->columns;
    const size_t most = PIECE_NUMBERS / widest < PIECE_ROWS ? PIECE_NUMBERS / widest + 1 : PIECE_ROWS;
    struct buffers b = {0};
    struct ss_progress progress;
    struct window w = {0};
    size_t rows = 0;
    enum ss_status st = SS_OK;

    ss_progress_begin(&progress, s->trained->log, "scoring");
    TRY(ss_allocate(most, &b.log_density));
    TRY(ss_allocate(most * s->dimension, &b.score));
    TRY(ss_allocate(most * s->columns, &b.values));
    for (;;) {
        TRY(ss_table_pieces_next(s->file, most, &w.table, &w.first, &rows));
        if (rows == 0)
            break;
        TRY(score_piece(s, &w, rows, &b));
        TRY(take(context, b.values, rows));
        ss_progress_fraction(&progress, ss_table_pieces_fraction(s->file));
        if (ss_stop_signal()) {
            st = SS_FAIL(SS_ERR_INTERRUPTED, "stopped after %zu rows", s->rows);
            break;
        }
    }
out:
    ss_progress_end(&progress);
    free(b.log_density);
    free(b.score);
    free(b.values);
    return st;
}
