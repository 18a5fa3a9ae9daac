#include "report/inline_svg.h"

#include <stdio.h>
#include <string.h>

#include "report/html.h"
#include "report/svg.h"

enum { DEEPEST = 16, MOST_NAME = 24 };

static const char *const elements[] = {"rect", "path", "g", "text", "tspan", "image", "svg"};

/* Values of these hold numbers, colours and the names of transforms; what else there is has a form of its
 * own. */
static const char *const plain[] = {"x",
                                    "y",
                                    "width",
                                    "height",
                                    "viewBox",
                                    "d",
                                    "dy",
                                    "fill",
                                    "fill-opacity",
                                    "stroke",
                                    "stroke-opacity",
                                    "stroke-width",
                                    "transform",
                                    "stroke-linejoin",
                                    "stroke-linecap",
                                    "stroke-dasharray",
                                    "font-size",
                                    "font-weight",
                                    "overflow",
                                    "textLength",
                                    "preserveAspectRatio",
                                    "image-rendering",
                                    "role"};

struct reader {
    const char *at;
    char open[DEEPEST][MOST_NAME];
    size_t depth;
};

static bool is_among(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool take(struct reader *r, const char *text)
{
    const size_t n = strlen(text);

    if (strncmp(r->at, text, n) != 0)
        return false;
    r->at += n;
    return true;
}

static bool take_name(struct reader *r, char out[MOST_NAME])
{
    const size_t n = strspn(r->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:-");

    if (n == 0 || n >= MOST_NAME)
        return false;
    memcpy(out, r->at, n);
    out[n] = '\0';
    r->at += n;
    return true;
}

static bool value_is_ours(const char *name, const char *value, size_t n)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    static const char image[] = "data:image/png;base64,", crisp[] = "image-rendering:pixelated";
    const size_t start = sizeof(image) - 1;
    const char *extra = NULL;

    if (strcmp(name, "style") == 0)
        return n == sizeof(crisp) - 1 && memcmp(value, crisp, n) == 0;
    if (strcmp(name, "class") == 0)
        return n == 6 && memcmp(value, "points", n) == 0;
    if (strcmp(name, "xlink:href") == 0) {
        if (n <= start || memcmp(value, image, start) != 0)
            return false;
        value += start;
        n -= start;
        extra = "+/=";
    } else if (is_among(name, plain, SS_COUNT(plain))) {
        extra = " .,#()-";
    }
    for (size_t i = 0; extra && i < n; i++)
        if (!memchr(alphabet, value[i], sizeof(alphabet) - 1) && !strchr(extra, value[i]))
            return false;
    return extra != NULL;
}

/* ` name="value"` as often as there is one, up to the end of the tag. */
static bool take_attributes(struct reader *r)
{
    char name[MOST_NAME];

    while (take(r, " ")) {
        if (!take_name(r, name) || !take(r, "=\""))
            return false;
        const size_t n = strcspn(r->at, "\"<>");
        if (r->at[n] != '"' || !value_is_ours(name, r->at, n))
            return false;
        r->at += n + 1;
    }
    return true;
}

static bool take_tag(struct reader *r)
{
    char name[MOST_NAME];

    if (take(r, "</"))
        return take_name(r, name) && r->depth > 0 && strcmp(name, r->open[--r->depth]) == 0 && take(r, ">");
    if (!take(r, "<") || !take_name(r, name) || !is_among(name, elements, SS_COUNT(elements)) ||
        !take_attributes(r))
        return false;
    if (take(r, "/>"))
        return true;
    if (r->depth == DEEPEST || !take(r, ">"))
        return false;
    strcpy(r->open[r->depth++], name);
    return true;
}

/* Up to the closing tag of the root, which r->at then points to. */
static bool body_is_ours(struct reader *r)
{
    for (;;) {
        const size_t n = strcspn(r->at, "<");
        for (const char *s = r->at, *const end = s + n; s < end;) {
            const size_t length = ss_svg_character(s);
            if (length == 0)
                return false;
            s += length;
        }
        r->at += n;
        if (r->depth == 0 && strncmp(r->at, "</svg>", 6) == 0)
            return r->at[6 + strspn(r->at + 6, " \n")] == '\0';
        if (!take_tag(r))
            return false;
    }
}

bool ss_inline_svg(struct ss_text *t, const char *svg, const char *label)
{
    struct reader r = {.at = svg};
    unsigned width = 0, height = 0;
    char view[40];

    const char *const box = strncmp(svg, "<svg ", 5) == 0 ? strstr(svg, " viewBox=\"0 0 ") : NULL;
    const char *const end = strchr(svg, '>');
    if (!box || !end || box > end || sscanf(box, " viewBox=\"0 0 %5u %5u\"", &width, &height) != 2 ||
        !width || !height)
        return false;
    r.at = end + 1;
    if (take(&r, "\n<title>") &&
        !(r.at = strstr(r.at, "</title>"))) /* the label says it, without a tooltip */
        return false;
    take(&r, "</title>");
    const char *const start = r.at;
    if (!body_is_ours(&r))
        return false;
    snprintf(view, sizeof(view), "0 0 %u %u", width, height);
    ss_html_open(t, "svg", "viewBox", view, "role", "img", "aria-label", label, "font-family",
                 "DejaVu Sans,Verdana,Arial,sans-serif");
    ss_text_add_bytes(t, start, (size_t)(r.at - start));
    ss_html_close(t, "svg");
    return true;
}
