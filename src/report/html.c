#include "report/html.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "report/svg.h"
#include "report/ticks.h"

#define UNKNOWN "\xef\xbf\xbd" /* U+FFFD */

static void add_escaped(struct ss_text *t, const char *s)
{
    while (*s) {
        const size_t n = ss_svg_character(s);
        const unsigned char c = (unsigned char)*s;
        if (n == 1 && (c == '<' || c == '>' || c == '&' || c == '"' || c == '\''))
            ss_text_addf(t, "&#%d;", c);
        else if (n == 0 || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            ss_text_add(t, UNKNOWN);
        else
            ss_text_add_bytes(t, s, n);
        s += n ? n : 1;
    }
}

static void open_element(struct ss_text *t, const char *element, va_list list)
{
    const char *name;

    ss_text_addf(t, "<%s", element);
    while ((name = va_arg(list, const char *))) {
        const char *const value = va_arg(list, const char *);
        if (!value)
            continue;
        ss_text_addf(t, " %s=\"", name);
        add_escaped(t, value);
        ss_text_add(t, "\"");
    }
    ss_text_add(t, ">");
}

void ss_html_open_list(struct ss_text *t, const char *element, ...)
{
    va_list list;

    va_start(list, element);
    open_element(t, element, list);
    va_end(list);
}

/* Within a line of text a line break would be a blank. */
void ss_html_close(struct ss_text *t, const char *element)
{
    static const char *const within[] = {"a", "bdi", "code", "small", "span"};
    bool inner = false;

    for (size_t i = 0; i < SS_COUNT(within); i++)
        inner = inner || strcmp(element, within[i]) == 0;
    ss_text_addf(t, inner ? "</%s>" : "</%s>\n", element);
}

void ss_html_text(struct ss_text *t, const char *text)
{
    add_escaped(t, text ? text : "");
}

void ss_html_textf(struct ss_text *t, const char *format, ...)
{
    char text[1024];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    add_escaped(t, text);
}

void ss_html_leaf_list(struct ss_text *t, const char *element, const char *text, ...)
{
    va_list list;

    va_start(list, text);
    open_element(t, element, list);
    va_end(list);
    ss_html_text(t, text);
    ss_html_close(t, element);
}

void ss_html_json(struct ss_text *t, const struct ss_text *json)
{
    for (const char *s = json->data; *s; s++)
        if (*s == '<')
            ss_text_add(t, "\\u003c");
        else
            ss_text_add_bytes(t, s, 1);
}

/* ---- numbers ---- */

/* A hyphen before a digit is a minus; one in an exponent too. */
static void with_minus(const char *in, char out[SS_NUMBER_SIZE])
{
    size_t n = 0;

    for (; *in && n + 4 < SS_NUMBER_SIZE; in++) {
        if (*in == '-') {
            memcpy(out + n, SS_MINUS, 3);
            n += 3;
        } else {
            out[n++] = *in;
        }
    }
    out[n] = '\0';
}

void ss_html_number(double x, int digits, char out[SS_NUMBER_SIZE])
{
    char text[40];

    snprintf(text, sizeof(text), "%.*g", digits, x);
    with_minus(isfinite(x) ? text : "not finite", out);
}

void ss_html_estimate(double mean, double error, char out[SS_NUMBER_SIZE])
{
    char text[SS_NUMBER_SIZE - 8];

    if (!isfinite(mean) || !isfinite(error) || error <= 0) {
        ss_html_number(mean, 4, out);
        return;
    }
    const int places = 1 - (int)floor(log10(error));
    if (places > 8 || places < -3 || fabs(mean) >= 1e7)
        snprintf(text, sizeof(text), "%.4g \xc2\xb1 %.2g", mean, error);
    else
        snprintf(text, sizeof(text), "%.*f \xc2\xb1 %.*f", places > 0 ? places : 0, mean,
                 places > 0 ? places : 0, error);
    with_minus(text, out);
}

void ss_html_count(unsigned long long n, char out[SS_NUMBER_SIZE])
{
    char digits[24];
    const int length = snprintf(digits, sizeof(digits), "%llu", n);
    size_t used = 0;

    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0 && length > 4) {
            memcpy(out + used, "\xe2\x80\xaf", 3);
            used += 3;
        }
        out[used++] = digits[i];
    }
    out[used] = '\0';
}
