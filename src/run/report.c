#include "run/report.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "run/stop.h"

enum { LOOK_MS = 250, LOOKS = 8 }; /* a page is looked at again after 2 s, a stop noticed at once */

char *ss_report_file(const char *folder, const char *name, size_t limit, size_t *size)
{
    char *path = NULL, *data = NULL;
    struct stat s;
    size_t n = 0;

    if (ss_path_join(folder, name, &path) == SS_OK && stat(path, &s) == 0 && S_ISREG(s.st_mode) &&
        (size_t)s.st_size <= limit && ss_file_read(path, limit, &data, &n) != SS_OK)
        data = NULL;
    free(path);
    if (size)
        *size = n;
    return data;
}

bool ss_report_is_sweep(const char *folder)
{
    char *path = NULL;
    const bool found = ss_path_join(folder, "sweep.db", &path) == SS_OK && ss_path_exists(path);

    free(path);
    return found;
}

static enum ss_status make(const char *folder, const struct ss_report_options *options, struct ss_text *out,
                           bool *going_on)
{
    return ss_report_is_sweep(folder) ? ss_report_sweep(folder, options, out, going_on)
                                      : ss_report_run(folder, options, out, going_on);
}

static enum ss_status write_page(const char *folder, const struct ss_text *page, char **path)
{
    char *file = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_path_join(folder, "report.html", &file));
    TRY(ss_file_write(file, page->data, page->length));
    if (path) {
        *path = file;
        file = NULL;
    }
out:
    free(file);
    return st;
}

enum ss_status ss_report_write(const char *folder, const struct ss_report_options *options, char **path)
{
    struct ss_text page;
    bool going_on = false;
    enum ss_status st = SS_OK;

    ss_text_init(&page);
    TRY(make(folder, options, &page, &going_on));
    TRY(write_page(folder, &page, path));
out:
    ss_text_release(&page);
    return st;
}

/* ---- a report that must not matter ---- */

struct listener {
    ss_sink_fn *fn;
    void *context;
};

static void as_warning(void *context, enum ss_level level, const char *text)
{
    const struct listener *const l = context;

    ss_sink_set(l->fn, l->context);
    if (level != SS_LEVEL_ERROR)
        ss_say(level, "%s", text);
    else
        ss_say(SS_LEVEL_WARNING, "no report: %s", text);
    ss_sink_set(as_warning, context);
}

void ss_report_try(const char *folder)
{
    struct listener outer = {0};
    char *path = NULL;

    ss_sink_get(&outer.fn, &outer.context);
    ss_sink_set(as_warning, &outer);
    const enum ss_status st = ss_report_write(folder, &(struct ss_report_options){0}, &path);
    ss_sink_set(outer.fn, outer.context);
    if (st == SS_OK)
        ss_say(SS_LEVEL_NOTE, "report: %s", path);
    free(path);
}

/* ---- following ---- */

static void wait_a_little(void)
{
    for (int i = 0; i < LOOKS && !ss_stop_signal(); i++)
        poll(NULL, 0, LOOK_MS);
}

enum ss_status ss_report_follow(const char *folder, const struct ss_report_options *options)
{
    struct ss_report_options now = *options;
    struct ss_text page, written;
    bool going_on = true;
    enum ss_status st = SS_OK;

    ss_text_init(&page);
    ss_text_init(&written);
    ss_stop_install();
    for (bool last = false; !last;) {
        ss_text_clear(&page);
        last = !going_on || ss_stop_signal();
        now.refresh = last ? 0 : options->refresh;
        TRY(make(folder, &now, &page, &going_on));
        if (page.length != written.length || memcmp(page.data, written.data, page.length) != 0) {
            TRY(write_page(folder, &page, NULL));
            const struct ss_text swap = page;
            page = written;
            written = swap;
        }
        if (!last && going_on)
            wait_a_little();
    }
out:
    ss_stop_restore();
    ss_text_release(&page);
    ss_text_release(&written);
    return st;
}
