#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/version.h"
#include "report/page.h"
#include "run/directory.h"
#include "run/evaluate.h"
#include "run/metrics.h"
#include "run/record.h"
#include "run/report.h"
#include "run/report_curves.h"
#include "run/resolved.h"

enum {
    MOST_TEXT = 1 << 20,
    MOST_LOG = 1 << 26,
    LOG_SHOWN = 1 << 17,
    MOST_PICTURE = 1 << 23,
    MOST_PICTURES = 24,
    MOST_WARNINGS = 8
};

/* All that is known of a run. */
struct story {
    const char *folder;
    struct ss_run_record record;
    struct ss_metrics_table metrics;
    struct ss_resolved resolved;
    char *resolved_text, *config, *log;
    bool alive; /* a process writes it */
    double steps_wanted;
};

static void story_release(struct story *s)
{
    ss_run_record_release(&s->record);
    ss_metrics_table_release(&s->metrics);
    ss_resolved_release(&s->resolved);
    free(s->resolved_text);
    free(s->config);
    free(s->log);
}

static enum ss_status story_read(const char *folder, struct story *s)
{
    struct ss_run_directory d = {.lock = -1};
    enum ss_status st = SS_OK;

    *s = (struct story){.folder = folder};
    ss_run_record_init(&s->record);
    TRY(ss_run_directory_open(folder, false, &d));
    s->alive = ss_run_directory_is_locked(folder);
    TRY(ss_run_record_read(folder, &s->record));
    TRY(ss_metrics_read(folder, &s->metrics));
    s->resolved_text = ss_report_file(folder, "resolved.yaml", MOST_TEXT, NULL);
    s->config = ss_report_file(folder, "config.yaml", MOST_TEXT, NULL);
    s->log = ss_report_file(folder, "log.txt", MOST_LOG, NULL);
    TRY(ss_resolved_parse(s->resolved_text ? s->resolved_text : "", &s->resolved));
    const char *const steps = ss_resolved_value(&s->resolved, "train.steps");
    if (!steps || !ss_text_number(steps, &s->steps_wanted))
        s->steps_wanted = 0; /* epochs: their steps are known to the trainer alone */
out:
    ss_run_directory_release(&d);
    return st;
}

static const char *setting(const struct story *s, const char *key)
{
    const char *const v = ss_resolved_value(&s->resolved, key);

    return v && strcmp(v, "null") != 0 ? v : NULL;
}

static bool is_running(const struct story *s)
{
    return s->record.status == SS_RUN_RUNNING && s->alive;
}

/* ---- the top ---- */

static void add_head(const struct story *s, struct ss_page_head *head)
{
    static const enum ss_tone tones[] = {
        [SS_RUN_RUNNING] = SS_TONE_LIVE, [SS_RUN_DONE] = SS_TONE_GOOD,  [SS_RUN_INTERRUPTED] = SS_TONE_WARN,
        [SS_RUN_DIVERGED] = SS_TONE_BAD, [SS_RUN_FAILED] = SS_TONE_BAD, [SS_RUN_IMPORTED] = SS_TONE_PLAIN};
    const bool gone = s->record.status == SS_RUN_RUNNING && !s->alive;

    head->kind = "run";
    head->title = s->record.name ? s->record.name : ss_path_name(s->folder);
    head->status = gone ? "ended unfinished" : ss_run_status_name(s->record.status);
    head->tone = gone ? SS_TONE_WARN : tones[s->record.status];
}

/* "ssm_vr, energy model of 1 189 parameters, two_moons with 2 columns" */
static void add_lead(const struct story *s, struct ss_text *t)
{
    const char *const objective = setting(s, "objective.kind"), *const model = setting(s, "model.kind"),
                      *source = setting(s, "data.source");
    char parameters[SS_NUMBER_SIZE], columns[SS_NUMBER_SIZE];

    source = source ? source : setting(s, "data.file");
    ss_html_count(s->record.parameters, parameters);
    ss_html_count(s->record.dimension, columns);
    if (model)
        ss_text_addf(t, "%c%s model", toupper((unsigned char)*model), model + 1);
    if (model && s->record.parameters)
        ss_text_addf(t, " of %s parameters", parameters);
    if (objective)
        ss_text_addf(t, ", trained by %s", objective);
    if (source)
        ss_text_addf(t, " on %s", ss_path_name(source));
    if (s->record.dimension)
        ss_text_addf(t, " with %s column%s", columns, s->record.dimension == 1 ? "" : "s");
}

static const struct ss_metrics_row *best_row(const struct story *s)
{
    const struct ss_metrics_row *best = NULL;

    for (size_t i = 0; i < s->metrics.count; i++) {
        const struct ss_metrics_row *const r = &s->metrics.rows[i];
        if (isfinite(r->validation) && (!best || r->validation < best->validation))
            best = r;
    }
    return best;
}

/* What ended it before its time, and what to do about that. */
static void add_outcome(const struct story *s, struct ss_page *p)
{
    const char *const name = ss_path_name(s->folder);
    char *text = NULL;
    enum ss_status st = SS_OK;

    if (s->record.status == SS_RUN_INTERRUPTED)
        st = ss_text_format(
            &text, "Interrupted after step %llu; a checkpoint is saved, and `slicescore resume %s` goes on.",
            (unsigned long long)s->record.steps, name);
    else if (s->record.status == SS_RUN_DIVERGED)
        st = ss_text_format(&text,
                            "Training diverged after step %llu: a loss or gradient was not finite. A smaller "
                            "train.learning_rate, or train.clip, may help; the last good checkpoint stands.",
                            (unsigned long long)s->record.steps);
    else if (s->record.status == SS_RUN_FAILED)
        st = ss_text_format(&text, "The run failed (%s); the log below says why.",
                            s->record.error ? s->record.error : "unknown");
    else if (s->record.status == SS_RUN_RUNNING && !s->alive)
        st = ss_text_format(&text,
                            "No process writes this run, and it never said that it ended: it was killed, or "
                            "its machine stopped. `slicescore resume %s` goes on after its last checkpoint.",
                            name);
    if (st == SS_OK && text)
        ss_page_notice(p,
                       s->record.status == SS_RUN_DIVERGED || s->record.status == SS_RUN_FAILED
                           ? SS_TONE_BAD
                           : SS_TONE_WARN,
                       text);
    free(text);
}

/* Warnings and errors of the log, each once. */
static enum ss_status add_warnings(const struct story *s, struct ss_page *p)
{
    static const struct {
        const char *mark;
        enum ss_tone tone;
    } kinds[] = {{"Z warning: ", SS_TONE_WARN}, {"Z error: ", SS_TONE_BAD}};
    struct ss_text said;
    size_t n = 0;
    enum ss_status st = SS_OK;

    ss_text_init(&said);
    for (const char *line = s->log, *end; line && *line; line = end + (*end == '\n')) {
        end = line + strcspn(line, "\n");
        for (size_t k = 0; k < SS_COUNT(kinds); k++) {
            const char *const at = strstr(line, kinds[k].mark);
            char *text = NULL;
            if (!at || at != line + 19)
                continue;
            const char *const start = at + strlen(kinds[k].mark);
            TRY(ss_text_format(&text, "\n%.*s\n", (int)(end - start), start));
            const bool fresh = !strstr(said.data, text);
            ss_text_add(&said, text);
            text[strlen(text) - 1] = '\0';
            if (fresh && n++ < MOST_WARNINGS)
                ss_page_notice(p, kinds[k].tone, text + 1);
            free(text);
        }
    }
    if (n > MOST_WARNINGS)
        ss_page_note(p, "More warnings are in the log below.");
out:
    ss_text_release(&said);
    return st;
}

static void add_cards(const struct story *s, struct ss_page *p)
{
    static const char *const wanted[] = {"log_likelihood", "fisher_divergence", "esm"};
    const struct ss_run_record *const r = &s->record;
    const struct ss_metrics_row *const best = best_row(s);
    char texts[6][SS_NUMBER_SIZE], note[SS_NUMBER_SIZE], steps[SS_NUMBER_SIZE], time[32];
    struct ss_page_fact cards[6];
    size_t n = 0;

    for (size_t k = 0; k < SS_COUNT(wanted); k++)
        for (size_t i = 0; i < r->metrics.count; i++)
            if (strcmp(r->metrics.items[i].name, wanted[k]) == 0) {
                ss_html_estimate(r->metrics.items[i].mean, r->metrics.items[i].standard_error, texts[n]);
                cards[n] = (struct ss_page_fact){ss_metric_title(wanted[k]), texts[n], "held-out rows"};
                n++;
            }
    if (best) {
        ss_html_estimate(best->validation, best->validation_standard_error, texts[n]);
        snprintf(note, sizeof(note), "step %llu", (unsigned long long)best->step);
        cards[n] = (struct ss_page_fact){"Best validation objective", texts[n], note};
        n++;
    }
    if (n < 4 && isfinite(r->loss)) {
        ss_html_number(r->loss, 4, texts[n]);
        cards[n] = (struct ss_page_fact){"Last training loss", texts[n], NULL};
        n++;
    }
    if (r->steps) {
        ss_clock_duration(ss_curves_seconds(&s->metrics, r->seconds), time);
        ss_html_count(r->steps, steps);
        strcpy(texts[n], time);
        strncat(steps, r->steps == 1 ? " step" : " steps", sizeof(steps) - strlen(steps) - 1);
        cards[n] = (struct ss_page_fact){"Training time", texts[n], steps};
        n++;
    }
    if (n)
        ss_page_cards(p, cards, n);
}

/* ---- sections ---- */

static void add_evaluation(const struct story *s, struct ss_page *p)
{
    static const char *const heads[] = {"Metric", "Mean \xc2\xb1 standard error", "What it is"};
    const struct ss_metrics_list *const m = &s->record.metrics;
    struct ss_text *const t = &p->body;
    char text[SS_NUMBER_SIZE];

    if (!m->count)
        return;
    ss_page_section(p, "evaluation", "Evaluation");
    ss_html_count(m->rows, text);
    ss_page_table(p, "Metrics on held-out rows", NULL);
    ss_text_add(t, "<thead><tr>");
    for (size_t i = 0; i < SS_COUNT(heads); i++)
        ss_html_leaf(t, "th", heads[i], "scope", "col", "class", i == 1 ? "number" : NULL);
    ss_text_add(t, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < m->count; i++) {
        char value[SS_NUMBER_SIZE];
        ss_html_estimate(m->items[i].mean, m->items[i].standard_error, value);
        ss_text_add(t, "<tr>");
        ss_html_open(t, "th", "scope", "row");
        ss_html_leaf(t, "code", m->items[i].name);
        ss_html_close(t, "th");
        ss_html_leaf(t, "td", value, "class", "number");
        ss_html_leaf(t, "td", ss_metric_meaning(m->items[i].name));
        ss_text_add(t, "</tr>\n");
    }
    ss_text_add(t, "</tbody>\n");
    ss_page_table_end(p);
    ss_html_open(t, "p", "class", "note");
    ss_html_textf(
        t, "Means over %s held-out rows, of the best weights; the standard error is that of the mean.", text);
    ss_html_close(t, "p");
    ss_page_section_end(p);
}

/* ---- pictures ---- */

static const struct {
    const char *name, *title, *caption;
} known_pictures[] = {
    {"data", "Data", "Rows of the data set."},
    {"density", "Learned density", "The density that the model learned."},
    {"score", "Score",
     "The model's score, the gradient of its log-density: it points to where rows are more likely."},
    {"samples", "Samples", "Rows drawn from the model by its Markov chains."},
    {"plane", NULL, NULL}, /* the same once more, side by side */
    {"loss", NULL, NULL},  /* the curves below */
};

static int by_place(const void *a, const void *b)
{
    const char *const names[] = {*(char *const *)a, *(char *const *)b};
    size_t place[2];

    for (size_t i = 0; i < 2; i++)
        for (place[i] = 0;
             place[i] < SS_COUNT(known_pictures) && strcmp(known_pictures[place[i]].name, names[i]) != 0;)
            place[i]++;
    return place[0] != place[1] ? (place[0] < place[1] ? -1 : 1) : strcmp(names[0], names[1]);
}

static enum ss_status list_pictures(const char *plots, char **names, size_t *n)
{
    DIR *const d = opendir(plots);
    const struct dirent *e;
    enum ss_status st = SS_OK;

    while (d && *n < MOST_PICTURES && (e = readdir(d))) {
        const size_t length = strlen(e->d_name);
        if (!ss_path_has_extension(e->d_name, "png") || length == 4)
            continue;
        TRY(ss_text_format(&names[*n], "%.*s", (int)(length - 4), e->d_name));
        ++*n;
    }
    qsort(names, *n, sizeof(*names), by_place);
out:
    if (d)
        closedir(d);
    return st;
}

static enum ss_status add_picture(const struct story *s, struct ss_page *p, const char *name)
{
    struct ss_page_picture picture = {.title = name, .caption = name};
    char *svg = NULL, *png = NULL, *place = NULL, *file = NULL;
    enum ss_status st = SS_OK;

    for (size_t i = 0; i < SS_COUNT(known_pictures); i++)
        if (strcmp(known_pictures[i].name, name) == 0) {
            picture.title = known_pictures[i].title;
            picture.caption = known_pictures[i].caption;
        }
    if (!picture.title)
        return SS_OK;
    TRY(ss_text_format(&place, "plots/%s", name));
    TRY(ss_text_format(&file, "%s.svg", place));
    svg = ss_report_file(s->folder, file, MOST_PICTURE, NULL);
    free(file);
    file = NULL;
    TRY(ss_text_format(&file, "%s.png", place));
    png = ss_report_file(s->folder, file, MOST_PICTURE, &picture.png_size);
    picture.links = place;
    picture.svg = svg;
    picture.png = png;
    ss_page_picture(p, &picture);
out:
    free(svg);
    free(png);
    free(place);
    free(file);
    return st;
}

static enum ss_status add_pictures(const struct story *s, struct ss_page *p)
{
    char *names[MOST_PICTURES] = {0}, *plots = NULL;
    size_t n = 0, shown = 0;
    enum ss_status st = SS_OK;

    TRY(ss_path_join(s->folder, "plots", &plots));
    TRY(list_pictures(plots, names, &n));
    for (size_t i = 0; i < n; i++)
        shown += strcmp(names[i], "plane") != 0 && strcmp(names[i], "loss") != 0;
    if (!shown)
        goto out;
    ss_page_section(p, "pictures", "Density, score, samples");
    ss_page_figures(p);
    for (size_t i = 0; i < n; i++)
        TRY(add_picture(s, p, names[i]));
    ss_page_figures_end(p);
    ss_page_section_end(p);
out:
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(plots);
    return st;
}

/* ---- words ---- */

static enum ss_status add_timing(const struct story *s, struct ss_page *p)
{
    const struct ss_run_record *const r = &s->record;
    const double seconds = ss_curves_seconds(&s->metrics, r->seconds),
                 rate = ss_curves_median_rate(&s->metrics);
    char time[32], per_step[SS_NUMBER_SIZE] = "", rows[SS_NUMBER_SIZE] = "", steps[SS_NUMBER_SIZE];

    ss_clock_duration(seconds, time);
    ss_html_count(r->steps, steps);
    if (r->steps && seconds > 0) {
        ss_html_number(1e3 * seconds / (double)r->steps, 3, per_step);
        strcat(per_step, " ms");
    }
    if (isfinite(rate))
        ss_html_count((unsigned long long)rate, rows);
    const struct ss_page_fact facts[] = {
        {"Started", r->started, NULL},
        {"Ended", r->finished, NULL},
        {"Training", r->steps ? time : NULL, "without set-up, evaluation at the end and pictures"},
        {"Steps", steps, NULL},
        {"Time of a step", per_step, "mean, with what the first compiles"},
        {"Rows a second", rows, "median of the reports"}};
    enum ss_status st = SS_OK;

    ss_page_section(p, "timing", "Timing");
    ss_page_figures(p);
    ss_page_facts(p, facts, SS_COUNT(facts));
    TRY(ss_curves_speed(&s->metrics, p));
    ss_page_figures_end(p);
    ss_page_section_end(p);
out:
    return st;
}

static void add_device(const struct story *s, struct ss_page *p)
{
    const struct ss_run_record *const r = &s->record;
    struct ss_text command;
    char seed[SS_NUMBER_SIZE];

    ss_text_init(&command);
    for (size_t i = 0; i < r->n_argv; i++)
        ss_text_addf(&command, "%s%s", i ? " " : "", i ? r->argv[i] : ss_path_name(r->argv[i]));
    snprintf(seed, sizeof(seed), "%u", r->seed);
    const struct ss_page_fact facts[] = {{"Device", r->device, NULL}, {"Driver", r->driver, NULL},
                                         {"Plan", r->plan, NULL},     {"slicescore", r->version, NULL},
                                         {"Seed", seed, NULL},        {"Command", command.data, NULL}};
    ss_page_section(p, "device", "Device");
    ss_page_facts(p, facts, SS_COUNT(facts));
    ss_page_section_end(p);
    ss_text_release(&command);
}

static void add_settings(const struct story *s, struct ss_page *p)
{
    static const char *const heads[] = {"Key", "Value", "From"};
    struct ss_text *const t = &p->body;

    ss_page_section(p, "configuration", "Configuration");
    ss_page_table(p, "What was set; all else is at its default", NULL);
    ss_text_add(t, "<thead><tr>");
    for (size_t i = 0; i < SS_COUNT(heads); i++)
        ss_html_leaf(t, "th", heads[i], "scope", "col");
    ss_text_add(t, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < s->resolved.count; i++) {
        const struct ss_resolved_key *const k = &s->resolved.keys[i];
        if (strcmp(k->origin, "default") == 0)
            continue;
        ss_text_add(t, "<tr>");
        ss_html_open(t, "th", "scope", "row");
        ss_html_leaf(t, "code", k->key);
        ss_html_close(t, "th");
        ss_text_add(t, "<td>");
        ss_html_leaf(t, "code", k->value);
        ss_text_add(t, "</td>");
        ss_html_leaf(t, "td", k->origin);
        ss_text_add(t, "</tr>\n");
    }
    ss_text_add(t, "</tbody>\n");
    ss_page_table_end(p);
    ss_page_text(p, "Everything, with defaults (resolved.yaml)", s->resolved_text);
    ss_page_text(p, "The file as it was given (config.yaml)", s->config);
    ss_page_section_end(p);
}

static void add_log(const struct story *s, struct ss_page *p)
{
    const size_t length = s->log ? strlen(s->log) : 0;
    const char *const from = length > LOG_SHOWN ? strchr(s->log + length - LOG_SHOWN, '\n') : s->log;

    if (!length)
        return;
    ss_page_section(p, "log", "Log");
    ss_page_text(p, from == s->log ? "log.txt" : "log.txt, its last part", from);
    ss_page_section_end(p);
}

enum ss_status ss_report_run(const char *folder, const struct ss_report_options *options, struct ss_text *out,
                             bool *going_on)
{
    struct story s;
    struct ss_page p;
    struct ss_page_head head = {.footer = "Written by slicescore " SS_VERSION "."};
    struct ss_text lead;
    char progress[64];
    enum ss_status st = SS_OK;

    ss_page_begin(&p);
    ss_text_init(&lead);
    TRY(story_read(folder, &s));
    *going_on = is_running(&s);
    add_head(&s, &head);
    add_lead(&s, &lead);
    head.lead = lead.data;
    head.refresh = *going_on ? options->refresh : 0;
    if (s.record.status != SS_RUN_DONE && s.steps_wanted > 0) {
        head.done = ss_curves_last_step(&s.metrics, (double)s.record.steps);
        head.of = s.steps_wanted;
        snprintf(progress, sizeof(progress), "step %.0f of %.0f", head.done, head.of);
        head.progress = progress;
    }
    add_outcome(&s, &p);
    TRY(add_warnings(&s, &p));
    add_cards(&s, &p);
    add_evaluation(&s, &p);
    TRY(add_pictures(&s, &p));
    TRY(ss_curves_section(&s.metrics, setting(&s, "objective.kind"), &p));
    TRY(add_timing(&s, &p));
    add_settings(&s, &p);
    add_device(&s, &p);
    add_log(&s, &p);
    TRY(ss_page_finish(&p, &head, out));
out:
    ss_text_release(&lead);
    ss_page_release(&p);
    story_release(&s);
    return st;
}
