/* batches.c - training rows on the device, or on their way there, and batches of them. */
#include "data/batches.h"

#include <string.h>

#include "base/checked.h"
#include "data/batches_tail.h"
#include "data/table.h"
#include "data/transform_chain.h"
#include "random/random.h"

enum { RUN = 16 }; /* rows that an item of batches_rows draws */

/* A launch takes a CPU driver about 10 us, a tenth of a small step: batches of up to MOST_AHEAD steps that
 * fit into AHEAD_BYTES are drawn by one. */
enum { MOST_AHEAD = 32, AHEAD_BYTES = 65536 };

struct ss_batches {
    struct ss_device *device;
    const struct ss_dataset *dataset;
    const struct ss_transform *transform;
    uint32_t seed;
    size_t batch, d, n_rows;
    size_t head; /* steps of the chain that the host applies */
    struct ss_tail *tail;
    double *x, *y; /* one row */

    /* resident */
    struct ss_buffer *rows;
    struct ss_kernel *draw;        /* on a CPU device: order and copy in one, and */
    struct ss_buffer *ahead;       /* batches of n_ahead steps from `first` on, or NULL */
    uint64_t n_ahead, first, next; /* those before `next` are used */
    /* or */
    struct ss_kernel *order_kernel, *gather;
    struct ss_buffer *order;
    /* or not */
    struct ss_upload *upload;
};

/* Training row i as the host leaves it. */
static enum ss_status make_row(struct ss_batches *b, size_t i, float *out)
{
    const uint32_t row = ss_dataset_index(b->dataset, SS_PART_TRAIN)[i];

    ss_table_row(ss_dataset_table(b->dataset), row, b->x);
    ss_transform_choose(b->transform, b->x, b->y);
    if (!ss_transform_apply(b->transform, 0, b->head, NULL, row, b->y))
        return SS_FAIL_MEMORY(b->d * sizeof *b->y);
    for (size_t j = 0; j < b->d; j++)
        out[j] = (float)b->y[j];
    return SS_OK;
}

/* ---- resident ---- */

struct place {
    uint32_t epoch, position;
};

/* Where a few batches fit: numbers of rows stay below 2^32. */
static enum ss_status make_ahead(struct ss_batches *b)
{
    const size_t bytes = b->batch * b->d * sizeof(float), fit = AHEAD_BYTES / bytes;
    const size_t most = (UINT32_MAX - b->n_rows) / b->batch;

    b->n_ahead = ss_smaller(ss_smaller(fit, most), MOST_AHEAD);
    b->next = UINT64_MAX; /* nothing is drawn yet */
    return b->n_ahead > 1 ? ss_buffer_create(b->device, b->n_ahead * bytes, &b->ahead) : SS_OK;
}

static enum ss_status put_rows(struct ss_batches *b)
{
    enum { PIECE = 1 << 22 }; /* floats at a time: 16 MiB */
    const size_t at_once = PIECE / b->d + 1, piece = at_once < b->n_rows ? at_once : b->n_rows;
    float *values = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(piece * b->d, &values));
    TRY(ss_buffer_create(b->device, b->n_rows * b->d * sizeof(float), &b->rows));
    for (size_t first = 0; first < b->n_rows; first += piece) {
        const size_t count = b->n_rows - first < piece ? b->n_rows - first : piece;
        for (size_t i = 0; i < count; i++)
            TRY(make_row(b, first + i, values + i * b->d));
        TRY(ss_span_write((struct ss_span){b->rows, first * b->d}, values, count * b->d));
    }
out:
    free(values);
    return st;
}

static enum ss_status make_kernels(struct ss_batches *b)
{
    static const char file[] = "data/batches.cl";
    const struct ss_define width = {"WIDTH", (long)ss_device_vector_width(b->device)};
    enum ss_status st = SS_OK;

    if (ss_device_is_cpu(b->device)) {
        TRY(make_ahead(b));
        TRY(ss_device_kernel(b->device, "data/batches_rows.cl", "batches_rows", &width, 1, &b->draw));
        goto out;
    }
    TRY(ss_buffer_create(b->device, b->batch * sizeof(uint32_t), &b->order));
    TRY(ss_device_kernel(b->device, file, "batches_order", NULL, 0, &b->order_kernel));
    TRY(ss_device_kernel(b->device, file, "batches_gather", NULL, 0, &b->gather));
out:
    return st;
}

/* Place of a step's first row in the rows of all epochs, without overflow: a step is a number of times all
 * rows, and a rest. */
static struct place place_of(const struct ss_batches *b, uint64_t step)
{
    const uint64_t n = b->n_rows, drawn = (step % n) * b->batch;

    return (struct place){(uint32_t)(step / n * b->batch + drawn / n), (uint32_t)(drawn % n)};
}

static enum ss_status enqueue_resident(struct ss_batches *b, uint64_t step, size_t steps, struct ss_span x)
{
    const struct place place = place_of(b, step);
    const size_t rows = steps * b->batch;
    const struct ss_arg seed = ss_arg_u32(b->seed), purpose = ss_arg_u32(SS_PURPOSE_ORDER),
                        d = ss_arg_u32((uint32_t)b->d), n_rows = ss_arg_u32((uint32_t)b->n_rows),
                        count = ss_arg_u32((uint32_t)rows), from = ss_arg_buffer(b->rows);
    const struct ss_arg of = ss_arg_u32(place.epoch), at = ss_arg_u32(place.position),
                        order = ss_arg_buffer(b->order);
    const struct ss_arg draw[] = {seed, purpose, of, at, n_rows, count, d, from, ss_arg_span(x)};
    const struct ss_arg orders[] = {seed, purpose, of, at, n_rows, count, order};
    const struct ss_arg gather[] = {from, order, d, count, ss_arg_span(x)};
    enum ss_status st = SS_OK;

    if (b->draw)
        return ss_launch(b->draw, (struct ss_range){.global = {ss_parts_of(rows, RUN)}, .local = {1}}, draw,
                         SS_COUNT(draw));
    TRY(ss_launch(b->order_kernel, (struct ss_range){.global = {rows}}, orders, SS_COUNT(orders)));
    TRY(ss_launch(b->gather, (struct ss_range){.global = {b->d, rows}}, gather, SS_COUNT(gather)));
out:
    return st;
}

/* The tail of the transforms works on a batch in its place, so each is handed out once. */
static enum ss_status enqueue_ahead(struct ss_batches *b, uint64_t step, struct ss_span *x)
{
    enum ss_status st = SS_OK;

    if (step != b->next || step - b->first >= b->n_ahead) {
        b->first = step;
        TRY(enqueue_resident(b, step, b->n_ahead, ss_span_of(b->ahead)));
    }
    b->next = step + 1;
    *x = (struct ss_span){b->ahead, (step - b->first) * b->batch * b->d};
out:
    return st;
}

/* ---- from the host ---- */

static enum ss_status enqueue_upload(struct ss_batches *b, uint64_t step, struct ss_span x)
{
    const struct place place = place_of(b, step);
    struct ss_buffer *slot = NULL;
    void *host = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_upload_slot(b->upload, &host));
    for (size_t i = 0; i < b->batch; i++) {
        const size_t at = place.position + i;
        const uint32_t epoch = place.epoch + (uint32_t)(at / b->n_rows);
        const uint32_t row = ss_random_permute(b->seed, SS_PURPOSE_ORDER, epoch, (uint32_t)b->n_rows,
                                               (uint32_t)(at % b->n_rows));
        TRY(make_row(b, row, (float *)host + i * b->d));
    }
    TRY(ss_upload_send(b->upload, &slot));
    TRY(ss_span_copy(ss_span_of(slot), x, b->batch * b->d));
out:
    return st;
}

/* ---- entry ---- */

/* Rows stay on the device if one allocation holds them and half of the memory that is left does. */
static bool choose_resident(const struct ss_batches *b, enum ss_residence residence, size_t bytes)
{
    const struct ss_device_info *const info = ss_device_info(b->device);

    if (residence != SS_RESIDENCE_AUTO)
        return residence == SS_RESIDENCE_DEVICE;
    return bytes <= info->max_allocation && bytes <= (info->memory - ss_device_allocated(b->device)) / 2;
}

static enum ss_status check_sizes(const struct ss_batches *b, size_t *rows_bytes)
{
    size_t batch_numbers, numbers;

    if (b->n_rows == 0 || b->batch == 0)
        return SS_FAIL(SS_ERR_USAGE, "%s: nothing to draw batches from",
                       b->batch ? "no training rows" : "batch is 0");
    if (!ss_multiply(b->batch, b->d, &batch_numbers) || batch_numbers > UINT32_MAX ||
        b->n_rows + b->batch > UINT32_MAX)
        return SS_FAIL(
            SS_ERR_MEMORY,
            "a batch of %zu rows of %zu columns out of %zu rows has more than 2^32 numbers: choose a smaller "
            "train.batch",
            b->batch, b->d, b->n_rows);
    if (!ss_multiply(b->n_rows, b->d, &numbers) || !ss_multiply(numbers, sizeof(float), rows_bytes))
        return SS_FAIL_MEMORY(SIZE_MAX);
    return SS_OK;
}

static enum ss_status set_up(struct ss_batches *b, enum ss_residence residence)
{
    size_t bytes = 0;
    enum ss_status st = SS_OK;

    TRY(check_sizes(b, &bytes));
    TRY(ss_allocate(ss_transform_inputs(b->transform), &b->x));
    TRY(ss_allocate(b->d, &b->y));
    TRY(ss_tail_create(b->device, b->transform, b->seed, b->batch, &b->tail, &b->head));
    if (choose_resident(b, residence, bytes)) {
        TRY(put_rows(b));
        TRY(make_kernels(b));
        goto out;
    }
    TRY(ss_upload_create(b->device, b->batch * b->d * sizeof(float), &b->upload));
    ss_say(SS_LEVEL_NOTE,
           "training rows stay in host memory or their file (%.1f GiB as floats): batches are copied "
           "while the step before runs",
           (double)bytes / 0x1p30);
out:
    return st;
}

enum ss_status ss_batches_create(struct ss_device *device, const struct ss_dataset *dataset,
                                 enum ss_residence residence, uint32_t seed, size_t batch,
                                 struct ss_batches **out)
{
    struct ss_batches *b = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &b));
    b->device = device;
    b->dataset = dataset;
    b->transform = ss_dataset_transform(dataset);
    b->seed = seed;
    b->batch = batch;
    b->d = ss_dataset_dimension(dataset);
    b->n_rows = ss_dataset_rows(dataset, SS_PART_TRAIN);
    TRY(set_up(b, residence));
    *out = b;
    b = NULL;
out:
    ss_batches_free(b);
    return st;
}

void ss_batches_free(struct ss_batches *b)
{
    if (!b)
        return;
    ss_tail_free(b->tail);
    ss_buffer_free(b->rows);
    ss_buffer_free(b->order);
    ss_buffer_free(b->ahead);
    ss_upload_free(b->upload);
    free(b->x);
    free(b->y);
    free(b);
}

enum ss_status ss_batches_enqueue(struct ss_batches *b, uint64_t step, struct ss_span into, struct ss_span *x)
{
    enum ss_status st = SS_OK;

    *x = into;
    if (b->ahead)
        TRY(enqueue_ahead(b, step, x));
    else
        TRY(b->upload ? enqueue_upload(b, step, into) : enqueue_resident(b, step, 1, into));
    TRY(ss_tail_enqueue(b->tail, (uint32_t)step, *x));
out:
    return st;
}

bool ss_batches_resident(const struct ss_batches *b)
{
    return b->rows != NULL;
}

size_t ss_batches_device_bytes(const struct ss_batches *b)
{
    const size_t batch_bytes = b->batch * b->d * sizeof(float);

    return ss_tail_bytes(b->tail) +
           (b->rows ? ss_buffer_bytes(b->rows) + (b->order ? ss_buffer_bytes(b->order) : 0) +
                          (b->ahead ? ss_buffer_bytes(b->ahead) : 0)
                    : 2 * batch_bytes);
}
