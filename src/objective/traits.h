/* traits.h - private to src/objective/: what an objective asks of a pass. The arithmetic is in
 * cl/objective/objective.cl and fused_outputs.clh. A new objective of this family is a row here. */
#ifndef SS_OBJECTIVE_TRAITS_H
#define SS_OBJECTIVE_TRAITS_H

#include <stdbool.h>

#include "config/experiment.h"

struct ss_traits {
    bool directions; /* first derivatives along slices, and second ones for an energy */
    bool unit;       /* the slices are the D unit vectors */
    bool squares;    /* 1/2 (v.s)^2 a slice */
    bool score;      /* 1/2 |s|^2 a row: an energy needs its score first */
    bool denoise;    /* rows get noise, the score its z / sigma */
    bool control;    /* squares and score in shares that are found in each step (control.h) */
};

static inline struct ss_traits ss_traits_of(const struct ss_objective_options *o, bool is_energy)
{
    /* energy, score net: the trace of an energy's Hessian comes with e1 = -s_i, a score net's with s itself
     */
    static const struct ss_traits all[][2] = {
        [SS_OBJECTIVE_ESM] = {{.directions = true, .unit = true, .squares = true},
                              {.directions = true, .unit = true, .score = true}},
        [SS_OBJECTIVE_SSM] = {{.directions = true, .squares = true}, {.directions = true, .squares = true}},
        [SS_OBJECTIVE_SSM_VR] = {{.directions = true, .score = true}, {.directions = true, .score = true}},
        [SS_OBJECTIVE_DSM] = {{.score = true, .denoise = true}, {.score = true, .denoise = true}},
    };

    struct ss_traits t = all[o->kind][!is_energy];

    t.control = o->kind == SS_OBJECTIVE_SSM_VR && o->control == SS_CONTROL_ESTIMATED;
    t.squares |= t.control;
    return t;
}

#endif
