#include "cmd/manual.h"

#include <string.h>

#include "base/version.h"
#include "config/config.h"

/* Text for troff: a backslash, a minus and a line that begins like a request are its own. */
static void add(struct ss_text *t, const char *s)
{
    bool start = true;

    for (; *s; s++) {
        if (start && (*s == '.' || *s == '\''))
            ss_text_add(t, "\\&");
        if (*s == '\\')
            ss_text_add(t, "\\e");
        else if (*s == '-')
            ss_text_add(t, "\\-");
        else
            ss_text_add_bytes(t, s, 1);
        start = *s == '\n';
    }
}

static void add_option(const struct ss_option *o, struct ss_text *t)
{
    ss_text_add(t, ".TP\n");
    if (o->letter)
        ss_text_addf(t, "\\fB\\-%c\\fR, ", o->letter);
    ss_text_addf(t, "\\fB\\-\\-%s\\fR", o->name);
    if (o->argument) {
        ss_text_add(t, " \\fI");
        add(t, o->argument);
        ss_text_add(t, "\\fR");
    }
    ss_text_add(t, "\n");
    add(t, o->help);
    ss_text_add(t, "\n");
}

static void add_command(const struct ss_command *c, struct ss_text *t)
{
    ss_text_addf(t, ".SS \"slicescore %s", c->name);
    if (*c->words) {
        ss_text_add(t, " ");
        add(t, c->words);
    }
    ss_text_add(t, "\"\n");
    add(t, c->summary);
    ss_text_add(t, ".\n");
    if (c->details) {
        ss_text_add(t, ".PP\n.nf\n");
        add(t, c->details);
        ss_text_add(t, "\n.fi\n");
    }
    for (size_t i = 0; i < c->n_options; i++)
        if (!c->options[i].hidden)
            add_option(&c->options[i], t);
}

static void add_ends(struct ss_text *t)
{
    static const struct {
        const char *code, *meaning;
    } codes[] = {{"0", "all went well"},
                 {"1", "an error of the program or of a driver"},
                 {"2", "the command line or an experiment file is wrong"},
                 {"3", "no usable OpenCL device"},
                 {"4", "a kernel did not compile, or a self-test or gradient check failed"},
                 {"5", "memory"},
                 {"6", "training diverged"},
                 {"7", "a checkpoint or a data file is damaged"},
                 {"8", "some points of a sweep failed"},
                 {"9", "a file is missing, unreadable or not writable"},
                 {"75", "interrupted; a checkpoint is saved, and slicescore resume goes on"}};
    static const struct {
        const char *name, *meaning;
    } variables[] = {{"SLICESCORE_DEVICE", "OpenCL device, where --device does not name one"},
                     {"SLICESCORE_KERNELS", "gpu: the kernels for GPUs on a CPU device too; for tests"},
                     {"SLICESCORE_DATA", "folder in which data files and known sets are looked for"},
                     {"SLICESCORE_CL_DIR", "kernel sources to use instead of those in the program"},
                     {"NO_COLOR", "if set, no colours on the terminal"}};

    ss_text_add(t, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < SS_COUNT(codes); i++)
        ss_text_addf(t, ".TP\n.B %s\n%s\n", codes[i].code, codes[i].meaning);
    ss_text_add(t, ".SH ENVIRONMENT\n");
    for (size_t i = 0; i < SS_COUNT(variables); i++) {
        ss_text_addf(t, ".TP\n.B %s\n", variables[i].name);
        add(t, variables[i].meaning);
        ss_text_add(t, "\n");
    }
    ss_text_add(
        t, ".SH FILES\nA run is a folder: config.yaml (as given), resolved.yaml, run.json, metrics.jsonl, "
           "metrics.csv, log.txt, ckpt/, samples/, plots/. It can be moved.\n");
}

void ss_manual(const struct ss_command *const *commands, size_t n, struct ss_text *out)
{
    size_t n_common = 0;
    const struct ss_option *const common = ss_common_options(&n_common);

    ss_text_add(
        out,
        ".TH SLICESCORE 1 \"\" \"slicescore " SS_VERSION "\" \"User commands\"\n"
        ".SH NAME\nslicescore \\- train unnormalised models by sliced score matching\n"
        ".SH SYNOPSIS\n.B slicescore\n.I command\n[\\fIword\\fR ...] [\\fIoption\\fR ...]\n"
        ".SH DESCRIPTION\n"
        "Trains energy models and score networks by sliced, exact and denoising score matching on any "
        "OpenCL\n"
        "device, from one YAML file. People are spoken to on standard error; results go to standard output.\n"
        ".SH COMMANDS\n");
    for (size_t i = 0; i < n; i++)
        add_command(commands[i], out);
    ss_text_add(out, ".SH OPTIONS OF ALL COMMANDS\n");
    for (size_t i = 0; i < n_common; i++)
        add_option(&common[i], out);
    ss_text_add(out, ".SH EXPERIMENT FILES\n");
    ss_schema_troff(out);
    add_ends(out);
}
