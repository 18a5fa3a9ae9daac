/*
 * command.h - what a subcommand is to the program: its words, its options, its function.
 *
 * Each lives in a file of its own and exports one `const struct ss_command`; main.c is the table of them.
 * Help, the man page, shell completion and did-you-mean all come from this.
 */
#ifndef SS_CMD_COMMAND_H
#define SS_CMD_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/text.h"
#include "run/log.h"

struct ss_option {
    const char *name;     /* "output", without dashes */
    char letter;          /* 'o', or 0 */
    const char *argument; /* "DIR"; NULL: a flag */
    const char *help;
    bool hidden; /* not in help: for the Makefile */
};

enum { SS_MOST_OPTIONS = 24 };

struct ss_command;

/** A command line taken apart. Everything is borrowed from argv. */
struct ss_invocation {
    const char *device; /* of --device, or NULL */
    bool json, quiet, verbose;
    const char *values[SS_MOST_OPTIONS]; /* of the command's own options; "" for a flag; NULL: not given */
    const char **words;                  /* what is not an option */
    size_t n_words;
    const char *const *argv; /* the whole line, for run.json */
    size_t n_argv;
    struct ss_log *log;
    const struct ss_command *command;
    const struct ss_command *const *commands; /* the whole table */
    size_t n_commands;
};

struct ss_command {
    const char *name;
    const char *words;   /* "EXP.yaml [KEY.SUB=VALUE ...]" */
    const char *summary; /* one line */
    const char *details; /* more lines for --help and the man page, or NULL */
    size_t least, most;  /* words */
    const struct ss_option *options;
    size_t n_options;
    bool device, json; /* takes --device, --json */
    enum ss_status (*run)(const struct ss_invocation *in);
};

/** Value of the command's option `name`, NULL if not given. A name that is not in its table is our own
 * mistake. */
const char *ss_option_value(const struct ss_invocation *in, const char *name);

/** The same as a number of at least `least`; *given tells if there was one. SS_ERR_USAGE names option and
 * value. */
SS_MUST_CHECK enum ss_status ss_option_count(const struct ss_invocation *in, const char *name, size_t least,
                                             size_t *out, bool *given);

/** --weights best|last: 0 and 1 as in enum ss_weights. */
SS_MUST_CHECK enum ss_status ss_option_weights(const struct ss_invocation *in, int *out);

/** The row of every table whose command takes it. */
#define SS_OPTION_WEIGHTS                                                                              \
    {                                                                                                  \
        "weights", 0, "best|last",                                                                     \
            "weights to use: best (lowest validation objective, the default) or last; averaged where " \
            "train.average is on",                                                                     \
            false                                                                                      \
    }

/** Words from `first` on must read KEY=VALUE. */
SS_MUST_CHECK enum ss_status ss_check_overrides(const struct ss_invocation *in, size_t first);

/** Write to stdout; main finds out whether it arrived. The only way by which a command writes there. */
void ss_print(const char *text);

/* ---- for main.c ---- */

/** Take argv[2..] apart for `command`. *help: --help was asked for, nothing else counts. */
SS_MUST_CHECK enum ss_status ss_invocation_parse(const struct ss_command *command, int argc, char **argv,
                                                 struct ss_invocation *out, bool *help);
void ss_invocation_release(struct ss_invocation *in);

void ss_help_command(const struct ss_command *command, struct ss_text *out);
void ss_help_program(const struct ss_command *const *commands, size_t n, struct ss_text *out);

/** The options that every command takes, as rows of a table. */
const struct ss_option *ss_common_options(size_t *n);
bool ss_command_takes(const struct ss_command *command, const struct ss_option *common);

#endif
