/* csv.c - a CSV text as a table of doubles, and floats as CSV. */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/text.h"
#include "data/csv_scan.h"
#include "data/readers.h"

/* What was seen in a column, to tell text from numbers with a bad cell among them. */
struct column {
    size_t numbers;
    struct ss_csv_cell text; /* the first cell that is no number; its .text is NULL if there is none */
    size_t text_line, text_row;
};

struct csv {
    const char *path;
    const struct ss_input *in;
    const struct ss_data_options *options;
    struct ss_csv_scan scan;
    struct ss_csv_scan first; /* where the data begin */
    size_t first_line;        /* of the text's first record, which says how many columns there are */
    size_t line;              /* of the record being read */
    struct ss_table *t;
    struct column *seen;
    bool *used;
    double *values;
    size_t capacity; /* rows */
    size_t limit;    /* rows to read, 0 = all */
    size_t before;   /* rows of earlier pieces */
};

/* Numbers are read and written with a point even in a program that has set a locale with commas. */
static enum ss_status enter_c_locale(locale_t *c, locale_t *old)
{
    *c = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (*c == (locale_t)0)
        return SS_FAIL(SS_ERR_MEMORY, "out of memory for the C locale");
    *old = uselocale(*c);
    return SS_OK;
}

static void leave_c_locale(locale_t c, locale_t old)
{
    uselocale(old);
    freelocale(c);
}

static const char *separator_name(char separator)
{
    return separator == ',' ? "comma" : separator == ';' ? "semicolon" : separator == '\t' ? "tab" : "blanks";
}

static enum ss_status fail_fault(const struct csv *c, enum ss_csv_fault fault, size_t line, size_t column)
{
    char label[SS_COLUMN_LABEL];

    if (c->t->names)
        ss_column_label(c->t, column < c->t->columns ? column : c->t->columns - 1, label);
    else
        snprintf(label, sizeof(label), "column %zu", column);
    if (fault == SS_CSV_UNCLOSED)
        return SS_FAIL(
            SS_ERR_CORRUPT,
            "%s: line %zu %s: a double quote is opened and never closed: close it, or double the quotes "
            "that belong to a quoted text",
            c->path, line, label);
    return SS_FAIL(
        SS_ERR_CORRUPT,
        "%s: line %zu %s: text follows a closing double quote: a separator (%s) was wanted there; quotes "
        "that belong to a quoted text are doubled",
        c->path, line, label, separator_name(c->scan.separator));
}

static enum ss_status fail_cell(const struct csv *c, size_t column)
{
    const struct column *const s = &c->seen[column];
    char label[SS_COLUMN_LABEL], text[SS_READABLE];
    const char *remedy = "correct it, or leave out the column by data.columns";

    if (ss_csv_is_infinite(&s->text))
        remedy = "infinite numbers are of no use here: correct it, or leave out the column by data.columns";
    else if (ss_csv_is_decimal_comma(&s->text))
        remedy = "write numbers with a point, not with a comma";
    else if (s->text_row == 1 && !c->t->names)
        remedy = "if this line names the columns, set data.header to yes";
    return SS_FAIL(SS_ERR_CORRUPT,
                   "%s: line %zu (row %zu) %s: '%s' is not a number, but other cells of the column are: %s",
                   c->path, s->text_line, s->text_row, ss_column_label(c->t, column, label),
                   ss_readable(s->text.text, s->text.length, text), remedy);
}

/* How many cells the record has, from column `from` on, which is not yet taken. */
static enum ss_status fail_ragged(const struct csv *c, struct ss_csv_scan rest, size_t from, bool ended)
{
    struct ss_csv_cell cell = {.last = ended};

    while (!cell.last && ss_csv_next_cell(&rest, &cell) == SS_CSV_SOUND)
        from++;
    return SS_FAIL(
        SS_ERR_CORRUPT,
        "%s: line %zu has %zu cell%s, but line %zu has %zu (separator: %s): give each line the same number, "
        "quote cells that hold the separator, or set data.separator",
        c->path, c->line, from, from == 1 ? "" : "s", c->first_line, c->t->columns,
        separator_name(c->scan.separator));
}

static enum ss_status count_columns(struct csv *c)
{
    struct ss_csv_scan s = c->scan;
    struct ss_csv_cell cell = {0};
    size_t n = 0;

    if (!ss_csv_next_record(&s))
        return SS_FAIL(SS_ERR_CORRUPT, "%s: holds nothing but blank lines: a table of numbers was wanted",
                       c->path);
    c->first_line = s.line;
    while (!cell.last) {
        const enum ss_csv_fault fault = ss_csv_next_cell(&s, &cell);
        if (fault != SS_CSV_SOUND)
            return fail_fault(c, fault, c->first_line, n);
        n++;
    }
    c->t->columns = n;
    return SS_OK;
}

static void warn_same_names(const struct csv *c)
{
    char label[SS_COLUMN_LABEL];

    /* Quadratic: not for the absurd. */
    for (size_t i = 1; i < c->t->columns && c->t->columns <= 4096; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(c->t->names[i], c->t->names[j]) == 0) {
                ss_say(SS_LEVEL_WARNING, "%s: %s has the name of column %zu: say it by number", c->path,
                       ss_column_label(c->t, i, label), j);
                return;
            }
}

static enum ss_status read_names(struct csv *c)
{
    struct ss_csv_cell cell;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(c->t->columns, &c->t->names));
    ss_csv_next_record(&c->scan);
    /* count_columns() has been over these cells: they are sound. */
    for (size_t j = 0; j < c->t->columns; j++) {
        if (ss_csv_next_cell(&c->scan, &cell) != SS_CSV_SOUND)
            return SS_FAIL(SS_ERR_INTERNAL, "%s: header changed while it was read", c->path);
        if (cell.length)
            TRY(ss_csv_copy(&cell, &c->t->names[j]));
        else
            TRY(ss_text_format(&c->t->names[j], "%zu", j)); /* nameless: its number */
    }
    warn_same_names(c);
out:
    return st;
}

static enum ss_status note_text(struct csv *c, size_t column, const struct ss_csv_cell *cell)
{
    struct column *const s = &c->seen[column];

    if (!s->text.text) {
        s->text = *cell;
        s->text_line = c->line;
        s->text_row = c->before + c->t->rows + 1;
    }
    return s->numbers && c->used[column] ? fail_cell(c, column) : SS_OK;
}

static enum ss_status read_cell(struct csv *c, size_t column, double *x, bool *last)
{
    struct column *const s = &c->seen[column];
    struct ss_csv_cell cell;

    if (!ss_csv_next_number(&c->scan, x, last)) {
        const enum ss_csv_fault fault = ss_csv_next_cell(&c->scan, &cell);
        if (fault != SS_CSV_SOUND)
            return fail_fault(c, fault, c->line, column);
        *last = cell.last;
        const enum ss_csv_kind kind = ss_csv_value(&cell, x);
        if (kind == SS_CSV_TEXT)
            return note_text(c, column, &cell);
        if (kind == SS_CSV_MISSING)
            return SS_OK;
    }
    if (!s->numbers++ && s->text.text && c->used[column])
        return fail_cell(c, column);
    return SS_OK;
}

static enum ss_status read_row(struct csv *c, double *out)
{
    const size_t columns = c->t->columns;
    bool last = false;
    enum ss_status st = SS_OK;

    c->line = c->scan.line;
    for (size_t j = 0; j < columns; j++) {
        if (last)
            return fail_ragged(c, c->scan, j, true);
        TRY(read_cell(c, j, &out[j], &last));
    }
    if (!last)
        return fail_ragged(c, c->scan, columns, false);
out:
    return st;
}

static enum ss_status grow(struct csv *c)
{
    size_t bytes;
    const size_t capacity = c->capacity ? c->capacity + c->capacity / 2 : 256;

    if (!ss_multiply(capacity, c->t->columns, &bytes) || !ss_multiply(bytes, sizeof(double), &bytes))
        return SS_FAIL(SS_ERR_MEMORY, "%s: too large for memory", c->path);
    double *const values = realloc(c->values, bytes);
    if (!values)
        return SS_FAIL_MEMORY(bytes);
    c->values = values;
    c->capacity = capacity;
    return SS_OK;
}

static enum ss_status read_rows(struct csv *c)
{
    enum ss_status st = SS_OK;

    c->first = c->scan;
    while (ss_csv_next_record(&c->scan)) {
        if (c->t->rows == c->capacity)
            TRY(grow(c));
        TRY(read_row(c, c->values + c->t->rows * c->t->columns));
        c->t->rows++;
        if (c->limit && c->t->rows == c->limit)
            break;
    }
    if (c->before + c->t->rows == 0)
        st = SS_FAIL(SS_ERR_CORRUPT, "%s: has a header and no rows below it", c->path);
out:
    return st;
}

static enum ss_status mark_text(struct csv *c)
{
    struct ss_table *const t = c->t;
    char text[SS_READABLE];
    size_t texts = 0;
    enum ss_status st = SS_OK;

    for (size_t j = 0; j < t->columns; j++)
        texts += c->seen[j].text.text != NULL;
    if (texts == 0)
        return SS_OK;
    if (texts == t->columns)
        return SS_FAIL(SS_ERR_CORRUPT,
                       "%s: no column holds numbers alone (separator: %s; line %zu has '%s'): is it CSV?",
                       c->path, separator_name(c->scan.separator), c->seen[0].text_line,
                       ss_readable(c->seen[0].text.text, c->seen[0].text.length, text));
    if (!t->text)
        TRY(ss_allocate(t->columns, &t->text));
    for (size_t j = 0; j < t->columns; j++)
        t->text[j] = c->seen[j].text.text != NULL;
out:
    return st;
}

/* What was guessed, where a wrong guess would go unseen. */
static void say_what_was_found(const struct csv *c)
{
    const struct ss_table *const t = c->t;

    ss_say(SS_LEVEL_DETAIL, "%s: %zu rows of %zu columns, separator: %s, %s", c->path, t->rows, t->columns,
           separator_name(c->scan.separator), t->names ? "names in the first line" : "no names");
    if (t->text && !t->names && c->options->header == SS_HEADER_AUTO)
        ss_say(SS_LEVEL_NOTE,
               "%s: line %zu is taken for data, as there are numbers in it: if it names the columns, set "
               "data.header "
               "to yes",
               c->path, c->first_line);
}

/* Lines are not kept, as they are asked for only in an error message. */
static size_t line_of_row(void *context, size_t row)
{
    const struct csv *const c = context;
    struct ss_csv_scan s = c->first;
    struct ss_csv_cell cell;

    for (size_t i = 0; ss_csv_next_record(&s) && i < row; i++)
        for (cell.last = false; !cell.last && ss_csv_next_cell(&s, &cell) == SS_CSV_SOUND;)
            ;
    return s.line;
}

static enum ss_status refuse_binary(const struct ss_input *in)
{
    const unsigned char *const zero = memchr(in->data, 0, in->size);

    if (in->size >= 2 && (memcmp(in->data, "\xff\xfe", 2) == 0 || memcmp(in->data, "\xfe\xff", 2) == 0))
        return SS_FAIL(SS_ERR_CORRUPT, "%s: is UTF-16 text: save it as UTF-8", in->path);
    if (zero)
        return SS_FAIL(SS_ERR_CORRUPT,
                       "%s: is no text (byte %zu is zero) and begins as none of CSV, NPY, IDX", in->path,
                       (size_t)(zero - in->data));
    return SS_OK;
}

static char chosen_separator(const struct ss_data_options *options, struct ss_csv_scan start)
{
    switch (options->separator) {
    case SS_SEPARATOR_COMMA:
        return ',';
    case SS_SEPARATOR_SEMICOLON:
        return ';';
    case SS_SEPARATOR_TAB:
        return '\t';
    case SS_SEPARATOR_BLANKS:
        return ' ';
    case SS_SEPARATOR_AUTO:
        break;
    }
    return ss_csv_guess_separator(start);
}

static bool has_header(const struct csv *c, struct ss_csv_scan start)
{
    return c->options->header == SS_HEADER_YES ||
           (c->options->header == SS_HEADER_AUTO && ss_csv_guess_header(start));
}

/* Settle the separator. NumPy's savetxt writes "# " before the names: not a part of the first. */
static void find_start(struct csv *c)
{
    struct ss_csv_scan after = c->scan;

    after.p += after.p < after.end && *after.p == '#';
    after.separator = chosen_separator(c->options, after);
    c->scan.separator = after.separator;
    if (has_header(c, after))
        c->scan = after;
}

static enum ss_status begin(struct csv *c)
{
    enum ss_status st = SS_OK;

    TRY(refuse_binary(c->in));
    find_start(c);
    TRY(count_columns(c));
    if (has_header(c, c->scan))
        TRY(read_names(c));
    TRY(ss_allocate(c->t->columns, &c->seen));
    TRY(ss_used_columns(c->options, c->t, &c->used));
out:
    return st;
}

/* The next rows, checked; the table borrows them. */
static enum ss_status read_piece(struct csv *c)
{
    struct ss_table *const t = c->t;
    enum ss_status st = SS_OK;

    t->rows = 0;
    TRY(read_rows(c));
    TRY(mark_text(c));
    t->heap = c->values;
    t->values = c->values;
    t->type = SS_NUMBER_F8;
    c->before += t->rows;
    if (t->rows)
        TRY(ss_missing_apply(t, c->options->missing, c->used,
                             &(struct ss_places){.path = c->path, .line = line_of_row, .context = c}));
out:
    return st;
}

static struct csv reader(const struct ss_input *in, const struct ss_data_options *options, struct ss_table *t)
{
    static const char bom[] = "\xef\xbb\xbf";
    const char *const text = (const char *)in->data;
    const size_t skip = in->size >= 3 && memcmp(text, bom, 3) == 0 ? 3 : 0;

    return (struct csv){.path = in->path,
                        .in = in,
                        .options = options,
                        .scan = {.p = text + skip, .end = text + in->size, .line = 1},
                        .t = t};
}

static enum ss_status read_all(struct csv *c)
{
    struct ss_table *const t = c->t;
    enum ss_status st = SS_OK;

    TRY(begin(c));
    c->limit = c->options->rows;
    TRY(read_piece(c));
    say_what_was_found(c);
    c->values = NULL; /* the table's own */
    /* Give back what growing and dropped rows have left over. */
    void *const fitted = realloc(t->heap, t->rows * t->columns * sizeof(double));
    if (fitted) {
        t->heap = fitted;
        t->values = fitted;
    }
out:
    if (st != SS_OK) {
        t->heap = NULL;
        t->values = NULL;
    }
    return st;
}

static void release(struct csv *c)
{
    free(c->values);
    free(c->seen);
    free(c->used);
}

enum ss_status ss_csv_read(const struct ss_input *in, const struct ss_data_options *options,
                           struct ss_table *t)
{
    struct csv c = reader(in, options, t);
    locale_t plain = (locale_t)0, old = (locale_t)0;
    enum ss_status st = SS_OK;

    TRY(enter_c_locale(&plain, &old));
    st = read_all(&c);
    leave_c_locale(plain, old);
    release(&c);
out:
    return st;
}

/* ---- piece by piece ---- */

struct ss_csv_pieces {
    struct csv c;
    bool told;
};

enum ss_status ss_csv_pieces_open(const struct ss_input *in, const struct ss_data_options *options,
                                  struct ss_table *t, struct ss_csv_pieces **out)
{
    struct ss_csv_pieces *p = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &p));
    p->c = reader(in, options, t);
    TRY(begin(&p->c));
    *out = p;
    p = NULL;
out:
    ss_csv_pieces_free(p);
    return st;
}

void ss_csv_pieces_free(struct ss_csv_pieces *p)
{
    if (!p)
        return;
    p->c.t->heap = NULL;
    p->c.t->values = NULL;
    release(&p->c);
    free(p);
}

enum ss_status ss_csv_pieces_next(struct ss_csv_pieces *p, size_t rows)
{
    locale_t plain = (locale_t)0, old = (locale_t)0;
    enum ss_status st = SS_OK;

    TRY(enter_c_locale(&plain, &old));
    p->c.limit = rows;
    st = read_piece(&p->c);
    leave_c_locale(plain, old);
    if (st == SS_OK && !p->told)
        say_what_was_found(&p->c);
    p->told = true;
out:
    return st;
}

double ss_csv_pieces_fraction(const struct ss_csv_pieces *p)
{
    return 1 - (double)(p->c.scan.end - p->c.scan.p) / (double)p->c.in->size;
}

static void write_name(FILE *f, const char *name)
{
    const size_t n = strlen(name);
    const bool quote = n == 0 || strpbrk(name, ",;\t\"\r\n") || name[0] == ' ' || name[n - 1] == ' ';

    if (quote)
        putc('"', f);
    for (const char *p = name; *p; p++) {
        if (*p == '"')
            putc('"', f);
        putc(*p, f);
    }
    if (quote)
        putc('"', f);
}

static void write_number(FILE *f, float x)
{
    if (isnan(x))
        fputs("nan", f); /* printf may say "-nan" */
    else
        fprintf(f, "%.9g", (double)x);
}

void ss_csv_write_names(struct ss_file_writer *w, size_t columns, const char *const *names)
{
    for (size_t j = 0; j < columns; j++) {
        if (j > 0)
            putc(',', w->stream);
        if (names)
            write_name(w->stream, names[j]);
        else
            fprintf(w->stream, "x%zu", j);
    }
    putc('\n', w->stream);
}

enum ss_status ss_csv_write_rows(struct ss_file_writer *w, const float *values, size_t rows, size_t columns)
{
    locale_t plain = (locale_t)0, old = (locale_t)0;
    enum ss_status st = SS_OK;

    TRY(enter_c_locale(&plain, &old));
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
            write_number(w->stream, values[i * columns + j]);
            putc(j + 1 < columns ? ',' : '\n', w->stream);
        }
    leave_c_locale(plain, old);
out:
    return st;
}
