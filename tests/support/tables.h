/* tables.h - read bytes as a file: what is sound, what is refused, and what has been shaken. */
#ifndef TESTS_SUPPORT_TABLES_H
#define TESTS_SUPPORT_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "data/table.h"

/* All of these want the fixture of support/scratch.h. */

/** ss_table_read() of a file of this name and these bytes. */
enum ss_status table_read_named(const char *name, const void *bytes, size_t n, struct ss_data_options options,
                                struct ss_table **t);

/** The same, which must go well, without options. */
struct ss_table *table_must_read(const char *name, const struct ss_text *bytes);

/** The same, which must be SS_ERR_CORRUPT and say `word`. */
void table_refused(const char *name, const void *bytes, size_t n, const char *word);

/** Turn, replace, remove, insert a few bytes of a sound file, many times: each must make a table that can be
 * walked, or SS_ERR_CORRUPT with a reason. At most a byte of the file per number, as no type is smaller. */
void table_shake(const char *name, const struct ss_text *sound, int rounds, uint64_t state);

#endif
