#include "report/svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

size_t ss_svg_character(const char *text)
{
    const unsigned char *const s = (const unsigned char *)text;
    const size_t n = s[0] < 0x80                   ? 1
                     : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
                     : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
                     : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                                   : 0;

    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if (n == 3 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
                   (s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe)))
        return 0;
    if (n == 4 && ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90)))
        return 0;
    return n;
}

void ss_label_clean(const char *in, char out[SS_LABEL_SIZE])
{
    size_t used = 0;

    for (const unsigned char *s = (const unsigned char *)in; *s && used + 5 < SS_LABEL_SIZE;) {
        const size_t n = ss_svg_character((const char *)s);
        if (n > 1 || (n == 1 && (*s >= 0x20 || *s <= 0x02) && *s != 0x7f))
            memcpy(out + used, s, n);
        else
            out[used] = n ? ' ' : '?';
        used += n ? n : 1;
        s += n ? n : 1;
    }
    out[used] = '\0';
}

void ss_svg_number(struct ss_text *t, double x)
{
    const double most = 1e6;
    const long v = lround(fmin(fmax(x == x ? x : 0.0, -most), most) * 100.0), size = v < 0 ? -v : v;

    ss_text_addf(t, "%s", v < 0 ? "-" : "");
    if (size >= 100 || size == 0)
        ss_text_addf(t, "%ld", size / 100);
    if (size % 100 == 0)
        return;
    ss_text_addf(t, size % 10 ? ".%02ld" : ".%ld", size % 10 ? size % 100 : size % 100 / 10);
}

void ss_svg_escape(struct ss_text *t, const char *s)
{
    for (; *s; s++) {
        switch (*s) {
        case '<':
            ss_text_add(t, "&lt;");
            break;
        case '>':
            ss_text_add(t, "&gt;");
            break;
        case '&':
            ss_text_add(t, "&amp;");
            break;
        case '"':
            ss_text_add(t, "&quot;");
            break;
        case '\x01': /* marks of raised text */
        case '\x02':
            break;
        default:
            ss_text_add_bytes(t, s, 1);
        }
    }
}

static unsigned byte_of(double x)
{
    return (unsigned)lround(255.0 * fmin(fmax(x, 0.0), 1.0));
}

void ss_svg_paint(struct ss_text *t, const char *name, struct ss_colour colour)
{
    ss_text_addf(t, " %s=\"#%02x%02x%02x\"", name, byte_of(colour.red), byte_of(colour.green),
                 byte_of(colour.blue));
    if (colour.alpha < 1.0) {
        ss_text_addf(t, " %s-opacity=\"", name);
        ss_svg_number(t, colour.alpha);
        ss_text_add(t, "\"");
    }
}

void ss_svg_pen(struct ss_text *t, const struct ss_pen *pen)
{
    ss_text_add(t, " fill=\"none\"");
    ss_svg_paint(t, "stroke", pen->colour);
    ss_text_add(t, " stroke-width=\"");
    ss_svg_number(t, pen->width);
    ss_text_add(t, "\" stroke-linejoin=\"round\"");
    if (pen->dash[0] <= 0)
        return;
    ss_text_add(t, " stroke-dasharray=\"");
    for (size_t i = 0; i < 4; i++) {
        ss_text_add(t, i ? " " : "");
        ss_svg_number(t, pen->dash[i]);
    }
    ss_text_add(t, "\"");
}

void ss_svg_path(struct ss_text *t, const struct ss_xy *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ss_text_add(t, i ? "L" : "M");
        ss_svg_number(t, p[i].x);
        ss_text_add(t, " ");
        ss_svg_number(t, p[i].y);
    }
}

void ss_svg_base64(struct ss_text *t, const void *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *const s = bytes;

    for (size_t i = 0; i < n; i += 3) {
        const unsigned b1 = i + 1 < n ? s[i + 1] : 0, b2 = i + 2 < n ? s[i + 2] : 0;
        const char quad[4] = {digits[s[i] >> 2], digits[(s[i] & 3u) << 4 | b1 >> 4],
                              i + 1 < n ? digits[(b1 & 15u) << 2 | b2 >> 6] : '=',
                              i + 2 < n ? digits[b2 & 63u] : '='};
        ss_text_add_bytes(t, quad, 4);
    }
}
