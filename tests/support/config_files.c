#include "tests/support/config_files.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/scratch.h"

static void hear(void *context, enum ss_level level, const char *text)
{
    struct ss_config_said *const said = context;

    if (level != SS_LEVEL_ERROR)
        return;
    said->reports++;
    ss_text_add(&said->text, text);
    ss_text_add(&said->text, "\n");
}

void config_files_set_up(struct ss_config_said *said)
{
    scratch_set_up();
    *said = (struct ss_config_said){0};
    ss_text_init(&said->text);
    ss_sink_set(hear, said);
    unsetenv("SLICESCORE_DATA");
}

void config_files_tear_down(struct ss_config_said *said)
{
    scratch_tear_down();
    ss_text_release(&said->text);
}

enum ss_status config_files_load_bytes(struct ss_config_said *said, const void *text, size_t size,
                                       const char *const *overrides, struct ss_experiment **out)
{
    size_t n = 0;

    while (overrides && overrides[n])
        n++;
    ss_text_clear(&said->text);
    said->reports = 0;
    return ss_experiment_load(scratch_file("exp.yaml", text, size), overrides, n, out);
}

enum ss_status config_files_load(struct ss_config_said *said, const char *text, const char *const *overrides,
                                 struct ss_experiment **out)
{
    return config_files_load_bytes(said, text, strlen(text), overrides, out);
}
