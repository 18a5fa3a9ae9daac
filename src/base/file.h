/*
 * file.h - paths and files. Everything written appears whole or not at all: a temporary name in the same
 * folder, fsync, rename over. The program never changes directory.
 */
#ifndef SS_BASE_FILE_H
#define SS_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/status.h"

/** "a/b" from "a" and "b"; `name` alone if it is absolute or `folder` is NULL or empty. The caller frees it.
 */
SS_MUST_CHECK enum ss_status ss_path_join(const char *folder, const char *name, char **out);

/** "/here/a/b" from "a/b" or "./a/b"; a copy of what is absolute already. The caller frees it. */
SS_MUST_CHECK enum ss_status ss_path_absolute(const char *path, char **out);

/** Everything before the last slash ("." if none). The caller frees it. */
SS_MUST_CHECK enum ss_status ss_path_folder(const char *path, char **out);

/** After the last slash; points into `path`. */
const char *ss_path_name(const char *path);

/** True if `path` ends in `.extension` (given without its dot), whatever the case. */
bool ss_path_has_extension(const char *path, const char *extension);

bool ss_path_exists(const char *path);
bool ss_path_is_folder(const char *path);

/** Make a folder and those above it; one that exists is fine. SS_ERR_FILE names the path. */
SS_MUST_CHECK enum ss_status ss_folder_create(const char *path);

/** Read a whole file of at most `limit` bytes; *data is terminated by a 0 that is not counted, and the
 * caller's to free. SS_ERR_FILE if it cannot be read or is larger. */
SS_MUST_CHECK enum ss_status ss_file_read(const char *path, size_t limit, char **data, size_t *size);

/** Replace `path`, or the file that it is a link to, by these bytes, atomically and durably; a device is
 * written to. */
SS_MUST_CHECK enum ss_status ss_file_write(const char *path, const void *data, size_t size);

/** The same for what is written piece by piece: write to .stream, then commit or abandon; every error of the
 *  stream is found by commit. */
struct ss_file_writer {
    FILE *stream;
    char *path;
    char *temporary;
};
SS_MUST_CHECK enum ss_status ss_file_writer_open(struct ss_file_writer *w, const char *path);
SS_MUST_CHECK enum ss_status ss_file_writer_commit(struct ss_file_writer *w);
void ss_file_writer_abandon(struct ss_file_writer *w); /* fine after commit or on a zeroed writer */

/** A killed writer leaves NAME.tmp.PID: true for such a name if the process is no more. */
bool ss_file_is_leftover(const char *name);
void ss_folder_remove_leftovers(const char *folder);

#endif
