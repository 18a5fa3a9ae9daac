#define _XOPEN_SOURCE 700 /* realpath */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process.h"
#include "base/text.h"

enum ss_status ss_path_join(const char *folder, const char *name, char **out)
{
    if (!folder || !*folder || *name == '/')
        return ss_text_copy(name, out);
    const bool slash = folder[strlen(folder) - 1] == '/';
    return ss_text_format(out, "%s%s%s", folder, slash ? "" : "/", name);
}

enum ss_status ss_path_absolute(const char *path, char **out)
{
    size_t size = 256;
    char *folder = NULL;
    enum ss_status st = SS_OK;

    if (*path == '/')
        return ss_text_copy(path, out);
    for (;; size *= 2) {
        char *const larger = realloc(folder, size);
        if (!larger) {
            st = SS_FAIL_MEMORY(size);
            goto out;
        }
        folder = larger;
        if (getcwd(folder, size))
            break;
        if (errno != ERANGE) {
            st = SS_FAIL(SS_ERR_FILE, "the current folder: %s", strerror(errno));
            goto out;
        }
    }
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    st = ss_path_join(folder, path, out);
out:
    free(folder);
    return st;
}

enum ss_status ss_path_folder(const char *path, char **out)
{
    const char *const slash = strrchr(path, '/');

    if (!slash)
        return ss_text_copy(".", out);
    if (slash == path)
        return ss_text_copy("/", out);
    return ss_text_format(out, "%.*s", (int)(slash - path), path);
}

const char *ss_path_name(const char *path)
{
    const char *const slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

bool ss_path_has_extension(const char *path, const char *extension)
{
    const size_t n = strlen(path), m = strlen(extension);

    return n > m && path[n - m - 1] == '.' && strcasecmp(path + n - m, extension) == 0;
}

bool ss_path_exists(const char *path)
{
    struct stat s;

    return lstat(path, &s) == 0;
}

bool ss_path_is_folder(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

enum ss_status ss_folder_create(const char *path)
{
    char *copy = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_text_copy(path, &copy));
    for (char *p = copy + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            break; /* the last mkdir says why */
        *p = '/';
    }
    if (mkdir(path, 0777) != 0 && !(errno == EEXIST && ss_path_is_folder(path)))
        st = SS_FAIL(SS_ERR_FILE, "%s: cannot make folder: %s", path, strerror(errno));
out:
    free(copy);
    return st;
}

static enum ss_status read_stream(const char *path, FILE *f, size_t limit, struct ss_text *t)
{
    char piece[65536];
    size_t n;

    while ((n = fread(piece, 1, sizeof(piece), f)) > 0) {
        ss_text_add_bytes(t, piece, n);
        if (t->length > limit)
            return SS_FAIL(SS_ERR_FILE, "%s: larger than the %zu bytes allowed here", path, limit);
    }
    if (ferror(f))
        return SS_FAIL(SS_ERR_FILE, "%s: %s", path, strerror(errno));
    return ss_text_status(t);
}

enum ss_status ss_file_read(const char *path, size_t limit, char **data, size_t *size)
{
    struct ss_text t;
    enum ss_status st = SS_OK;
    FILE *const f = fopen(path, "rb");

    if (!f)
        return SS_FAIL(SS_ERR_FILE, "%s: %s", path, strerror(errno));
    ss_text_init(&t);
    TRY(read_stream(path, f, limit, &t));
    const size_t length = t.length;
    char *const bytes = ss_text_detach(&t);
    if (!bytes) {
        st = SS_FAIL_MEMORY(length);
        goto out;
    }
    *data = bytes;
    *size = length;
out:
    fclose(f);
    ss_text_release(&t);
    return st;
}

/* What a link leads to is written, not the link. A terminal, another device or the pipe that /dev/stdout may
 * be is written as it is: a file renamed to its name would take its place. */
static enum ss_status find_place(const char *path, char **place, bool *in_place)
{
    struct stat itself, meant;
    enum ss_status st = SS_OK;

    const bool is_link = lstat(path, &itself) == 0 && S_ISLNK(itself.st_mode);
    const bool is_there = stat(path, &meant) == 0;
    if (is_there && S_ISDIR(meant.st_mode))
        return SS_FAIL(SS_ERR_FILE, "%s: cannot write: it is a folder", path);
    *in_place = is_there &&
                (S_ISCHR(meant.st_mode) || S_ISBLK(meant.st_mode) || (is_link && S_ISFIFO(meant.st_mode)));
    if (is_link && is_there && !*in_place) {
        *place = realpath(path, NULL);
        if (!*place)
            st = SS_FAIL(SS_ERR_FILE, "%s: cannot write: %s", path, strerror(errno));
        return st;
    }
    return ss_text_copy(path, place);
}

enum ss_status ss_file_writer_open(struct ss_file_writer *w, const char *path)
{
    bool in_place = false;
    enum ss_status st = SS_OK;

    *w = (struct ss_file_writer){0};
    TRY(find_place(path, &w->path, &in_place));
    if (!in_place)
        TRY(ss_text_format(&w->temporary, "%s.tmp.%ld", w->path, (long)getpid()));
    w->stream = fopen(in_place ? w->path : w->temporary, "wb");
    if (!w->stream)
        st = SS_FAIL(SS_ERR_FILE, "%s: cannot write: %s", w->path, strerror(errno));
out:
    if (st != SS_OK)
        ss_file_writer_abandon(w);
    return st;
}

/* A rename is durable only once its folder is. Not every file system can sync a folder: what it answers is
 * not an error of ours. */
static void sync_folder(const char *path)
{
    char *folder = NULL;

    if (ss_path_folder(path, &folder) != SS_OK)
        return;
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

enum ss_status ss_file_writer_commit(struct ss_file_writer *w)
{
    enum ss_status st = SS_OK;
    const bool written =
        !ferror(w->stream) && fflush(w->stream) == 0 && (!w->temporary || fsync(fileno(w->stream)) == 0);
    const int written_errno = errno;
    const bool closed = fclose(w->stream) == 0;

    w->stream = NULL;
    if (!written || !closed)
        st = SS_FAIL(SS_ERR_FILE, "%s: cannot write: %s", w->path, strerror(written ? errno : written_errno));
    else if (w->temporary && rename(w->temporary, w->path) != 0)
        st = SS_FAIL(SS_ERR_FILE, "%s: cannot rename to it: %s", w->path, strerror(errno));
    if (st == SS_OK && w->temporary) {
        sync_folder(w->path);
        free(w->temporary);
        w->temporary = NULL;
    }
    ss_file_writer_abandon(w);
    return st;
}

void ss_file_writer_abandon(struct ss_file_writer *w)
{
    if (w->stream)
        fclose(w->stream);
    if (w->temporary)
        unlink(w->temporary);
    free(w->temporary);
    free(w->path);
    *w = (struct ss_file_writer){0};
}

enum ss_status ss_file_write(const char *path, const void *data, size_t size)
{
    struct ss_file_writer w;
    enum ss_status st = SS_OK;

    TRY(ss_file_writer_open(&w, path));
    if (size && fwrite(data, 1, size, w.stream) != size)
        st = SS_FAIL(SS_ERR_FILE, "%s: cannot write: %s", path, strerror(errno));
    else
        st = ss_file_writer_commit(&w);
    ss_file_writer_abandon(&w);
out:
    return st;
}

bool ss_file_is_leftover(const char *name)
{
    static const char mark[] = ".tmp.";
    const char *suffix = NULL;
    char *end = NULL;

    for (const char *at = name; (at = strstr(at, mark)); at++)
        suffix = at + sizeof(mark) - 1;
    const long pid = suffix ? strtol(suffix, &end, 10) : 0;
    return pid > 0 && !*end && ss_process_is_gone(pid);
}

/* What cannot be removed only takes space. */
void ss_folder_remove_leftovers(const char *folder)
{
    DIR *const d = opendir(folder);

    if (!d)
        return;
    for (const struct dirent *e; (e = readdir(d));)
        if (ss_file_is_leftover(e->d_name))
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}
