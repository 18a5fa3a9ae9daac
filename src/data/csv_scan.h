/*
 * csv_scan.h - cells of a CSV text, by RFC 4180 and what people really write; private to data/.
 *
 * Lines end in LF, CR LF or CR. Lines that are empty or of blanks alone are passed over wherever they are.
 * Blanks around a cell are not part of it; a cell that begins with a double quote ends with one, and may hold
 * separators, line ends and quotes (doubled).
 */
#ifndef SS_DATA_CSV_SCAN_H
#define SS_DATA_CSV_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* Copy it to come back to a place. */
struct ss_csv_scan {
    const char *p, *end;
    char separator; /* one byte, or ' ' for runs of blanks and tabs */
    size_t line;    /* of p, from 1 */
};

struct ss_csv_cell {
    const char *text; /* points into the text; without its quotes, but inner ones still doubled */
    size_t length;
    bool quoted;
    bool last; /* of its record */
};

enum ss_csv_fault {
    SS_CSV_SOUND,
    SS_CSV_UNCLOSED,   /* the text ends inside quotes */
    SS_CSV_AFTER_QUOTE /* something stands between a closing quote and the separator */
};

enum ss_csv_kind { SS_CSV_NUMBER, SS_CSV_MISSING, SS_CSV_TEXT };

/** Go to the first cell of the next record; false at the end of the text. */
bool ss_csv_next_record(struct ss_csv_scan *s);

/** Take the next cell of the record. */
enum ss_csv_fault ss_csv_next_cell(struct ss_csv_scan *s, struct ss_csv_cell *cell);

/** The same for what most cells are, in one pass: a number of at most 19 digits whose value two exact doubles
 * give by one operation. False, and nothing taken, if it is anything else. */
bool ss_csv_next_number(struct ss_csv_scan *s, double *x, bool *last);

/** What a cell is; *x is finite, or NAN unless it is a number. In text, infinities included. */
enum ss_csv_kind ss_csv_value(const struct ss_csv_cell *cell, double *x);

/** True of "1,5": a number to those who write decimal commas. */
bool ss_csv_is_decimal_comma(const struct ss_csv_cell *cell);

/** True of "inf", "-Infinity", "1e999". */
bool ss_csv_is_infinite(const struct ss_csv_cell *cell);

/** A copy of the cell without doubled quotes, in UTF-8 (bytes that are not are taken for Latin-1); caller
 * frees. */
SS_MUST_CHECK enum ss_status ss_csv_copy(const struct ss_csv_cell *cell, char **out);

/** The separator under which the first lines make most sense: the same number of cells in each, numbers in
 * most. */
char ss_csv_guess_separator(struct ss_csv_scan start);

/** True if the record at `start` names the columns: no number in it, some text, no mark of a missing cell. */
bool ss_csv_guess_header(struct ss_csv_scan start);

#endif
