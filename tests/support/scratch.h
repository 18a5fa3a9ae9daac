/* scratch.h - a folder that is gone after the test, files in it, and what was said to people meanwhile. */
#ifndef TESTS_SUPPORT_SCRATCH_H
#define TESTS_SUPPORT_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

/** Make the folder and begin to listen; for a checked fixture of Check. */
void scratch_set_up(void);
void scratch_tear_down(void);

/** Path of `name` in the folder; valid until eight more are asked for. */
const char *scratch_path(const char *name);

/** The same, with these bytes in it. */
const char *scratch_file(const char *name, const void *bytes, size_t n);
const char *scratch_text(const char *name, const char *text);

/** All that was said since the last scratch_hush(), a line each; "" if nothing. */
const char *scratch_said(void);
void scratch_hush(void);

/** This is in it; then it is forgotten. */
void scratch_must_say(const char *what);

/** Files now in the folder. */
size_t scratch_count(void);

/** Numbers for tests that try much: the same on each run. */
uint64_t scratch_random(uint64_t *state);

/** |got - want| is at most absolute + relative |want|. */
void close_to(double got, double want, double absolute, double relative);

#endif
