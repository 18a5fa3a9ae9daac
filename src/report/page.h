/*
 * page.h - a report: one HTML file that needs nothing else, neither network nor script, in light and dark.
 *
 * A page is put together section by section; what is there decides its table of contents. Texts come from
 * anywhere and are escaped; tones, ids and classes are literals of ours. Running out of memory is kept and
 * told by ss_page_finish.
 *
 *     ss_page_begin(&p);
 *     ss_page_section(&p, "timing", "Timing");  ss_page_facts(&p, facts, n);  ss_page_section_end(&p);
 *     st = ss_page_finish(&p, &head, &out);
 */
#ifndef SS_REPORT_PAGE_H
#define SS_REPORT_PAGE_H

#include "report/html.h"
#include "report/picture.h"

/** What a status or a remark means to the reader. */
enum ss_tone { SS_TONE_PLAIN, SS_TONE_GOOD, SS_TONE_WARN, SS_TONE_BAD, SS_TONE_LIVE };

enum { SS_MOST_SECTIONS = 16 };

struct ss_page {
    struct ss_text body; /* more may be added with html.h */
    struct {
        const char *id, *title;
    } sections[SS_MOST_SECTIONS];
    size_t n_sections;
};

struct ss_page_head {
    const char *kind;  /* "Run", "Sweep" */
    const char *title; /* its name */
    const char *status;
    enum ss_tone tone;
    const char *lead;     /* a line below the title, or NULL */
    unsigned refresh;     /* seconds after which the open page loads itself again; 0: never */
    double done, of;      /* progress; of = 0: none is shown */
    const char *progress; /* "step 200 of 400" */
    const char *footer;   /* a line at the end */
};

void ss_page_begin(struct ss_page *p);

/** The whole page, added to `out`; the page is released, whatever comes back. */
SS_MUST_CHECK enum ss_status ss_page_finish(struct ss_page *p, const struct ss_page_head *head,
                                            struct ss_text *out);
void ss_page_release(struct ss_page *p);

void ss_page_section(struct ss_page *p, const char *id, const char *title);
void ss_page_section_end(struct ss_page *p);

void ss_page_notice(struct ss_page *p, enum ss_tone tone, const char *text);
void ss_page_note(struct ss_page *p, const char *text); /* a paragraph in small print */

struct ss_page_fact {
    const char *name, *value; /* value NULL or "": left out */
    const char *note;         /* smaller, after the value; or NULL */
};
void ss_page_cards(struct ss_page *p, const struct ss_page_fact *facts,
                   size_t n); /* the few that matter most */
void ss_page_facts(struct ss_page *p, const struct ss_page_fact *facts, size_t n); /* the others */

/** A text as it stands, folded away; nothing if it is NULL or empty. */
void ss_page_text(struct ss_page *p, const char *summary, const char *text);

/** A table in a box of its own that scrolls where the screen is narrow; `caption` is what a screen reader
 * says. Then rows by ss_html_*; `class` "sortable", "filterable" or both give it to the script. */
void ss_page_table(struct ss_page *p, const char *caption, const char *class);
void ss_page_table_end(struct ss_page *p);

/** Figures side by side where there is room. */
void ss_page_figures(struct ss_page *p);
void ss_page_figures_end(struct ss_page *p);

/** A chart whose numbers can be read off by mouse, finger and keyboard. Its title becomes that of the figure.
 * SS_ERR_MEMORY, or what drawing it says. */
SS_MUST_CHECK enum ss_status ss_page_chart(struct ss_page *p, const struct ss_line_chart *chart,
                                           const char *caption);

/** A picture from the bytes of its files, each 0-terminated or NULL: the SVG where it is ours (inline_svg.h),
 * else the PNG; nothing if neither is sound. `links`: where those files are, from the page, without
 * extension. */
struct ss_page_picture {
    const char *title, *caption, *links;
    const char *svg, *png;
    size_t png_size;
};
void ss_page_picture(struct ss_page *p, const struct ss_page_picture *picture);

#endif
