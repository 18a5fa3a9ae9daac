/* Shards of a sweep become one. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "run/sweep.h"

static enum ss_status join(struct ss_ledger *l, const char *folder, const char *name, size_t *updated)
{
    struct ss_ledger *shard = NULL;
    struct ss_points points = {0};
    char *path = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_path_join(folder, name, &path));
    TRY(ss_ledger_open(path, false, &shard));
    TRY(ss_ledger_list(shard, &points));
    TRY(ss_ledger_join(l, &points, name, updated));
    ss_say(SS_LEVEL_NOTE, "%s: %zu points, %zu of them with news", path, points.count, *updated);
out:
    ss_points_release(&points);
    ss_ledger_close(shard);
    free(path);
    return st;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* shard-I-of-N below `folder`, in order. */
static enum ss_status find_shards(const char *folder, char ***out, size_t *count)
{
    DIR *const d = opendir(folder);
    char **names = NULL;
    const struct dirent *e;
    size_t n = 0;
    enum ss_status st = SS_OK;

    if (!d)
        return SS_FAIL(SS_ERR_FILE, "%s: %s", folder, strerror(errno));
    while ((e = readdir(d))) {
        if (strncmp(e->d_name, "shard-", 6) != 0 || !isdigit((unsigned char)e->d_name[6]))
            continue;
        char **const larger = realloc(names, (n + 1) * sizeof(*names));
        if (!larger) {
            st = SS_FAIL_MEMORY((n + 1) * sizeof(*names));
            goto out;
        }
        names = larger;
        TRY(ss_text_copy(e->d_name, &names[n]));
        n++;
    }
    if (n)
        qsort(names, n, sizeof(*names), by_name);
out:
    closedir(d);
    *out = names;
    *count = n;
    return st;
}

enum ss_status ss_sweep_merge(const char *folder, struct ss_counts *counts)
{
    struct ss_ledger *l = NULL;
    char **names = NULL;
    size_t n = 0;
    enum ss_status st = SS_OK;

    TRY(find_shards(folder, &names, &n));
    if (n == 0) {
        st = SS_FAIL(SS_ERR_FILE,
                     "%s: no shard in it, like shard-1-of-4; `slicescore sweep EXP.yaml -o %s --shard 1/4` "
                     "makes one; those of other machines are copied there first",
                     folder, folder);
        goto out;
    }
    TRY(ss_ledger_open(folder, true, &l));
    for (size_t i = 0; i < n; i++) {
        size_t updated = 0;
        TRY(join(l, folder, names[i], &updated));
    }
    TRY(ss_ledger_count(l, counts));
out:
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
    ss_ledger_close(l);
    return st;
}
