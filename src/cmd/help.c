#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "cmd/command.h"

static void add_option(const struct ss_option *o, struct ss_text *out)
{
    char words[80];

    snprintf(words, sizeof(words), "%s%c%s--%s%s%s", o->letter ? "-" : " ", o->letter ? o->letter : ' ',
             o->letter ? ", " : "  ", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
    if (strlen(words) > 24)
        ss_text_addf(out, "  %s\n  %-24s %s\n", words, "", o->help);
    else
        ss_text_addf(out, "  %-24s %s\n", words, o->help);
}

void ss_help_command(const struct ss_command *command, struct ss_text *out)
{
    size_t n = 0;
    const struct ss_option *const common = ss_common_options(&n);

    ss_text_addf(out, "usage: slicescore %s%s%s%s\n\n%s.\n", command->name, *command->words ? " " : "",
                 command->words, command->n_options ? " [OPTION ...]" : "", command->summary);
    if (command->details)
        ss_text_addf(out, "\n%s\n", command->details);
    ss_text_add(out, "\noptions:\n");
    for (size_t i = 0; i < command->n_options; i++)
        if (!command->options[i].hidden)
            add_option(&command->options[i], out);
    for (size_t i = 0; i < n; i++)
        if (ss_command_takes(command, &common[i]))
            add_option(&common[i], out);
}

void ss_help_program(const struct ss_command *const *commands, size_t n, struct ss_text *out)
{
    ss_text_add(out, "slicescore " SS_VERSION
                     " - train unnormalised models by sliced score matching, on OpenCL devices\n"
                     "\n"
                     "usage: slicescore COMMAND ...      slicescore COMMAND --help\n"
                     "\n");
    for (size_t i = 0; i < n; i++)
        ss_text_addf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    ss_text_add(out, "\n"
                     "first steps:  slicescore devices\n"
                     "              slicescore run experiments/two_moons.yaml\n");
}
