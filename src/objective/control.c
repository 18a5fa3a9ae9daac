#include "objective/control.h"

#include <stdlib.h>

#include "base/checked.h"

enum { GROUP = 64 };

/* The pilot's two losses, with the same slices: their difference is Y. */
struct ss_control {
    struct ss_loss *sliced, *reduced;
    struct ss_kernel *kernel;
    size_t rows;
};

static struct ss_loss_options pilot(const struct ss_loss_options *o, enum ss_objective_kind kind)
{
    return (struct ss_loss_options){.objective = {.kind = kind, .slices = o->objective.slices, .count = 1},
                                    .engine = o->engine,
                                    .rows = o->rows < SS_PILOT_ROWS ? o->rows : SS_PILOT_ROWS};
}

enum ss_status ss_control_create(struct ss_device *device, const struct ss_model *model,
                                 const struct ss_loss_options *options, struct ss_control **out)
{
    const struct ss_loss_options sliced = pilot(options, SS_OBJECTIVE_SSM),
                                 reduced = pilot(options, SS_OBJECTIVE_SSM_VR);
    struct ss_control *c = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &c));
    c->rows = sliced.rows;
    TRY(ss_loss_create(device, model, &sliced, &c->sliced));
    TRY(ss_loss_create(device, model, &reduced, &c->reduced));
    TRY(ss_device_kernel(device, "objective/control.cl", "control_shares", NULL, 0, &c->kernel));
    *out = c;
    c = NULL;
out:
    ss_control_free(c);
    return st;
}

void ss_control_free(struct ss_control *c)
{
    if (!c)
        return;
    ss_loss_free(c->sliced);
    ss_loss_free(c->reduced);
    free(c);
}

enum ss_status ss_control_bytes(struct ss_device *device, const struct ss_model *model,
                                const struct ss_loss_options *options, size_t *bytes)
{
    const struct ss_loss_options sliced = pilot(options, SS_OBJECTIVE_SSM),
                                 reduced = pilot(options, SS_OBJECTIVE_SSM_VR);
    size_t a = 0, b = 0;
    enum ss_status st = SS_OK;

    TRY(ss_loss_bytes(device, model, &sliced, &a));
    TRY(ss_loss_bytes(device, model, &reduced, &b));
    *bytes = a + b;
out:
    return st;
}

static enum ss_status enqueue(struct ss_loss *l, const struct ss_loss_batch *batch, size_t rows,
                              struct ss_span from)
{
    const struct ss_loss_batch own = {.rows = rows,
                                      .draw = {.seed = batch->draw.seed,
                                               .step = batch->draw.step,
                                               .first_row = batch->draw.first_row,
                                               .held_out = !batch->draw.held_out},
                                      .parameters = batch->parameters};
    enum ss_status st = SS_OK;

    TRY(ss_span_copy(from, ss_loss_rows(l), rows * ss_loss_dimension(l)));
    TRY(ss_loss_enqueue(l, &own));
out:
    return st;
}

enum ss_status ss_control_enqueue(struct ss_control *c, const struct ss_loss_batch *batch,
                                  struct ss_span rows, struct ss_buffer *shares)
{
    const size_t n = batch->rows < c->rows ? batch->rows : c->rows;
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)n), ss_arg_span(ss_loss_of_rows(c->sliced)),
                                  ss_arg_span(ss_loss_of_rows(c->reduced)), ss_arg_buffer(shares)};
    enum ss_status st = SS_OK;

    TRY(enqueue(c->sliced, batch, n, rows));
    TRY(enqueue(c->reduced, batch, n, rows));
    TRY(ss_launch(c->kernel, (struct ss_range){.global = {GROUP}, .local = {GROUP}}, args, SS_COUNT(args)));
out:
    return st;
}
