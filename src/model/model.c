#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "config/config.h"

/* hidden layers and the last one; residual connections wherever the widths agree */
static ss_value perceptron(struct ss_graph *g, const struct ss_model_options *o, ss_value x, size_t n_out)
{
    char name[32];
    ss_value h = x;

    for (size_t k = 0; k < o->n_hidden; k++) {
        snprintf(name, sizeof(name), "layers.%zu", k);
        const ss_value a = ss_activation(g, ss_dense(g, h, o->hidden[k], true, name), o->activation);
        const bool skip = o->residual && k > 0 && ss_graph_width(g, h) == o->hidden[k];
        h = skip ? ss_add(g, h, a) : a;
    }
    snprintf(name, sizeof(name), "layers.%zu", o->n_hidden);
    return ss_dense(g, h, n_out, true, name);
}

/* c of every power of every column, from the columns' powers side by side */
static ss_value polynomial(struct ss_graph *g, const struct ss_model_options *o, ss_value x)
{
    ss_value power = x, all = x;

    for (uint32_t k = 2; k <= o->degree; k++) {
        power = ss_product(g, power, x);
        all = ss_concatenate(g, all, power);
    }
    return ss_dense(g, all, 1, false, "polynomial");
}

static void warn_of_jumps(const struct ss_model_options *o)
{
    const bool energy = o->kind == SS_MODEL_ENERGY;

    if (o->kind == SS_MODEL_GAUSSIAN || o->kind == SS_MODEL_POLYNOMIAL || !o->n_hidden)
        return;
    if (o->activation == SS_ACTIVATION_RELU || (energy && o->activation == SS_ACTIVATION_ELU))
        ss_say(SS_LEVEL_WARNING,
               "activation %s: its derivatives jump at 0, which no gradient of a score-matching loss sees; "
               "softplus, "
               "silu or tanh are safe",
               ss_activation_name(o->activation));
}

enum ss_status ss_model_create(const struct ss_model_options *options, size_t dimension,
                               struct ss_model **out)
{
    struct ss_model *m = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &m));
    m->kind = options->kind;
    m->dimension = dimension;
    m->is_energy = options->kind != SS_MODEL_SCORE;
    TRY(ss_graph_create(&m->graph));
    warn_of_jumps(options);
    m->input = ss_graph_input(m->graph, dimension, true);
    switch (options->kind) {
    case SS_MODEL_ENERGY:
        m->output = perceptron(m->graph, options, m->input, 1);
        if (options->quadratic != SS_QUADRATIC_NONE)
            m->output = ss_add(m->graph, m->output,
                               ss_quadratic(m->graph, m->input, options->quadratic, "quadratic"));
        break;
    case SS_MODEL_SCORE:
        m->output = perceptron(m->graph, options, m->input, dimension);
        break;
    case SS_MODEL_GAUSSIAN:
        m->output = ss_quadratic(m->graph, m->input, SS_QUADRATIC_FULL, "quadratic");
        break;
    case SS_MODEL_POLYNOMIAL:
        m->output = polynomial(m->graph, options, m->input);
        break;
    }
    ss_graph_output(m->graph, m->output);
    TRY(ss_graph_status(m->graph));
    *out = m;
    m = NULL;
out:
    ss_model_free(m);
    return st;
}

void ss_model_free(struct ss_model *m)
{
    if (!m)
        return;
    ss_graph_free(m->graph);
    free(m);
}
