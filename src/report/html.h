/*
 * html.h - HTML into a text, escaped by default: element names and attribute names are literals of ours,
 * everything else may come from a file.
 *
 *     ss_html_open(t, "a", "href", path, "title", NULL, NULL);    an attribute whose value is NULL is left
 * out ss_html_text(t, name); ss_html_close(t, "a");
 *
 * What is not UTF-8, and control characters, become U+FFFD.
 */
#ifndef SS_REPORT_HTML_H
#define SS_REPORT_HTML_H

#include "base/text.h"

/** ss_html_open(t, element, ATTRIBUTE, VALUE, ...): begin an element. Of a void element this is all. */
#define ss_html_open(t, ...) ss_html_open_list((t), __VA_ARGS__, (const char *)NULL)
__attribute__((sentinel)) void ss_html_open_list(struct ss_text *t, const char *element, ...);
void ss_html_close(struct ss_text *t, const char *element);

void ss_html_text(struct ss_text *t, const char *text); /* NULL: nothing */
/** For what is short: cut after 1023 bytes. */
__attribute__((format(printf, 2, 3))) void ss_html_textf(struct ss_text *t, const char *format, ...);

/** ss_html_leaf(t, element, text, ATTRIBUTE, VALUE, ...): an element with text alone in it. */
#define ss_html_leaf(t, ...) ss_html_leaf_list((t), __VA_ARGS__, (const char *)NULL)
__attribute__((sentinel)) void ss_html_leaf_list(struct ss_text *t, const char *element, const char *text,
                                                 ...);

/** The same text inside a JSON string of a script element: no `<` is left that could end it. */
void ss_html_json(struct ss_text *t, const struct ss_text *json);

/* ---- numbers as people read them: minus U+2212, as many digits as mean something ---- */

enum { SS_NUMBER_SIZE = 64 };

/** In about `digits` significant digits; "not finite" of what is none. */
void ss_html_number(double x, int digits, char out[SS_NUMBER_SIZE]);

/** "−14.47 ± 0.68": two digits of the error decide; without a finite error the mean alone, in four. */
void ss_html_estimate(double mean, double error, char out[SS_NUMBER_SIZE]);

/** A count in groups of three, a narrow no-break space between them. */
void ss_html_count(unsigned long long n, char out[SS_NUMBER_SIZE]);

#endif
