#include "report/page.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/json.h"
#include "report/inline_svg.h"
#include "report/page_files.h"
#include "report/svg.h"

static const char *const tones[] = {[SS_TONE_PLAIN] = "plain",
                                    [SS_TONE_GOOD] = "good",
                                    [SS_TONE_WARN] = "warn",
                                    [SS_TONE_BAD] = "bad",
                                    [SS_TONE_LIVE] = "live"};

void ss_page_begin(struct ss_page *p)
{
    *p = (struct ss_page){0};
    ss_text_init(&p->body);
}

void ss_page_release(struct ss_page *p)
{
    ss_text_release(&p->body);
}

/* ---- the frame ---- */

/* Nothing is ever fetched: the policy has the browser see to that too. */
static void add_head(struct ss_text *t, const struct ss_page_head *head)
{
    char seconds[16];

    ss_text_add(t, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    ss_html_open(t, "meta", "http-equiv", "Content-Security-Policy", "content",
                 "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                 "base-uri 'none'; form-action 'none'");
    ss_html_open(t, "meta", "name", "viewport", "content", "width=device-width, initial-scale=1");
    ss_html_open(t, "meta", "name", "color-scheme", "content", "light dark");
    ss_html_open(t, "link", "rel", "icon", "href", "data:,");
    if (head->refresh) {
        snprintf(seconds, sizeof(seconds), "%u", 2 * head->refresh);
        ss_text_add(t, "<noscript>");
        ss_html_open(t, "meta", "http-equiv", "refresh", "content", seconds);
        ss_text_add(t, "</noscript>\n");
    }
    ss_text_add(t, "<title>");
    ss_html_text(t, head->title);
    ss_html_textf(t, " \xc2\xb7 %s report", head->kind);
    ss_text_add(t, "</title>\n<style>\n");
    ss_text_add(t, ss_page_css);
    ss_text_add(t, "</style>\n<script>\n");
    ss_text_add(t, ss_page_js);
    ss_text_add(t, "</script>\n</head>\n");
}

static void add_progress(struct ss_text *t, const struct ss_page_head *head)
{
    char done[40], of[40];

    if (!(head->of > 0))
        return;
    snprintf(done, sizeof(done), "%.0f", fmin(fmax(head->done, 0), head->of));
    snprintf(of, sizeof(of), "%.0f", head->of);
    ss_html_open(t, "p", "class", "progress");
    ss_html_leaf(t, "progress", head->progress, "value", done, "max", of, "aria-label", "progress");
    ss_html_leaf(t, "span", head->progress);
    ss_html_close(t, "p");
}

static void add_header(struct ss_text *t, const struct ss_page *p, const struct ss_page_head *head)
{
    ss_html_open(t, "header", "class", "top");
    ss_html_open(t, "p", "class", "kind");
    ss_html_leaf(t, "span", "slicescore", "class", "mark");
    ss_html_leaf(t, "span", head->kind);
    ss_html_leaf(t, "button", "Theme", "type", "button", "id", "theme", "hidden", "");
    ss_html_close(t, "p");
    ss_html_open(t, "h1");
    ss_html_leaf(t, "bdi", head->title);
    ss_html_leaf(t, "span", head->status, "class", "status", "data-tone", tones[head->tone]);
    ss_html_close(t, "h1");
    if (head->lead)
        ss_html_leaf(t, "p", head->lead, "class", "lead");
    add_progress(t, head);
    ss_html_close(t, "header");
    ss_html_open(t, "nav", "aria-label", "Contents");
    ss_html_open(t, "ul");
    for (size_t i = 0; i < p->n_sections; i++) {
        ss_text_add(t, "<li>");
        ss_text_addf(t, "<a href=\"#%s\">", p->sections[i].id);
        ss_html_text(t, p->sections[i].title);
        ss_text_add(t, "</a></li>\n");
    }
    ss_html_close(t, "ul");
    ss_html_close(t, "nav");
}

enum ss_status ss_page_finish(struct ss_page *p, const struct ss_page_head *head, struct ss_text *out)
{
    char seconds[16];
    enum ss_status st = ss_text_status(&p->body);

    TRY(st);
    snprintf(seconds, sizeof(seconds), "%u", head->refresh);
    add_head(out, head);
    ss_html_open(out, "body", "data-refresh", head->refresh ? seconds : NULL);
    ss_html_leaf(out, "a", "Skip to the content", "class", "skip", "href", "#content");
    add_header(out, p, head);
    ss_html_open(out, "main", "id", "content", "tabindex", "-1");
    ss_text_add_bytes(out, p->body.data, p->body.length);
    ss_html_close(out, "main");
    ss_html_leaf(out, "footer", head->footer);
    ss_text_add(out, "</body>\n</html>\n");
    TRY(ss_text_status(out));
out:
    ss_page_release(p);
    return st;
}

/* ---- parts ---- */

void ss_page_section(struct ss_page *p, const char *id, const char *title)
{
    char heading[64];

    assert(p->n_sections < SS_MOST_SECTIONS);
    p->sections[p->n_sections].id = id;
    p->sections[p->n_sections++].title = title;
    snprintf(heading, sizeof(heading), "%s-title", id);
    ss_html_open(&p->body, "section", "id", id, "aria-labelledby", heading);
    ss_html_leaf(&p->body, "h2", title, "id", heading);
}

void ss_page_section_end(struct ss_page *p)
{
    ss_html_close(&p->body, "section");
}

void ss_page_notice(struct ss_page *p, enum ss_tone tone, const char *text)
{
    ss_html_leaf(&p->body, "p", text, "class", "notice", "data-tone", tones[tone]);
}

void ss_page_note(struct ss_page *p, const char *text)
{
    ss_html_leaf(&p->body, "p", text, "class", "note");
}

static void add_facts(struct ss_page *p, const char *class, const struct ss_page_fact *facts, size_t n)
{
    ss_html_open(&p->body, "dl", "class", class);
    for (size_t i = 0; i < n; i++) {
        if (!facts[i].value || !*facts[i].value)
            continue;
        ss_html_open(&p->body, "div");
        ss_html_leaf(&p->body, "dt", facts[i].name);
        ss_html_open(&p->body, "dd");
        ss_html_text(&p->body, facts[i].value);
        if (facts[i].note)
            ss_html_leaf(&p->body, "small", facts[i].note);
        ss_html_close(&p->body, "dd");
        ss_html_close(&p->body, "div");
    }
    ss_html_close(&p->body, "dl");
}

void ss_page_cards(struct ss_page *p, const struct ss_page_fact *facts, size_t n)
{
    add_facts(p, "cards", facts, n);
}

void ss_page_facts(struct ss_page *p, const struct ss_page_fact *facts, size_t n)
{
    add_facts(p, "facts", facts, n);
}

void ss_page_text(struct ss_page *p, const char *summary, const char *text)
{
    if (!text || !*text)
        return;
    ss_html_open(&p->body, "details");
    ss_html_leaf(&p->body, "summary", summary);
    ss_html_leaf(&p->body, "pre", text, "tabindex", "0");
    ss_html_close(&p->body, "details");
}

void ss_page_table(struct ss_page *p, const char *caption, const char *class)
{
    ss_html_open(&p->body, "div", "class", "scroll", "role", "region", "aria-label", caption, "tabindex",
                 "0");
    ss_html_open(&p->body, "table", "class", class);
    ss_html_leaf(&p->body, "caption", caption);
}

void ss_page_table_end(struct ss_page *p)
{
    ss_html_close(&p->body, "table");
    ss_html_close(&p->body, "div");
}

void ss_page_figures(struct ss_page *p)
{
    ss_html_open(&p->body, "div", "class", "figures");
}

void ss_page_figures_end(struct ss_page *p)
{
    ss_html_close(&p->body, "div");
}

/* ---- charts ---- */

/* So many points of a series can be read off; the chart itself has all that can be seen. */
enum { MOST_READ = 1000 };

static void add_interval(struct ss_text *t, const char *key, double low, double high)
{
    ss_json_open(t, key, '[');
    ss_json_number(t, NULL, low);
    ss_json_number(t, NULL, high);
    ss_json_close(t, ']');
}

static void add_series(struct ss_text *t, const struct ss_line_series *s)
{
    const size_t step = s->n / MOST_READ + 1;

    ss_json_open(t, NULL, '{');
    ss_json_text(t, "name", s->name ? s->name : "");
    ss_json_open(t, "points", '[');
    for (size_t i = (s->n ? s->n - 1 : 0) % step; i < s->n; i += step) { /* the last one is among them */
        const double x = s->x ? s->x[i] : (double)i;
        if (!isfinite(x) || !isfinite(s->y[i]))
            continue;
        ss_json_open(t, NULL, '[');
        ss_json_number(t, NULL, x);
        ss_json_number(t, NULL, s->y[i]);
        if (s->low && s->high && isfinite(s->high[i]) && s->high[i] > s->y[i])
            ss_json_number(t, NULL, s->high[i] - s->y[i]);
        ss_json_close(t, ']');
    }
    ss_json_close(t, ']');
    ss_json_close(t, '}');
}

/* What the script reads numbers off with. */
static void add_readings(struct ss_text *t, const struct ss_line_chart *chart,
                         const struct ss_chart_place *at)
{
    struct ss_text json;

    ss_text_init(&json);
    ss_json_open(&json, NULL, '{');
    ss_json_text(&json, "x", chart->x_label ? chart->x_label : "x");
    add_interval(&json, "across", at->left, at->right);
    add_interval(&json, "down", at->top, at->bottom);
    add_interval(&json, "xs", at->x.low, at->x.high);
    add_interval(&json, "ys", at->y.low, at->y.high);
    ss_json_bool(&json, "logX", at->log_x);
    ss_json_bool(&json, "logY", at->log_y);
    ss_json_open(&json, "names", '[');
    for (size_t i = 0; chart->x_names && i < chart->n_x_names; i++)
        ss_json_text(&json, NULL, chart->x_names[i]);
    ss_json_close(&json, ']');
    ss_json_open(&json, "series", '[');
    for (size_t i = 0; i < chart->n_series; i++)
        add_series(&json, &chart->series[i]);
    ss_json_close(&json, ']');
    ss_json_close(&json, '}');
    ss_html_open(t, "script", "type", "application/json");
    ss_html_json(t, &json);
    ss_html_close(t, "script");
    t->failed = t->failed || json.failed;
    ss_text_release(&json);
}

enum ss_status ss_page_chart(struct ss_page *p, const struct ss_line_chart *chart, const char *caption)
{
    struct ss_line_chart untitled = *chart;
    struct ss_chart_place at;
    struct ss_text svg, *const t = &p->body;
    char view[48];
    enum ss_status st = SS_OK;

    ss_text_init(&svg);
    untitled.title = NULL; /* a heading of the page instead */
    TRY(ss_picture_line_elements(&untitled, 300, 200, &svg, &at));
    snprintf(view, sizeof(view), "0 0 %.0f %.0f", at.width, at.height);
    ss_html_open(t, "figure", "class", "chart");
    ss_html_leaf(t, "h3", chart->title);
    ss_html_open(t, "div", "class", "plot");
    ss_html_open(t, "svg", "viewBox", view, "role", "img", "aria-label", chart->title, "font-family",
                 "DejaVu Sans,Verdana,Arial,sans-serif");
    ss_text_add_bytes(t, svg.data, svg.length);
    ss_html_close(t, "svg");
    ss_html_close(t, "div");
    add_readings(t, chart, &at);
    ss_html_leaf(t, "figcaption", caption);
    ss_html_close(t, "figure");
out:
    ss_text_release(&svg);
    return st;
}

/* ---- pictures ---- */

static bool add_png(struct ss_text *t, const char *png, size_t size, const char *alt)
{
    if (!png || size < 8 || memcmp(png, "\x89PNG\r\n\x1a\n", 8) != 0)
        return false;
    ss_text_add(t, "<img src=\"data:image/png;base64,");
    ss_svg_base64(t, png, size);
    ss_text_add(t, "\" alt=\"");
    ss_html_text(t, alt);
    ss_text_add(t, "\">\n");
    return true;
}

static void add_link(struct ss_text *t, const char *path, const char *extension)
{
    char *file = NULL;

    if (ss_text_format(&file, "%s.%s", path, extension) == SS_OK)
        ss_html_leaf(t, "a", extension[0] == 's' ? "SVG" : "PNG", "href", file);
    free(file);
}

void ss_page_picture(struct ss_page *p, const struct ss_page_picture *picture)
{
    struct ss_text drawn, *const t = &p->body;

    ss_text_init(&drawn);
    if ((picture->svg && ss_inline_svg(&drawn, picture->svg, picture->caption)) ||
        add_png(&drawn, picture->png, picture->png_size, picture->caption)) {
        ss_html_open(t, "figure", "class", "picture");
        ss_html_leaf(t, "h3", picture->title);
        ss_html_open(t, "div", "class", "plot");
        ss_text_add_bytes(t, drawn.data, drawn.length);
        ss_html_close(t, "div");
        ss_html_open(t, "figcaption");
        ss_html_text(t, picture->caption);
        if (picture->links) {
            ss_text_add(t, " ");
            if (picture->svg)
                add_link(t, picture->links, "svg");
            if (picture->png)
                add_link(t, picture->links, "png");
        }
        ss_html_close(t, "figcaption");
        ss_html_close(t, "figure");
    }
    t->failed = t->failed || drawn.failed;
    ss_text_release(&drawn);
}
