#include "jet/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "jet/operation.h"

#define ss_real double
#include "cl/jet/activation.clh"

struct ss_reference {
    const struct ss_graph *graph;
    double *jets;  /* (3, width) of every value, one after another */
    size_t *start; /* of each value */
};

enum ss_status ss_reference_create(const struct ss_graph *graph, struct ss_reference **out)
{
    const size_t n = ss_graph_values(graph);
    struct ss_reference *r = NULL;
    size_t size = 0;
    enum ss_status st = SS_OK;

    TRY(ss_graph_status(graph));
    TRY(ss_allocate(1, &r));
    r->graph = graph;
    TRY(ss_allocate(n, &r->start));
    for (ss_value v = 0; v < n; v++) {
        r->start[v] = size;
        size += 3 * ss_graph_width(graph, v);
    }
    TRY(ss_allocate(size, &r->jets));
    *out = r;
    r = NULL;
out:
    ss_reference_free(r);
    return st;
}

void ss_reference_free(struct ss_reference *r)
{
    if (!r)
        return;
    free(r->jets);
    free(r->start);
    free(r);
}

struct jet {
    double *f, *d, *dd; /* value, first, second derivative */
    size_t width;
};

static struct jet jet_of(const struct ss_reference *r, ss_value v)
{
    const size_t w = ss_graph_width(r->graph, v);
    double *const at = r->jets + r->start[v];

    return (struct jet){at, at + w, at + 2 * w, w};
}

static void dense(const struct ss_node *node, const double *flat, struct jet x, struct jet y)
{
    const double *const w = flat + node->parameter[0]->offset;
    const double *const b = node->n_parameters > 1 ? flat + node->parameter[1]->offset : NULL;

    for (size_t i = 0; i < y.width; i++) {
        y.f[i] = b ? b[i] : 0.0;
        y.d[i] = y.dd[i] = 0.0;
        for (size_t j = 0; j < x.width; j++) {
            const double wij = w[i * x.width + j];
            y.f[i] += wij * x.f[j];
            y.d[i] += wij * x.d[j];
            y.dd[i] += wij * x.dd[j];
        }
    }
}

static void activation(const struct ss_node *node, struct jet x, struct jet y)
{
    for (size_t i = 0; i < y.width; i++) {
        const struct ss_taylor t = ss_activate((int)node->activation, x.f[i]);
        y.f[i] = t.f;
        y.d[i] = t.d1 * x.d[i];
        y.dd[i] = t.d1 * x.dd[i] + t.d2 * x.d[i] * x.d[i];
    }
}

static void product(struct jet a, struct jet b, struct jet y)
{
    for (size_t i = 0; i < y.width; i++) {
        const size_t p = a.width == 1 ? 0 : i, q = b.width == 1 ? 0 : i;
        y.f[i] = a.f[p] * b.f[q];
        y.d[i] = a.d[p] * b.f[q] + a.f[p] * b.d[q];
        y.dd[i] = a.dd[p] * b.f[q] + 2 * a.d[p] * b.d[q] + a.f[p] * b.dd[q];
    }
}

static void scale(const struct ss_node *node, const double *flat, struct jet x, struct jet y)
{
    const double *const p = flat + node->parameter[0]->offset;

    for (size_t i = 0; i < y.width; i++) {
        const double pi = p[node->one_for_all ? 0 : i];
        const double c = node->exponential ? (double)node->factor * exp((double)node->rate * pi) : pi;
        y.f[i] = c * x.f[i];
        y.d[i] = c * x.d[i];
        y.dd[i] = c * x.dd[i];
    }
}

static void squared_distance(const struct ss_node *node, const double *flat, struct jet x, struct jet y)
{
    const double *const z = flat + node->parameter[0]->offset;

    for (size_t l = 0; l < y.width; l++) {
        y.f[l] = y.d[l] = y.dd[l] = 0.0;
        for (size_t j = 0; j < x.width; j++) {
            const double distance = x.f[j] - z[l * x.width + j];
            y.f[l] += distance * distance;
            y.d[l] += 2 * distance * x.d[j];
            y.dd[l] += 2 * distance * x.dd[j] + 2 * x.d[j] * x.d[j];
        }
    }
}

static void copy(const double *from, size_t stride, double *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = from[i * stride];
}

static void evaluate(const struct ss_reference *r, const struct ss_node *node, const double *flat,
                     struct jet y)
{
    const struct ss_operation *const o = node->operation;
    const struct jet x = jet_of(r, node->operand[0]);
    const struct jet b = node->n_operands > 1 ? jet_of(r, node->operand[1]) : x;

    if (o == &ss_operation_dense)
        dense(node, flat, x, y);
    else if (o == &ss_operation_activation)
        activation(node, x, y);
    else if (o == &ss_operation_product)
        product(x, b, y);
    else if (o == &ss_operation_scale)
        scale(node, flat, x, y);
    else if (o == &ss_operation_squared_distance)
        squared_distance(node, flat, x, y);
    else
        for (int k = 0; k < 3; k++) { /* what acts on each derivative alike */
            const double *const from = x.f + (size_t)k * x.width, *const from_b = b.f + (size_t)k * b.width;
            double *const to = y.f + (size_t)k * y.width;
            if (o == &ss_operation_add) {
                for (size_t i = 0; i < y.width; i++)
                    to[i] = from[i] + from_b[i];
            } else if (o == &ss_operation_shift) {
                for (size_t i = 0; i < y.width; i++)
                    to[i] = from[i] + (k ? 0.0 : (double)node->factor * flat[node->parameter[0]->offset + i]);
            } else if (o == &ss_operation_split) {
                copy(from + node->first, node->stride, to, y.width);
            } else if (o == &ss_operation_concatenate) {
                copy(from, 1, to, x.width);
                copy(from_b, 1, to + x.width, b.width);
            } else { /* row_sum */
                to[0] = 0.0;
                for (size_t i = 0; i < x.width; i++)
                    to[0] += from[i];
            }
        }
}

void ss_reference_jet(struct ss_reference *r, const double *flat, const struct ss_reference_input *inputs,
                      double *out)
{
    const size_t n = ss_graph_values(r->graph);
    size_t input = 0;

    for (ss_value v = 0; v < n; v++) {
        const struct ss_node *const node = ss_graph_node(r->graph, v);
        const struct jet y = jet_of(r, v);
        if (node->operation) {
            evaluate(r, node, flat, y);
            continue;
        }
        const struct ss_reference_input *const in = &inputs[input++];
        memcpy(y.f, in->x, y.width * sizeof(double));
        for (size_t i = 0; i < y.width; i++) {
            y.d[i] = in->v && node->order != SS_ORDER_PASSIVE ? in->v[i] : 0.0;
            y.dd[i] = 0.0;
        }
    }
    const struct jet y = jet_of(r, ss_graph_output_value(r->graph));
    memcpy(out, y.f, 3 * y.width * sizeof(double));
}
