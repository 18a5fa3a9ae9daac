#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/canvas_parts.h"
#include "report/svg.h"

/* One stretch of a label, all raised or all not; NULL at the end. `text` moves on. */
static const char *next_run(const char **text, bool *raised, char run[SS_LABEL_SIZE])
{
    const char *p = *text;
    size_t n;

    for (; *p == '\x01' || *p == '\x02'; p++)
        *raised = *p == '\x01';
    n = strcspn(p, "\x01\x02");
    if (!n)
        return NULL;
    memcpy(run, p, n);
    run[n] = '\0';
    *text = p + n;
    return run;
}

/* What cairo's built-in font can show of a run. */
static void make_ascii(char *run)
{
    char *to = run;

    for (const char *p = run; *p; p++) {
        const unsigned char u = (unsigned char)*p;
        if (strncmp(p, "\xe2\x88\x92", 3) == 0)
            *to++ = '-';
        else if (strncmp(p, "\xc3\x97", 2) == 0)
            *to++ = 'x';
        else if (u < 0x80)
            *to++ = *p;
        else if (u >= 0xc0)
            *to++ = '?';
    }
    *to = '\0';
}

static const double raised_size = 0.72, raise_by = 0.38;

/* Draw a clean label from the current point, or only measure it. */
static double run_text(struct ss_canvas *c, const char *clean, const struct ss_text_style *style, bool draw)
{
    char run[SS_LABEL_SIZE];
    bool raised = false;
    double length = 0;
    cairo_text_extents_t e;

    cairo_select_font_face(c->cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           style->bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    while (next_run(&clean, &raised, run)) {
        if (c->ascii)
            make_ascii(run);
        cairo_set_font_size(c->cr, style->size * (raised ? raised_size : 1.0));
        cairo_text_extents(c->cr, run, &e);
        if (draw) {
            cairo_move_to(c->cr, length, raised ? -raise_by * style->size : 0);
            cairo_show_text(c->cr, run);
            cairo_new_path(c->cr); /* or the next line would start where the text ended */
        }
        length += e.x_advance;
    }
    ss_canvas_keep_status(c, cairo_status(c->cr));
    return length;
}

double ss_canvas_text_length(struct ss_canvas *c, const char *text, const struct ss_text_style *style)
{
    char clean[SS_LABEL_SIZE];

    ss_label_clean(text, clean);
    return run_text(c, clean, style, false);
}

static void svg_text(struct ss_text *t, struct ss_xy at, const char *clean, const struct ss_text_style *s,
                     double length)
{
    char run[SS_LABEL_SIZE];
    bool raised = false, was_raised = false;

    ss_text_add(t, "<text");
    if (s->upward)
        ss_text_add(t, " transform=\"translate(");
    else
        ss_text_add(t, " x=\"");
    ss_svg_number(t, at.x);
    ss_text_add(t, s->upward ? " " : "\" y=\"");
    ss_svg_number(t, at.y);
    ss_text_add(t, s->upward ? ") rotate(-90)\" font-size=\"" : "\" font-size=\"");
    ss_svg_number(t, s->size);
    ss_text_add(t, s->bold ? "\" font-weight=\"bold\"" : "\"");
    ss_svg_paint(t, "fill", s->colour);
    if (length > 20 && !strchr(clean, '\x01')) { /* keeps its place in another font */
        ss_text_add(t, " textLength=\"");
        ss_svg_number(t, length);
        ss_text_add(t, "\"");
    }
    ss_text_add(t, ">");
    while (next_run(&clean, &raised, run)) {
        if (raised || was_raised) {
            ss_text_add(t, "<tspan dy=\"");
            ss_svg_number(t, (raised == was_raised ? 0 : raised ? -raise_by : raise_by) * s->size);
            ss_text_add(t, "\" font-size=\"");
            ss_svg_number(t, (raised ? raised_size : 1.0) * s->size);
            ss_text_add(t, "\">");
        }
        ss_svg_escape(t, run);
        ss_text_add(t, raised || was_raised ? "</tspan>" : "");
        was_raised = raised;
    }
    ss_text_add(t, "</text>\n");
}

void ss_canvas_text(struct ss_canvas *c, struct ss_xy at, const char *text, const struct ss_text_style *style)
{
    static const double along_of[] = {[SS_ALIGN_START] = 0, [SS_ALIGN_MIDDLE] = 0.5, [SS_ALIGN_END] = 1};
    char clean[SS_LABEL_SIZE];

    ss_label_clean(text, clean);
    const double length = run_text(c, clean, style, false);
    if (length <= 0)
        return;
    /* Baseline start: back along the text, and down by the part of the capitals that lies below the point. */
    const double along = -along_of[style->across] * length;
    const double down = (1 - along_of[style->vertical]) * SS_CAPITAL * style->size;
    if (style->upward)
        at = (struct ss_xy){at.x + down, at.y - along};
    else
        at = (struct ss_xy){at.x + along, at.y + down};
    cairo_save(c->cr);
    cairo_translate(c->cr, at.x, at.y);
    if (style->upward)
        cairo_rotate(c->cr, -SS_PI / 2);
    ss_canvas_set_colour(c, style->colour);
    run_text(c, clean, style, true);
    cairo_restore(c->cr);
    svg_text(&c->svg, at, clean, style, length);
}

void ss_canvas_text_within(struct ss_canvas *c, struct ss_xy at, const char *text,
                           const struct ss_text_style *style, double length)
{
    struct ss_text_style s = *style;
    char clean[SS_LABEL_SIZE];
    const char *const ellipsis = c->ascii ? "..." : "\xe2\x80\xa6";

    ss_label_clean(text, clean);
    const double full = run_text(c, clean, &s, false);
    if (full > length && full > 0)
        s.size *= fmax(length / full, 0.75);
    for (size_t n = strlen(clean); n && run_text(c, clean, &s, false) > length;) {
        while (n && ((unsigned char)clean[--n] & 0xc0) == 0x80)
            continue;
        snprintf(clean + n, SS_LABEL_SIZE - n, "%s", ellipsis);
    }
    ss_canvas_text(c, at, clean, &s);
}
