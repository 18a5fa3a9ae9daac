/*
 * layered.h - the plan that runs a graph one operation at a time: a matrix product per dense layer, a kernel
 * for each other operation. It takes any graph, any streams and any number of rows up to its capacity.
 */
#ifndef SS_JET_LAYERED_H
#define SS_JET_LAYERED_H

#include "device/device.h"
#include "jet/graph.h"
#include "jet/streams.h"

struct ss_layered;

/** What is asked of the output. */
enum ss_outputs {
    SS_OUTPUTS_JET,              /* all its streams */
    SS_OUTPUTS_ALONG,            /* v'y1 and v'y of each slice v: ss_layered_dots */
    SS_OUTPUTS_ALONG_AND_VALUES, /* and its values, the one stream of its jet and adjoint */
};

struct ss_layered_options {
    struct ss_streams streams;
    size_t rows;         /* at most so many */
    bool reverse;        /* allocate adjoints */
    bool input_gradient; /* the reverse sweep reaches the active inputs */
    /* As wide as the first input, whose slices they are. Others than jets only where ss_layered_takes_along
     * says so and with `reverse`: fewer products then. */
    enum ss_outputs outputs;
    bool units;    /* the slices are unit vectors, as ss_layered_units says */
    bool separate; /* no activation is computed at the end of a product: to check and measure against */
    /* The jets are those of another plan of the same graph and rows, which begin with the values; only
     * adjoints are allocated, each kept. For a plan of values alone: see ss_layered_follow. */
    bool adjoints_alone;
    const struct ss_layered *jets_of; /* borrowed; must outlive the plan */
};

/** Allocate all jets and build all kernels. `graph` is borrowed and must outlive the plan. */
SS_MUST_CHECK enum ss_status ss_layered_create(struct ss_device *device, const struct ss_graph *graph,
                                               const struct ss_layered_options *options,
                                               struct ss_layered **out);
void ss_layered_free(struct ss_layered *p);

/** Whether the output is a dense layer that can give its outputs along slices. */
bool ss_layered_takes_along(const struct ss_graph *graph);

/** Bytes that ss_layered_create takes on the device, without creating anything. */
SS_MUST_CHECK enum ss_status ss_layered_bytes(const struct ss_graph *graph,
                                              const struct ss_layered_options *options, size_t *bytes);

/**
 * Let `values`, made with jets_of = p, go before: forward sweeps of p expect that its forward sweep has left
 * the values and compute only the other streams, and in reverse sweeps the adjoints of the extra stream are
 * factor x share[0] (one float on the device) times those that its reverse sweep has left: both are linear in
 * what comes from above by the same weights, so no product is spent on them. Holds until it is called again.
 */
void ss_layered_follow(struct ss_layered *p, const struct ss_layered *values, float factor,
                       struct ss_span share);

/** Where to write the jet of an input, (streams, rows, width) with the rows of the next forward sweep; an
 * active input has ss_streams_first streams. */
struct ss_span ss_layered_input(const struct ss_layered *p, ss_value input);

/**
 * Of a plan with `units`: forward sweeps from now on are along the unit vectors of columns first, first + 1,
 * ... of the first input, along zero past the last. Where true comes back, nobody writes them, and where
 * outputs are asked for along them, v'y lacks its bias and its adjoint is to be 0; else they are to be
 * written as any slices.
 */
bool ss_layered_units(struct ss_layered *p, size_t first);

/** The jet of a value after forward, and how many streams it has; where reverse reads or leaves its adjoint.
 */
struct ss_span ss_layered_jet(const struct ss_layered *p, ss_value v, size_t *streams);
struct ss_span ss_layered_adjoint(const struct ss_layered *p, ss_value v);

/** Outputs along slices, (2, slices, rows of the last forward sweep): v'y1, then v'y. The reverse sweep reads
 * their adjoints there. */
struct ss_buffer *ss_layered_dots(const struct ss_layered *p);

/** Enqueue the forward sweep of `rows` rows from the inputs' jets. */
SS_MUST_CHECK enum ss_status ss_layered_forward(struct ss_layered *p, struct ss_span parameters, size_t rows);

/**
 * Enqueue the reverse sweep of the rows of the last forward sweep, from the adjoint of the output.
 *
 * @param gradient    flat, of the parameters; .buffer NULL: not wanted (only the inputs' adjoints are)
 * @param accumulate  add to `gradient` instead of writing it
 */
SS_MUST_CHECK enum ss_status ss_layered_reverse(struct ss_layered *p, struct ss_span parameters,
                                                struct ss_span gradient, bool accumulate);

#endif
