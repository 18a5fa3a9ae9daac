/* main.c - the table of commands. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "cmd/command.h"
#include "cmd/commands.h"

static const struct ss_command *const commands[] = {
    &ss_command_run,      &ss_command_check,  &ss_command_resume,    &ss_command_sweep,   &ss_command_report,
    &ss_command_evaluate, &ss_command_score,  &ss_command_sample,    &ss_command_denoise, &ss_command_plot,
    &ss_command_loss,     &ss_command_import, &ss_command_gradcheck, &ss_command_study,   &ss_command_devices,
    &ss_command_selftest, &ss_command_tune,   &ss_command_bench,     &ss_command_schema,  &ss_command_version,
};

void ss_print(const char *text)
{
    fputs(text, stdout);
}

static const struct ss_command *find(const char *name)
{
    for (size_t i = 0; i < SS_COUNT(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static enum ss_status unknown_command(const char *name)
{
    const char *names[SS_COUNT(commands)];
    const size_t length = strlen(name);

    for (size_t i = 0; i < SS_COUNT(commands); i++)
        names[i] = commands[i]->name;
    if (length > 5 && strcmp(name + length - 5, ".yaml") == 0)
        return SS_FAIL(SS_ERR_USAGE, "'%s' is not a command; did you mean `slicescore run %s`?", name, name);
    const char *const nearest = ss_text_nearest(name, names, SS_COUNT(names));
    if (nearest)
        return SS_FAIL(SS_ERR_USAGE, "'%s' is not a command; did you mean '%s'?", name, nearest);
    return SS_FAIL(SS_ERR_USAGE, "'%s' is not a command; `slicescore --help` lists them", name);
}

static enum ss_status help(const struct ss_command *command)
{
    struct ss_text t;

    ss_text_init(&t);
    if (command)
        ss_help_command(command, &t);
    else
        ss_help_program(commands, SS_COUNT(commands), &t);
    const enum ss_status st = ss_text_status(&t);
    ss_print(t.data);
    ss_text_release(&t);
    return st;
}

static enum ss_status dispatch(const struct ss_command *command, int argc, char **argv)
{
    struct ss_invocation in = {0};
    struct ss_log *log = NULL;
    bool wants_help = false;
    enum ss_status st = SS_OK;

    TRY(ss_invocation_parse(command, argc, argv, &in, &wants_help));
    if (wants_help) {
        TRY(help(command));
        goto out;
    }
    TRY(ss_log_create(&(struct ss_log_options){.quiet = in.quiet, .verbose = in.verbose}, &log));
    in.log = log;
    in.commands = commands;
    in.n_commands = SS_COUNT(commands);
    TRY(command->run(&in));
out:
    ss_log_free(log);
    ss_invocation_release(&in);
    return st;
}

static enum ss_status program(int argc, char **argv)
{
    struct ss_text t;

    if (argc < 2) {
        ss_text_init(&t);
        ss_help_program(commands, SS_COUNT(commands), &t);
        fputs(t.data, stderr);
        ss_text_release(&t);
        return SS_ERR_USAGE;
    }
    const char *const name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help(NULL);
    if (strcmp(name, "help") == 0) {
        const struct ss_command *const command = argc > 2 ? find(argv[2]) : NULL;
        return argc > 2 && !command ? unknown_command(argv[2]) : help(command);
    }
    const struct ss_command *const command = find(strcmp(name, "--version") == 0 ? "version" : name);
    return command ? dispatch(command, argc, argv) : unknown_command(name);
}

int main(int argc, char **argv)
{
    enum ss_status st = program(argc, argv);

    if ((fflush(stdout) != 0 || ferror(stdout)) && st == SS_OK)
        st = SS_FAIL(SS_ERR_FILE, "stdout: cannot write: %s", strerror(errno));
    return ss_status_exit_code(st);
}
