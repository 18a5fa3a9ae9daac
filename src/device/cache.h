/*
 * cache.h - inside the room: what is kept between processes, in $XDG_CACHE_HOME/slicescore (or ~/.cache/...);
 * and compiled programs there, for drivers that keep none (quirks.h).
 *
 * One file a program in kernels/, a folder of the user's own that nobody else can write. Whatever is wrong
 * with an entry, with the folder or with writing is a miss, never an error: the program is then compiled as
 * if there were no cache.
 */
#ifndef SS_DEVICE_CACHE_H
#define SS_DEVICE_CACHE_H

#include "device/opencl.h"

/** The folder `name` of the cache, made if need be; NULL if there is none that is to be trusted. The caller
 * frees it. */
char *ss_cache_folder(const char *name);

/** Put a file there, head and then body, whole or not at all; processes and threads may do so at once, and
 * the last one stays. */
bool ss_cache_write(const char *path, const void *head, size_t n_head, const void *body, size_t n_body);

/** A built program from the cache, or NULL. */
cl_program ss_cache_load(const struct ss_device *d, const char *options, const char *source);

/** Keep a program that was built from `source` with `options`. */
void ss_cache_store(const struct ss_device *d, const char *options, const char *source, cl_program program);

/** Held while a driver compiles, so that processes started together do not stumble over each other in the
 * driver's own cache. -1: there is none to be had, or another held it for a minute; the work goes on without.
 */
int ss_cache_lock(void);
void ss_cache_unlock(int lock);

#endif
