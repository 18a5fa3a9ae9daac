#include "run/directory.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

/* All that this program ever writes into a run: what --force may remove. Names without a slash, or
 * FOLDER/pattern. A writer that was killed leaves NAME.tmp.PID. */
static const char *const files[] = {"config.yaml", "resolved.yaml",
                                    "run.json",    "metrics.jsonl",
                                    "metrics.csv", "log.txt",
                                    "report.html", "transform.safetensors",
                                    "log_z.json",  "events.out.tfevents.*.slicescore*"};
static const struct {
    const char *name;
    const char *patterns[4];
} folders[] = {{"ckpt", {"step-*.safetensors", "best.safetensors"}},
               {"samples", {"samples*.npy", "samples*.csv", "*.png"}},
               {"plots", {"*.svg", "*.png"}}};

static const char lock_name[] = "lock";

/* ---- lock ---- */

static enum ss_status take_lock(const char *path, int *out)
{
    char *file = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_path_join(path, lock_name, &file));
    const int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) {
        st = SS_FAIL(SS_ERR_FILE, "%s: cannot be opened for writing: %s", file, strerror(errno));
        goto out;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const bool held = errno == EWOULDBLOCK;
        close(fd);
        if (held)
            st = SS_FAIL(SS_ERR_FILE,
                         "%s: another process is writing this run; wait for it, or stop it (Ctrl-C saves a "
                         "checkpoint)",
                         path);
        else
            st = SS_FAIL(SS_ERR_FILE, "%s: cannot be locked: %s", file, strerror(errno));
        goto out;
    }
    *out = fd;
out:
    free(file);
    return st;
}

bool ss_run_directory_is_locked(const char *path)
{
    char *file = NULL;
    int fd = -1;
    bool locked = false;

    if (ss_path_join(path, lock_name, &file) == SS_OK)
        fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        close(fd);
    }
    free(file);
    return locked;
}

/* ---- removing an earlier run ---- */

static bool matches(const char *name, const char *pattern)
{
    char temporary[64];

    snprintf(temporary, sizeof(temporary), "%s.tmp.*", pattern);
    return fnmatch(pattern, name, 0) == 0 || fnmatch(temporary, name, 0) == 0;
}

static bool known_file(const char *name)
{
    for (size_t i = 0; i < SS_COUNT(files); i++)
        if (matches(name, files[i]))
            return true;
    return false;
}

static bool known_in_folder(size_t folder, const char *name)
{
    for (size_t i = 0; i < SS_COUNT(folders[folder].patterns) && folders[folder].patterns[i]; i++)
        if (matches(name, folders[folder].patterns[i]))
            return true;
    return false;
}

/* Remove from the open folder `fd` (taken) what `folder` (or, if negative, the run itself) knows, or of that
 * the leftovers of killed writers alone. Never a folder, never through a link: unlinkat removes the link. */
static void remove_known(int fd, int folder, bool leftovers)
{
    DIR *const d = fdopendir(fd);
    const struct dirent *e;

    if (!d) {
        close(fd);
        return;
    }
    while ((e = readdir(d)))
        if ((folder < 0 ? known_file(e->d_name) : known_in_folder((size_t)folder, e->d_name)) &&
            (!leftovers || ss_file_is_leftover(e->d_name)))
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}

static enum ss_status remove_run(const char *path, bool leftovers)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return SS_FAIL(SS_ERR_FILE, "%s: %s", path, strerror(errno));
    for (size_t i = 0; i < SS_COUNT(folders); i++) {
        const int inner = openat(fd, folders[i].name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (inner >= 0)
            remove_known(inner, (int)i, leftovers);
    }
    remove_known(fd, -1, leftovers);
    return SS_OK;
}

void ss_run_directory_discard(struct ss_run_directory *d)
{
    char *file = NULL;

    if (!d->path)
        return;
    if (remove_run(d->path, false) == SS_OK) {
        for (size_t i = 0; i < SS_COUNT(folders); i++) {
            if (ss_path_join(d->path, folders[i].name, &file) == SS_OK)
                rmdir(file);
            free(file);
            file = NULL;
        }
        if (ss_path_join(d->path, lock_name, &file) == SS_OK)
            unlink(file);
        free(file);
        rmdir(d->path);
    }
    ss_run_directory_release(d);
}

/* ---- making ---- */

static bool has(const char *path, const char *name)
{
    char *file = NULL;
    const bool found = ss_path_join(path, name, &file) == SS_OK && ss_path_exists(file);

    free(file);
    return found;
}

static bool is_run(const char *path)
{
    return has(path, "run.json") || (has(path, "config.yaml") && has(path, "resolved.yaml"));
}

static bool is_empty(const char *path)
{
    DIR *const d = opendir(path);
    const struct dirent *e;
    bool empty = d != NULL;

    while (d && (e = readdir(d)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && strcmp(e->d_name, lock_name) != 0)
            empty = false;
    if (d)
        closedir(d);
    return empty;
}

enum ss_status ss_run_directory_check(const char *wanted, bool force)
{
    if (!wanted || !ss_path_exists(wanted))
        return SS_OK;
    if (!ss_path_is_folder(wanted))
        return SS_FAIL(SS_ERR_USAGE, "%s: exists and is not a folder; choose another with -o", wanted);
    if (!force)
        return SS_FAIL(SS_ERR_USAGE,
                       "%s: exists already; choose another with -o, or replace that run with --force",
                       wanted);
    if (!is_run(wanted) && !is_empty(wanted))
        return SS_FAIL(SS_ERR_USAGE,
                       "%s: is neither a run nor empty, so --force leaves it alone; choose another with -o",
                       wanted);
    return SS_OK;
}

/* A name from a file becomes one path component that no shell trips over. */
static void component(const char *name, char out[128])
{
    size_t n = 0;

    for (; *name && n < 100; name++) {
        const unsigned char c = (unsigned char)*name;
        const bool plain = isalnum(c) || c >= 0x80 || c == '_' || c == '-' || (c == '.' && n > 0);
        out[n++] = plain ? (char)c : '-';
    }
    out[n] = '\0';
    if (n == 0)
        strcpy(out, "run");
}

static enum ss_status make_free_folder(const char *name, char **out)
{
    char base[128], *path = NULL;
    enum ss_status st = SS_OK;

    component(name, base);
    TRY(ss_folder_create("runs"));
    for (unsigned i = 1; i < 1000000; i++) {
        if (i == 1)
            TRY(ss_text_format(&path, "runs/%s", base));
        else
            TRY(ss_text_format(&path, "runs/%s-%u", base, i));
        if (mkdir(path, 0777) == 0) {
            *out = path;
            return SS_OK;
        }
        if (errno != EEXIST) {
            st = SS_FAIL(SS_ERR_FILE, "%s: cannot make folder: %s", path, strerror(errno));
            goto out;
        }
        free(path);
        path = NULL;
    }
    st = SS_FAIL(SS_ERR_FILE, "runs/%s-N: no free number; choose a folder with -o", base);
out:
    free(path);
    return st;
}

static enum ss_status make_wanted_folder(const char *wanted, bool force, char **out)
{
    char *above = NULL, *path = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_text_copy(wanted, &path));
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
        path[n - 1] = '\0';
    TRY(ss_path_folder(path, &above));
    TRY(ss_folder_create(above));
    if (mkdir(path, 0777) != 0) {
        if (errno != EEXIST) {
            st = SS_FAIL(SS_ERR_FILE, "%s: cannot make folder: %s", path, strerror(errno));
            goto out;
        }
        TRY(ss_run_directory_check(path, force));
    }
    *out = path;
    path = NULL;
out:
    free(above);
    free(path);
    return st;
}

enum ss_status ss_run_directory_create(const char *wanted, const char *name, bool force,
                                       struct ss_run_directory *out)
{
    struct ss_run_directory d = {.lock = -1};
    char *inner = NULL;
    enum ss_status st = SS_OK;

    if (wanted && !*wanted)
        return SS_FAIL(SS_ERR_USAGE, "-o: the name of a folder is wanted, found an empty one");
    TRY(wanted ? make_wanted_folder(wanted, force, &d.path) : make_free_folder(name, &d.path));
    TRY(take_lock(d.path, &d.lock));
    if (force)
        TRY(remove_run(d.path, false));
    for (size_t i = 0; i < SS_COUNT(folders); i++) {
        TRY(ss_path_join(d.path, folders[i].name, &inner));
        TRY(ss_folder_create(inner));
        free(inner);
        inner = NULL;
    }
    *out = d;
    return SS_OK;
out:
    free(inner);
    ss_run_directory_release(&d);
    return st;
}

enum ss_status ss_run_directory_open(const char *path, bool writing, struct ss_run_directory *out)
{
    struct ss_run_directory d = {.lock = -1};
    enum ss_status st = SS_OK;

    if (!ss_path_is_folder(path))
        return SS_FAIL(SS_ERR_FILE, "%s: %s", path,
                       ss_path_exists(path)
                           ? "is not a folder; the folder of a run is wanted, like runs/NAME"
                           : "no such folder; `slicescore run` names the folder of a run at its end");
    if (!has(path, "resolved.yaml") || !has(path, "run.json"))
        return SS_FAIL(SS_ERR_FILE, "%s: is not the folder of a run: %s is not in it", path,
                       has(path, "run.json") ? "resolved.yaml" : "run.json");
    TRY(ss_text_copy(path, &d.path));
    if (writing) {
        TRY(take_lock(path, &d.lock));
        TRY(remove_run(path, true));
    }
    *out = d;
    return SS_OK;
out:
    ss_run_directory_release(&d);
    return st;
}

void ss_run_directory_release(struct ss_run_directory *d)
{
    if (d->path && d->lock >= 0)
        close(d->lock);
    free(d->path);
    *d = (struct ss_run_directory){.lock = -1};
}

enum ss_status ss_run_directory_file(const struct ss_run_directory *d, const char *name, char **out)
{
    return ss_path_join(d->path, name, out);
}
