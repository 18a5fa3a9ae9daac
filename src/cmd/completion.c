#include <string.h>

#include "cmd/manual.h"
#include "config/config.h"

/* What a command's words are, for completion. */
static bool takes_overrides(const struct ss_command *c)
{
    return strstr(c->words, "VALUE") != NULL || strstr(c->words, "steps=N") != NULL;
}

static void add_names(const struct ss_command *const *commands, size_t n, struct ss_text *t)
{
    for (size_t i = 0; i < n; i++)
        ss_text_addf(t, "%s%s", i ? " " : "", commands[i]->name);
}

static void add_keys(struct ss_text *t, const char *after)
{
    size_t n = 0;
    const char *const *const keys = ss_schema_keys(&n);

    for (size_t i = 0; i < n; i++)
        ss_text_addf(t, "%s%s%s", i ? " " : "", keys[i], after);
}

static void add_options(const struct ss_command *c, struct ss_text *t)
{
    size_t n = 0;
    const struct ss_option *const common = ss_common_options(&n);

    for (size_t i = 0; i < c->n_options; i++)
        if (!c->options[i].hidden)
            ss_text_addf(t, "--%s ", c->options[i].name);
    for (size_t i = 0; i < n; i++)
        if (ss_command_takes(c, &common[i]))
            ss_text_addf(t, "--%s ", common[i].name);
}

/* "key=" to "value1 value2" where the values are a short list. */
static void add_values(struct ss_text *t, const char *format)
{
    size_t n = 0;
    const char *const *const keys = ss_schema_keys(&n);

    for (size_t i = 0; i < n; i++) {
        size_t m = 0;
        const char *const *const values = ss_schema_values(keys[i], &m);
        if (!m)
            continue;
        ss_text_addf(t, "        %s=*) ", keys[i]);
        ss_text_add(t, format);
        for (size_t j = 0; j < m; j++)
            ss_text_addf(t, "%s%s", j ? " " : "", values[j]);
        ss_text_add(t, "' ;;\n");
    }
}

void ss_completion_bash(const struct ss_command *const *commands, size_t n, struct ss_text *out)
{
    ss_text_add(out, "# bash completion of slicescore\n"
                     "_slicescore()\n{\n"
                     "    local word=${COMP_WORDS[COMP_CWORD]} line=${COMP_LINE:0:COMP_POINT} last options= "
                     "keys= values=\n"
                     "    last=${line##* }\n"
                     "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                     "        COMPREPLY=($(compgen -W '");
    add_names(commands, n, out);
    ss_text_add(out, "' -- \"$word\"))\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < n; i++) {
        ss_text_addf(out, "    %s) options='", commands[i]->name);
        add_options(commands[i], out);
        ss_text_addf(out, "'%s ;;\n", takes_overrides(commands[i]) ? " keys=yes" : "");
    }
    ss_text_add(
        out,
        "    esac\n"
        "    case $last in\n"
        "    --*)\n        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n        return\n        ;;\n"
        "    *=*)\n        case $last in\n");
    add_values(out, "values='");
    ss_text_add(out, "        esac\n"
                     "        word=${last#*=}\n"
                     "        COMPREPLY=($(compgen -W \"$values\" -- \"$word\"))\n"
                     "        [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$word\"))\n"
                     "        return\n        ;;\n"
                     "    esac\n"
                     "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
                     "    if [ -n \"$keys\" ] && [ \"$COMP_CWORD\" -gt 2 ]; then\n"
                     "        COMPREPLY+=($(compgen -W '");
    add_keys(out, "=");
    ss_text_add(out, "' -- \"$word\"))\n"
                     "        case ${COMPREPLY[*]} in\n        *=) compopt -o nospace ;;\n        esac\n"
                     "    fi\n"
                     "}\n"
                     "complete -o filenames -F _slicescore slicescore\n");
}

/* Within single quotes of zsh and fish; brackets and colons mean something to _arguments. */
static void add_quoted(struct ss_text *t, const char *s, bool zsh)
{
    for (; *s; s++) {
        if (*s == '\'')
            ss_text_add(t, zsh ? "'\\''" : "\\'");
        else if (*s == '\\' && !zsh)
            ss_text_add(t, "\\\\");
        else if (zsh && strchr("[]:", *s))
            ss_text_addf(t, "\\%c", *s);
        else
            ss_text_add_bytes(t, s, 1);
    }
}

static void add_zsh_option(const struct ss_option *o, struct ss_text *t)
{
    ss_text_addf(t, " '--%s%s[", o->name, o->argument ? "=" : "");
    add_quoted(t, o->help, true);
    ss_text_add(t, "]");
    if (o->argument && strchr(o->argument, '|') && !strchr(o->argument, '.') && !strchr(o->argument, 'N')) {
        ss_text_addf(t, ":%s:(", o->name);
        for (const char *s = o->argument; *s; s++)
            ss_text_add_bytes(t, *s == '|' ? " " : s, 1);
        ss_text_add(t, ")");
    } else if (o->argument) {
        ss_text_addf(t, ":%s:_files", o->name);
    }
    ss_text_add(t, "'");
}

void ss_completion_zsh(const struct ss_command *const *commands, size_t n, struct ss_text *out)
{
    size_t n_common = 0;
    const struct ss_option *const common = ss_common_options(&n_common);

    ss_text_add(out, "#compdef slicescore\n"
                     "_slicescore() {\n"
                     "    local -a commands keys options\n"
                     "    commands=(\n");
    for (size_t i = 0; i < n; i++) {
        ss_text_addf(out, "        '%s:", commands[i]->name);
        add_quoted(out, commands[i]->summary, true);
        ss_text_add(out, "'\n");
    }
    ss_text_add(out, "    )\n    keys=(");
    add_keys(out, "=");
    ss_text_add(out, ")\n"
                     "    if (( CURRENT == 2 )); then\n"
                     "        _describe command commands\n"
                     "        return\n"
                     "    fi\n"
                     "    case $words[2] in\n");
    for (size_t i = 0; i < n; i++) {
        const struct ss_command *const c = commands[i];
        ss_text_addf(out, "    %s)\n        options=(", c->name);
        for (size_t j = 0; j < c->n_options; j++)
            if (!c->options[j].hidden)
                add_zsh_option(&c->options[j], out);
        for (size_t j = 0; j < n_common; j++)
            if (ss_command_takes(c, &common[j]))
                add_zsh_option(&common[j], out);
        ss_text_addf(out, ")\n        _arguments $options '2:file:_files' '*:%s'\n        ;;\n",
                     takes_overrides(c) ? "key:compadd -S \"\" -a keys" : "file:_files");
    }
    ss_text_add(out, "    esac\n}\n_slicescore \"$@\"\n");
}

static void add_fish_option(const struct ss_command *c, const struct ss_option *o, struct ss_text *t)
{
    ss_text_addf(t, "complete -c slicescore -n '__fish_seen_subcommand_from %s' -l %s", c->name, o->name);
    if (o->letter)
        ss_text_addf(t, " -s %c", o->letter);
    if (o->argument)
        ss_text_add(t, " -r");
    ss_text_add(t, " -d '");
    add_quoted(t, o->help, false);
    ss_text_add(t, "'\n");
}

void ss_completion_fish(const struct ss_command *const *commands, size_t n, struct ss_text *out)
{
    size_t n_common = 0;
    const struct ss_option *const common = ss_common_options(&n_common);

    ss_text_add(out, "# fish completion of slicescore\n");
    for (size_t i = 0; i < n; i++) {
        ss_text_addf(out, "complete -c slicescore -f -n __fish_use_subcommand -a %s -d '", commands[i]->name);
        add_quoted(out, commands[i]->summary, false);
        ss_text_add(out, "'\n");
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < commands[i]->n_options; j++)
            if (!commands[i]->options[j].hidden)
                add_fish_option(commands[i], &commands[i]->options[j], out);
        for (size_t j = 0; j < n_common; j++)
            if (ss_command_takes(commands[i], &common[j]))
                add_fish_option(commands[i], &common[j], out);
        if (takes_overrides(commands[i])) {
            ss_text_addf(out, "complete -c slicescore -n '__fish_seen_subcommand_from %s' -a '",
                         commands[i]->name);
            add_keys(out, "=");
            ss_text_add(out, "'\n");
        }
    }
}
