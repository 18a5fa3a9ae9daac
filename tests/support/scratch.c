#include "tests/support/scratch.h"

#include <check.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"

static char folder[64];
static char paths[8][512];
static size_t n_paths;
static char said[8192];

static void listen(void *context, enum ss_level level, const char *text)
{
    const size_t used = strlen(said);

    (void)context;
    (void)level;
    snprintf(said + used, sizeof(said) - used, "%s\n", text);
}

void scratch_set_up(void)
{
    strcpy(folder, "/tmp/ss-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    scratch_hush();
    ss_sink_set(listen, NULL);
}

/* Files first, then folders: two levels are all that tests make. */
static void empty(const char *path)
{
    DIR *const d = opendir(path);
    struct dirent *e;
    char inner[1024];

    while (d && (e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(inner, sizeof(inner), "%s/%s", path, e->d_name);
        if (unlink(inner) != 0) {
            empty(inner);
            rmdir(inner);
        }
    }
    if (d)
        closedir(d);
}

void scratch_tear_down(void)
{
    ss_sink_set(NULL, NULL);
    empty(folder);
    rmdir(folder);
}

const char *scratch_path(const char *name)
{
    char *const path = paths[n_paths++ % SS_COUNT(paths)];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

const char *scratch_file(const char *name, const void *bytes, size_t n)
{
    const char *const path = scratch_path(name);

    /* A new file, as ext4 writes one that is emptied and filled again to the disk at once. */
    unlink(path);
    FILE *const f = fopen(path, "wb");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
    return path;
}

const char *scratch_text(const char *name, const char *text)
{
    return scratch_file(name, text, strlen(text));
}

const char *scratch_said(void)
{
    return said;
}

void scratch_hush(void)
{
    said[0] = '\0';
}

void scratch_must_say(const char *what)
{
    ck_assert_msg(strstr(said, what) != NULL, "'%s' is not in: %s", what, said);
    scratch_hush();
}

size_t scratch_count(void)
{
    DIR *const d = opendir(folder);
    size_t n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n - 2;
}

/* splitmix64 */
uint64_t scratch_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void close_to(double got, double want, double absolute, double relative)
{
    ck_assert_msg(fabs(got - want) <= absolute + relative * fabs(want), "%.17g, wanted %.17g", got, want);
}
