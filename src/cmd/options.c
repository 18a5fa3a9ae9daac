#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "cmd/command.h"

enum common { COMMON_DEVICE, COMMON_JSON, COMMON_QUIET, COMMON_VERBOSE, COMMON_HELP, N_COMMON };

static const struct ss_option common[N_COMMON] = {
    [COMMON_DEVICE] = {"device", 0, "NAME", "OpenCL device: gpu, cpu, 0:1, or part of a name", false},
    [COMMON_JSON] = {"json", 0, NULL, "one JSON object on stdout, and nothing else there", false},
    [COMMON_QUIET] = {"quiet", 'q', NULL, "only warnings and errors", false},
    [COMMON_VERBOSE] = {"verbose", 'v', NULL, "more of what goes on", false},
    [COMMON_HELP] = {"help", 'h', NULL, "this text", false},
};

const struct ss_option *ss_common_options(size_t *n)
{
    *n = N_COMMON;
    return common;
}

bool ss_command_takes(const struct ss_command *command, const struct ss_option *option)
{
    return option == &common[COMMON_DEVICE] ? command->device
           : option == &common[COMMON_JSON] ? command->json
                                            : true;
}

/* All options of a command in one list, common ones first: getopt's `val` is 256 + the place in it. */
struct list {
    const struct ss_option *items[N_COMMON + SS_MOST_OPTIONS];
    size_t count;
};

static void make_list(const struct ss_command *command, struct list *l)
{
    assert(command->n_options <= SS_MOST_OPTIONS);
    l->count = 0;
    for (size_t i = 0; i < N_COMMON; i++)
        l->items[l->count++] = &common[i];
    for (size_t i = 0; i < command->n_options; i++)
        l->items[l->count++] = &command->options[i];
}

/* ---- errors ---- */

static enum ss_status unknown_option(const struct ss_command *command, const struct list *l, const char *word)
{
    const char *names[N_COMMON + SS_MOST_OPTIONS];
    char given[64] = "";
    const size_t length = strcspn(word, "=");
    size_t n = 0;

    for (size_t i = 0; i < l->count; i++)
        if (!l->items[i]->hidden && (i >= N_COMMON || ss_command_takes(command, l->items[i])))
            names[n++] = l->items[i]->name;
    if (length > 2 && length < sizeof(given))
        memcpy(given, word + 2, length - 2);
    const char *const nearest = *given ? ss_text_nearest(given, names, n) : NULL;
    if (nearest)
        return SS_FAIL(SS_ERR_USAGE, "%s: unknown option %.*s; did you mean --%s?", command->name,
                       (int)length, word, nearest);
    return SS_FAIL(SS_ERR_USAGE, "%s: unknown option %.*s; `slicescore %s --help` lists them", command->name,
                   (int)length, word, command->name);
}

static enum ss_status bad_option(const struct ss_command *command, const struct list *l, int code, int option,
                                 const char *word)
{
    const struct ss_option *known = NULL;

    for (size_t i = 0; i < l->count; i++)
        if (option == 256 + (int)i || (option && option == l->items[i]->letter))
            known = l->items[i];
    if (known && code == ':')
        return SS_FAIL(SS_ERR_USAGE, "%s: --%s wants a value: --%s %s", command->name, known->name,
                       known->name, known->argument);
    if (known)
        return SS_FAIL(SS_ERR_USAGE, "%s: --%s takes no value", command->name, known->name);
    if (option) {
        const char letter[3] = {'-', (char)option, '\0'};
        return unknown_option(command, l, letter);
    }
    return unknown_option(command, l, word);
}

static enum ss_status count_words(const struct ss_command *command, const struct ss_invocation *in)
{
    if (in->n_words >= command->least && in->n_words <= command->most)
        return SS_OK;
    if (in->n_words > command->most && command->most == 0)
        return SS_FAIL(SS_ERR_USAGE, "%s: takes no words, found '%s'", command->name, in->words[0]);
    if (in->n_words > command->most)
        return SS_FAIL(SS_ERR_USAGE, "%s: '%s' is one word too many; usage: slicescore %s %s", command->name,
                       in->words[command->most], command->name, command->words);
    return SS_FAIL(SS_ERR_USAGE, "%s: something is missing; usage: slicescore %s %s", command->name,
                   command->name, command->words);
}

/* ---- taking apart ---- */

static void make_getopt(const struct list *l, struct option *longs, char *shorts)
{
    size_t n = 0;

    shorts[n++] = '-'; /* words come in their place, whatever POSIXLY_CORRECT says */
    shorts[n++] = ':'; /* a missing value is told apart */
    for (size_t i = 0; i < l->count; i++) {
        const struct ss_option *const o = l->items[i];
        longs[i] =
            (struct option){o->name, o->argument ? required_argument : no_argument, NULL, 256 + (int)i};
        if (!o->letter)
            continue;
        shorts[n++] = o->letter;
        if (o->argument)
            shorts[n++] = ':';
    }
    shorts[n] = '\0';
    longs[l->count] = (struct option){0};
}

static enum ss_status take(const struct ss_command *command, const struct list *l, size_t i,
                           const char *value, struct ss_invocation *in, bool *help)
{
    if (i >= N_COMMON) {
        in->values[i - N_COMMON] = value ? value : "";
        return SS_OK;
    }
    if (!ss_command_takes(command, l->items[i]))
        return SS_FAIL(SS_ERR_USAGE, "%s: has no --%s", command->name, l->items[i]->name);
    switch ((enum common)i) {
    case COMMON_DEVICE:
        in->device = value;
        break;
    case COMMON_JSON:
        in->json = true;
        break;
    case COMMON_QUIET:
        in->quiet = true;
        break;
    case COMMON_VERBOSE:
        in->verbose = true;
        break;
    case COMMON_HELP:
    default:
        *help = true;
    }
    return SS_OK;
}

/* Those for the program itself are not for people who abbreviate. */
static bool is_meant(const struct ss_option *o, const char *word)
{
    const size_t length = strcspn(word, "=");

    return !o->hidden || strncmp(word, "--", 2) != 0 ||
           (length == strlen(o->name) + 2 && strncmp(word + 2, o->name, length - 2) == 0);
}

static size_t place_of(const struct list *l, int code)
{
    for (size_t i = 0; i < l->count; i++)
        if (code == 256 + (int)i || (l->items[i]->letter && code == l->items[i]->letter))
            return i;
    return l->count;
}

enum ss_status ss_invocation_parse(const struct ss_command *command, int argc, char **argv,
                                   struct ss_invocation *out, bool *help)
{
    struct option longs[N_COMMON + SS_MOST_OPTIONS + 1];
    char shorts[2 * (N_COMMON + SS_MOST_OPTIONS) + 3];
    struct ss_invocation in = {.command = command};
    struct list l;
    int code, at = 2;
    enum ss_status st = SS_OK;

    make_list(command, &l);
    make_getopt(&l, longs, shorts);
    TRY(ss_allocate((size_t)argc, &in.words));
    opterr = 0;
    optind = 2;
    for (; (code = getopt_long(argc, argv, shorts, longs, NULL)) != -1; at = optind) {
        if (code == '?' || code == ':') {
            st = bad_option(command, &l, code, optopt, argv[optind - 1]);
            if (st != SS_OK)
                goto out;
        } else if (code == 1) {
            in.words[in.n_words++] = optarg;
        } else if (!is_meant(l.items[place_of(&l, code)], argv[at])) {
            st = unknown_option(command, &l, argv[at]);
            goto out;
        } else if (optarg && !*optarg) {
            TRY(bad_option(command, &l, ':', code, argv[at]));
        } else {
            TRY(take(command, &l, place_of(&l, code), optarg, &in, help));
        }
    }
    while (optind < argc) /* after "--" */
        in.words[in.n_words++] = argv[optind++];
    if (!*help)
        TRY(count_words(command, &in));
    in.argv = (const char *const *)argv;
    in.n_argv = (size_t)argc;
    *out = in;
    in.words = NULL;
out:
    ss_invocation_release(&in);
    return st;
}

void ss_invocation_release(struct ss_invocation *in)
{
    free(in->words);
    in->words = NULL;
}

/* ---- values ---- */

const char *ss_option_value(const struct ss_invocation *in, const char *name)
{
    for (size_t i = 0; i < in->command->n_options; i++)
        if (strcmp(in->command->options[i].name, name) == 0)
            return in->values[i];
    assert(false);
    return NULL;
}

enum ss_status ss_option_count(const struct ss_invocation *in, const char *name, size_t least, size_t *out,
                               bool *given)
{
    const char *const value = ss_option_value(in, name);
    char *end = NULL;

    *given = value != NULL;
    if (!value)
        return SS_OK;
    errno = 0;
    const unsigned long long n = strtoull(value, &end, 10);
    if (!isdigit((unsigned char)*value) || *end || errno || n < least || n > SIZE_MAX)
        return SS_FAIL(SS_ERR_USAGE, "%s: --%s wants a whole number of at least %zu, found '%s'",
                       in->command->name, name, least, value);
    *out = (size_t)n;
    return SS_OK;
}

enum ss_status ss_option_weights(const struct ss_invocation *in, int *out)
{
    const char *const value = ss_option_value(in, "weights");

    if (!value || strcmp(value, "best") == 0)
        *out = 0;
    else if (strcmp(value, "last") == 0)
        *out = 1;
    else
        return SS_FAIL(SS_ERR_USAGE, "%s: --weights wants best or last, found '%s'", in->command->name,
                       value);
    return SS_OK;
}

enum ss_status ss_check_overrides(const struct ss_invocation *in, size_t first)
{
    for (size_t i = first; i < in->n_words; i++) {
        const char *const equals = strchr(in->words[i], '=');
        if (!equals || equals == in->words[i])
            return SS_FAIL(SS_ERR_USAGE, "%s: '%s' is not KEY.SUB=VALUE, like train.steps=1000",
                           in->command->name, in->words[i]);
    }
    return SS_OK;
}
