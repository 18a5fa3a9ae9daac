/* plot.c - columns of tables as curves. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/json.h"
#include "cmd/commands.h"
#include "data/table.h"
#include "report/picture.h"

enum { MOST_SERIES = 16, MOST_COLUMNS = 8 };

struct plot {
    struct ss_line_series series[MOST_SERIES];
    char *names[MOST_SERIES];
    double *numbers[4 * MOST_SERIES]; /* what the series borrow */
    size_t n, n_numbers;
    char *x_name, *y_name; /* of the first column, for labels not given */
};

static void release(struct plot *p)
{
    for (size_t i = 0; i < p->n_numbers; i++)
        free(p->numbers[i]);
    for (size_t i = 0; i < p->n; i++)
        free(p->names[i]);
    free(p->x_name);
    free(p->y_name);
}

static enum ss_status find_column(const struct ss_table *t, const char *file, const char *name,
                                  size_t *column)
{
    if (!ss_table_column(t, name, column)) {
        const char *const nearest =
            t->names ? ss_text_nearest(name, (const char *const *)t->names, t->columns) : NULL;
        return SS_FAIL(SS_ERR_USAGE, "%s has no column '%s'%s%s%s", file, name,
                       nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    }
    if (t->text && t->text[*column])
        return SS_FAIL(SS_ERR_USAGE, "%s: column '%s' holds text", file, name);
    return SS_OK;
}

static enum ss_status take(struct plot *p, size_t n, double **out)
{
    enum ss_status st = SS_OK;

    TRY(ss_allocate(n, out));
    p->numbers[p->n_numbers++] = *out;
out:
    return st;
}

struct columns {
    size_t x, y, error;
    bool with_error;
};

/* Rows that have both numbers: in metrics.csv reports and evaluations are rows of their own. */
static enum ss_status add_series(struct plot *p, const struct ss_table *t, const char *file,
                                 const struct columns *c, char *name, enum ss_line_style style)
{
    double *x = NULL, *y = NULL, *low = NULL, *high = NULL, *row = NULL;
    size_t n = 0;
    enum ss_status st = SS_OK;

    TRY(take(p, t->rows, &x));
    TRY(take(p, t->rows, &y));
    if (c->with_error) {
        TRY(take(p, t->rows, &low));
        TRY(take(p, t->rows, &high));
    }
    TRY(ss_allocate(t->columns, &row));
    for (size_t i = 0; i < t->rows; i++) {
        ss_table_row(t, i, row);
        if (isnan(row[c->x]) || isnan(row[c->y]))
            continue;
        x[n] = row[c->x];
        y[n] = row[c->y];
        if (c->with_error) {
            low[n] = y[n] - row[c->error];
            high[n] = y[n] + row[c->error];
        }
        n++;
    }
    if (!n) {
        st = SS_FAIL(SS_ERR_USAGE, "%s: no row has a number in both columns", file);
        goto out;
    }
    p->names[p->n] = name;
    p->series[p->n++] = (struct ss_line_series){
        .name = name, .x = x, .y = y, .n = n, .low = low, .high = high, .style = style};
    name = NULL;
out:
    free(name);
    free(row);
    return st;
}

/* "NAME=FILE", or a file, or a run's folder, whose metrics.csv is meant; *name is the caller's to free. */
static enum ss_status name_file(const char *word, char **name, char **file)
{
    const char *const equals = strchr(word, '=');
    const char *const path = equals ? equals + 1 : word;
    struct ss_text t;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    if (equals)
        ss_text_addf(&t, "%.*s", (int)(equals - word), word);
    else {
        size_t end = strlen(path);
        while (end > 1 && path[end - 1] == '/')
            end--;
        size_t from = end;
        while (from > 0 && path[from - 1] != '/')
            from--;
        ss_text_addf(&t, "%.*s", (int)(end - from), path + from);
    }
    TRY(ss_text_status(&t));
    TRY(ss_text_copy(t.data, name));
    TRY(ss_path_is_folder(path) ? ss_path_join(path, "metrics.csv", file) : ss_text_copy(path, file));
out:
    ss_text_release(&t);
    return st;
}

static enum ss_status split_columns(const char *text, char **copy, char *columns[MOST_COLUMNS], size_t *n)
{
    enum ss_status st = SS_OK;
    char *rest = NULL;

    TRY(ss_text_copy(text, copy));
    for (char *part = strtok_r(*copy, ",", &rest); part; part = strtok_r(NULL, ",", &rest)) {
        if (*n == MOST_COLUMNS)
            return SS_FAIL(SS_ERR_USAGE, "--y: at most %d columns", MOST_COLUMNS);
        columns[(*n)++] = part;
    }
    if (*n == 0)
        st = SS_FAIL(SS_ERR_USAGE, "--y: which columns?");
out:
    return st;
}

static enum ss_status find_style(const struct ss_invocation *in, enum ss_line_style *style)
{
    static const struct {
        const char *name;
        enum ss_line_style style;
    } styles[] = {{"line", SS_LINE}, {"marked", SS_LINE_MARKED}, {"points", SS_LINE_POINTS}};
    const char *const given = ss_option_value(in, "style");

    if (!given)
        return SS_OK;
    for (size_t i = 0; i < SS_COUNT(styles); i++)
        if (strcmp(given, styles[i].name) == 0) {
            *style = styles[i].style;
            return SS_OK;
        }
    return SS_FAIL(SS_ERR_USAGE, "--style: '%s' is none of line, marked, points", given);
}

static enum ss_status add_table(const struct ss_invocation *in, struct plot *p, const char *word)
{
    const char *const x = ss_option_value(in, "x"), *const error = ss_option_value(in, "error");
    struct ss_data_options options = {.missing = SS_MISSING_MEAN};
    struct ss_table *table = NULL;
    char *file = NULL, *name = NULL, *copy = NULL, *columns[MOST_COLUMNS];
    struct columns c = {.with_error = error != NULL};
    enum ss_line_style style = SS_LINE;
    size_t n = 0;
    enum ss_status st = SS_OK;

    TRY(find_style(in, &style));
    TRY(name_file(word, &name, &file));
    TRY(split_columns(ss_option_value(in, "y"), &copy, columns, &n));
    options.file = file;
    TRY(ss_table_read(&options, &table));
    if (x)
        TRY(find_column(table, file, x, &c.x));
    if (error)
        TRY(find_column(table, file, error, &c.error));
    for (size_t i = 0; i < n; i++) {
        struct ss_text t;
        char *series = NULL;
        if (p->n == MOST_SERIES) {
            st = SS_FAIL(SS_ERR_USAGE, "more than %d curves in one picture", MOST_SERIES);
            goto out;
        }
        TRY(find_column(table, file, columns[i], &c.y));
        ss_text_init(&t);
        ss_text_addf(&t, "%s%s%s", in->n_words > 1 || n == 1 ? name : "", in->n_words > 1 && n > 1 ? " " : "",
                     n > 1 ? columns[i] : "");
        st = ss_text_status(&t) == SS_OK ? ss_text_copy(t.data, &series) : ss_text_status(&t);
        ss_text_release(&t);
        TRY(st);
        TRY(add_series(p, table, file, &c, series, style));
    }
    if (!p->x_name) {
        TRY(ss_text_copy(x ? x : table->names ? table->names[0] : "x", &p->x_name));
        TRY(ss_text_copy(n == 1 ? columns[0] : "", &p->y_name));
    }
out:
    free(name);
    free(file);
    free(copy);
    ss_table_free(table);
    return st;
}

/* Pictures are written as both: an extension says nothing more. */
static enum ss_status stem_of(const char *output, char **stem)
{
    const bool with = ss_path_has_extension(output, "png") || ss_path_has_extension(output, "svg");
    enum ss_status st = SS_OK;

    TRY(ss_text_copy(output, stem));
    if (with)
        (*stem)[strlen(*stem) - 4] = '\0';
out:
    return st;
}

static enum ss_status run(const struct ss_invocation *in)
{
    const char *const output = ss_option_value(in, "output"), *const x_label = ss_option_value(in, "x-label"),
                      *const y_label = ss_option_value(in, "y-label");
    struct plot p = {.n = 0};
    char *stem = NULL;
    enum ss_status st = SS_OK;

    if (!output || !ss_option_value(in, "y"))
        return SS_FAIL(SS_ERR_USAGE, "plot wants %s", output ? "--y COLUMN" : "-o OUT");
    for (size_t i = 0; i < in->n_words; i++)
        TRY(add_table(in, &p, in->words[i]));
    if (p.n == 1)
        p.series[0].name = NULL; /* the axis says it */
    const struct ss_line_chart chart = {.title = ss_option_value(in, "title"),
                                        .x_label = x_label ? x_label : p.x_name,
                                        .y_label = y_label ? y_label : p.y_name,
                                        .log_x = ss_option_value(in, "log-x") != NULL,
                                        .log_y = ss_option_value(in, "log-y") != NULL,
                                        .series = p.series,
                                        .n_series = p.n};
    TRY(stem_of(output, &stem));
    TRY(ss_picture_lines(stem, &chart));
    ss_say(SS_LEVEL_NOTE, "picture: %s.png and .svg", stem);
out:
    free(stem);
    release(&p);
    return st;
}

static const struct ss_option options[] = {
    {"x", 'x', "COLUMN", "along the x axis, by name or number from 0 (default the first)", false},
    {"y", 'y', "COLUMN[,COLUMN]", "curves: columns by name or number from 0", false},
    {"error", 0, "COLUMN", "standard error of y: a band around it", false},
    {"style", 0, "line|marked|points", "how rows are drawn (default line)", false},
    {"log-x", 0, NULL, "logarithmic x axis", false},
    {"log-y", 0, NULL, "logarithmic y axis", false},
    {"title", 0, "TEXT", "above the picture", false},
    {"x-label", 0, "TEXT", "beside the x axis (default the column)", false},
    {"y-label", 0, "TEXT", "beside the y axis (default the column)", false},
    {"output", 'o', "OUT", "picture to write, as OUT.png and OUT.svg", false}};

const struct ss_command ss_command_plot = {
    .name = "plot",
    .words = "[NAME=]TABLE|RUN ...",
    .summary = "Draw columns of tables, or of the metrics of runs, as curves beside each other",
    .details =
        "A table is a .csv file (rows without one of the two numbers are passed over); a run stands for its "
        "metrics.csv. NAME is\n"
        "what the legend says.",
    .least = 1,
    .most = MOST_SERIES,
    .options = options,
    .n_options = SS_COUNT(options),
    .run = run};
