#include <string.h>

#include "cmd/commands.h"
#include "cmd/manual.h"
#include "config/config.h"

static enum ss_status write_completion(const struct ss_invocation *in, const char *shell, struct ss_text *t)
{
    static const struct {
        const char *name;
        void (*write)(const struct ss_command *const *commands, size_t n, struct ss_text *out);
    } shells[] = {{"bash", ss_completion_bash}, {"zsh", ss_completion_zsh}, {"fish", ss_completion_fish}};

    for (size_t i = 0; i < SS_COUNT(shells); i++) {
        if (strcmp(shell, shells[i].name) == 0) {
            shells[i].write(in->commands, in->n_commands, t);
            return SS_OK;
        }
    }
    return SS_FAIL(SS_ERR_USAGE, "schema: --completion wants bash, zsh or fish, found '%s'", shell);
}

static enum ss_status run(const struct ss_invocation *in)
{
    const char *const shell = ss_option_value(in, "completion");
    struct ss_text t;
    enum ss_status st = SS_OK;

    ss_text_init(&t);
    if (shell)
        TRY(write_completion(in, shell, &t));
    else if (ss_option_value(in, "man"))
        ss_manual(in->commands, in->n_commands, &t);
    else if (ss_option_value(in, "text"))
        ss_schema_help(&t);
    else
        ss_schema_json(&t);
    TRY(ss_text_status(&t));
    ss_print(t.data);
    if (t.length && t.data[t.length - 1] != '\n')
        ss_print("\n");
out:
    ss_text_release(&t);
    return st;
}

static const struct ss_option options[] = {
    {"text", 0, NULL, "every key with its type, default and meaning, to be read", false},
    {"man", 0, NULL, "the manual page", true},
    {"completion", 0, "bash|zsh|fish", "completion for a shell", true}};

const struct ss_command ss_command_schema = {
    .name = "schema",
    .words = "",
    .summary = "Print the JSON Schema of experiment files, for editors",
    .details = "For YAML in an editor with a language server, first line of the file:\n"
               "  # yaml-language-server: $schema=slicescore.schema.json",
    .options = options,
    .n_options = SS_COUNT(options),
    .json = true,
    .run = run};
