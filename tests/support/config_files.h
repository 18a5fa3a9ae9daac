/* config_files.h - for tests of config/: experiment files in a scratch folder, and what loading them says. */
#ifndef TESTS_SUPPORT_CONFIG_FILES_H
#define TESTS_SUPPORT_CONFIG_FILES_H

#include <stddef.h>

#include "base/text.h"
#include "config/config.h"

/** All errors since the last load, each ended by a newline, and how many. */
struct ss_config_said {
    struct ss_text text;
    size_t reports;
};

/** For a checked fixture: the folder of scratch.h, but `said` hears the errors of this thread. */
void config_files_set_up(struct ss_config_said *said);
void config_files_tear_down(struct ss_config_said *said);

/** Write `text` as exp.yaml and load it; `overrides` ends in NULL, or is NULL. */
enum ss_status config_files_load(struct ss_config_said *said, const char *text, const char *const *overrides,
                                 struct ss_experiment **out);
enum ss_status config_files_load_bytes(struct ss_config_said *said, const void *text, size_t size,
                                       const char *const *overrides, struct ss_experiment **out);

#endif
