#include "device/tuning.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/json.h"
#include "base/version.h"
#include "device/cache.h"
#include "device/embedded.h"
#include "device/opencl.h"

enum { FORMAT = 1, LARGEST = 1 << 16 };

struct ss_tuning_item { /* one question, in the order of asking */
    struct ss_tuning_item *next;
    char *what;
    bool answered;
    struct ss_tuning answer;
};

/* ---- what was asked in this process ---- */

static struct ss_tuning_item *item_of(const struct ss_device *d, const char *what)
{
    struct ss_tuning_item *i = d->tuning;

    while (i && strcmp(i->what, what) != 0)
        i = i->next;
    return i;
}

static enum ss_status add_item(struct ss_device *d, const char *what, struct ss_tuning_item **out)
{
    struct ss_tuning_item *item = NULL, **end = &d->tuning;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &item));
    TRY(ss_text_copy(what, &item->what));
    while (*end)
        end = &(*end)->next;
    *end = *out = item;
    item = NULL;
out:
    free(item);
    return st;
}

void ss_tuning_release(struct ss_tuning_item *first)
{
    for (struct ss_tuning_item *i = first, *next; i; i = next) {
        next = i->next;
        free(i->what);
        free(i);
    }
}

/* ---- files ---- */

/* Of the kernels in use: those of a folder are others with each change. */
static void add_sources(XXH3_state_t *state)
{
    enum { LARGEST_SOURCE = 1 << 20 };
    const char *const folder = getenv("SLICESCORE_CL_DIR");

    for (const struct ss_embedded *e = ss_embedded; e->name; e++) {
        char *path = NULL, *text = NULL;
        size_t size = 0;
        if (!folder || !*folder)
            XXH3_128bits_update(state, e->text, strlen(e->text) + 1);
        else if (ss_path_join(folder, e->name, &path) == SS_OK && ss_path_exists(path) &&
                 ss_file_read(path, LARGEST_SOURCE, &text, &size) == SS_OK)
            XXH3_128bits_update(state, text, size + 1);
        free(text);
        free(path);
    }
}

/* All that a measurement depends on. The cores are among it: a process may be given some of them. */
static XXH128_hash_t key_of(const struct ss_device *d, const char *what)
{
    const struct ss_device_info *const info = &d->info;
    const uint32_t counts[] = {FORMAT, info->native_float_width, info->compute_units};
    const char *const parts[] = {info->platform_name, info->name, info->vendor, info->driver,
                                 info->version,       SS_VERSION, what};
    XXH3_state_t *const state = XXH3_createState();
    XXH128_hash_t key = {0, 0};

    if (!state)
        return key;
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, counts, sizeof(counts));
    for (size_t i = 0; i < SS_COUNT(parts); i++)
        XXH3_128bits_update(state, parts[i], strlen(parts[i]) + 1);
    add_sources(state);
    key = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    return key;
}

static char *path_of(XXH128_hash_t key)
{
    char *const folder = ss_cache_folder("tuning");
    char *path = NULL;

    if (folder && ss_text_format(&path, "%s/%016" PRIx64 "%016" PRIx64 ".json", folder, (uint64_t)key.high64,
                                 (uint64_t)key.low64) != SS_OK)
        path = NULL;
    free(folder);
    return path;
}

/* The file's text if its last member, the digest of what stands before it, is right. The caller frees it. */
static char *read_checked(const char *path)
{
    static const char mark[] = ",\"check\":\"";
    const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    char *const text = fd >= 0 ? calloc(1, LARGEST) : NULL;
    size_t n = 0;
    ssize_t got = 1;

    while (text && n < LARGEST - 1 && got > 0) {
        got = read(fd, text + n, LARGEST - 1 - n);
        n += got > 0 ? (size_t)got : 0;
    }
    if (fd >= 0)
        close(fd);
    const char *const check = text ? strstr(text, mark) : NULL;
    uint64_t digest = 0;
    int end = 0;
    if (check && sscanf(check + sizeof(mark) - 1, "%16" SCNx64 "%n", &digest, &end) == 1 &&
        strcmp(check + sizeof(mark) - 1 + end, "\"}\n") == 0 &&
        digest == XXH3_64bits(text, (size_t)(check - text)))
        return text;
    free(text);
    return NULL;
}

static bool read_numbers(const json_t *o, int32_t numbers[SS_TUNING_NUMBERS])
{
    const json_t *const list = json_object_get(o, "numbers");

    if (json_array_size(list) != SS_TUNING_NUMBERS)
        return false;
    for (size_t i = 0; i < SS_TUNING_NUMBERS; i++) {
        const json_t *const n = json_array_get(list, i);
        if (!json_is_integer(n) || json_integer_value(n) < 0 || json_integer_value(n) > INT32_MAX)
            return false;
        numbers[i] = (int32_t)json_integer_value(n);
    }
    return true;
}

static bool parse(const char *text, const char *what, struct ss_tuning *out)
{
    json_t *const o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *const question = json_string_value(json_object_get(o, "what"));
    const char *const stamp = json_string_value(json_object_get(o, "measured"));
    struct ss_tuning t = {.ms = json_number_value(json_object_get(o, "ms")),
                          .gain = json_number_value(json_object_get(o, "gain")),
                          .candidates = (uint32_t)json_integer_value(json_object_get(o, "candidates"))};
    const bool sound = question && strcmp(question, what) == 0 && stamp && strlen(stamp) < sizeof(t.stamp) &&
                       t.ms > 0 && t.gain > 0 && read_numbers(o, t.numbers);

    if (sound) {
        strcpy(t.stamp, stamp);
        *out = t;
    }
    json_decref(o);
    return sound;
}

static bool load(const struct ss_device *d, const char *what, struct ss_tuning *out)
{
    char *const path = path_of(key_of(d, what));
    char *const text = path ? read_checked(path) : NULL;
    const bool sound = text && parse(text, what, out);

    free(text);
    free(path);
    return sound;
}

static bool store(const struct ss_device *d, const char *what, const struct ss_tuning *t)
{
    char *const path = path_of(key_of(d, what));
    struct ss_text text;
    char tail[48];

    ss_text_init(&text);
    ss_json_open(&text, NULL, '{');
    ss_json_text(&text, "what", what);
    ss_json_text(&text, "device", d->info.name);
    ss_json_text(&text, "driver", d->info.driver);
    ss_json_open(&text, "numbers", '[');
    for (size_t i = 0; i < SS_TUNING_NUMBERS; i++)
        ss_json_integer(&text, NULL, t->numbers[i]);
    ss_json_close(&text, ']');
    ss_json_number(&text, "ms", t->ms);
    ss_json_number(&text, "gain", t->gain);
    ss_json_integer(&text, "candidates", t->candidates);
    ss_json_text(&text, "measured", t->stamp);
    const int n = snprintf(tail, sizeof(tail), ",\"check\":\"%016" PRIx64 "\"}\n",
                           (uint64_t)XXH3_64bits(text.data, text.length));
    const bool done = path && !text.failed && ss_cache_write(path, text.data, text.length, tail, (size_t)n);
    ss_text_release(&text);
    free(path);
    return done;
}

/* ---- answers ---- */

static bool in_ranges(const int32_t numbers[SS_TUNING_NUMBERS], const int32_t most[SS_TUNING_NUMBERS])
{
    for (size_t i = 0; i < SS_TUNING_NUMBERS; i++)
        if (numbers[i] < 0 || numbers[i] > most[i])
            return false;
    return true;
}

bool ss_tuning_find(struct ss_device *d, const char *what, const int32_t most[SS_TUNING_NUMBERS],
                    struct ss_tuning *out)
{
    struct ss_tuning_item *item = item_of(d, what);

    if (!item) {
        if (add_item(d, what, &item) != SS_OK)
            return false;
        item->answered = load(d, what, &item->answer);
    }
    if (item->answered && !in_ranges(item->answer.numbers, most)) {
        item->answered = false;
        item->answer = (struct ss_tuning){.gain = 1};
    }
    if (item->answered)
        *out = item->answer;
    return item->answered;
}

bool ss_tuning_keep(struct ss_device *d, const char *what, const struct ss_tuning *t)
{
    struct ss_tuning_item *item = item_of(d, what);

    if (!item && add_item(d, what, &item) != SS_OK)
        return false;
    item->answered = true;
    item->answer = *t;
    d->n_answers++;
    return store(d, what, t);
}

void ss_tuning_describe(const struct ss_tuning *t, struct ss_text *out)
{
    static const int32_t by_default[SS_TUNING_NUMBERS];

    if (memcmp(t->numbers, by_default, sizeof(by_default)) == 0)
        ss_text_addf(out, "the default, which was the fastest of %u ways measured here on %.10s",
                     t->candidates, t->stamp);
    else
        ss_text_addf(out, "measured here on %.10s: %.2f times as fast as the default, the best of %u ways",
                     t->stamp, t->gain, t->candidates);
}
