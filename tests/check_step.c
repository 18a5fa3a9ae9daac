/*
 * What the host does in a step of training: it enqueues kernels, and nothing else. OpenCL's calls are
 * interposed: this program defines those that wait, allocate, build or move data, counts them and passes them
 * on.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <check.h>
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "device/opencl.h"
#include "support/device.h"
#include "support/scratch.h"
#include "train/train.h"

static struct counts {
    size_t launches, waits, allocations, builds, reads, writes;
    size_t written; /* bytes */
} calls, of_steps;

/* `return` of the next definition of a function; a cast from void * would not be ISO C. */
#define COUNTED(counter, type, name, parameters, values) \
    type name parameters                                 \
    {                                                    \
        type(*next) parameters = NULL;                   \
        void *const symbol = dlsym(RTLD_NEXT, #name);    \
        memcpy(&next, &symbol, sizeof(next));            \
        calls.counter++;                                 \
        return next values;                              \
    }

typedef void(CL_CALLBACK built_fn)(cl_program, void *);

COUNTED(launches, cl_int, clEnqueueNDRangeKernel,
        (cl_command_queue q, cl_kernel k, cl_uint d, const size_t *o, const size_t *g, const size_t *l,
         cl_uint n, const cl_event *w, cl_event *e),
        (q, k, d, o, g, l, n, w, e))
COUNTED(waits, cl_int, clFinish, (cl_command_queue q), (q))
COUNTED(waits, cl_int, clWaitForEvents, (cl_uint n, const cl_event *e), (n, e))
COUNTED(allocations, cl_mem, clCreateBuffer,
        (cl_context c, cl_mem_flags f, size_t n, void *host, cl_int *code), (c, f, n, host, code))
COUNTED(builds, cl_program, clCreateProgramWithSource,
        (cl_context c, cl_uint n, const char **text, const size_t *lengths, cl_int *code),
        (c, n, text, lengths, code))
COUNTED(builds, cl_int, clBuildProgram,
        (cl_program p, cl_uint n, const cl_device_id *d, const char *o, built_fn *f, void *u),
        (p, n, d, o, f, u))
COUNTED(builds, cl_kernel, clCreateKernel, (cl_program p, const char *name, cl_int *code), (p, name, code))
COUNTED(reads, cl_int, clEnqueueReadBuffer,
        (cl_command_queue q, cl_mem m, cl_bool wait, size_t o, size_t b, void *p, cl_uint n,
         const cl_event *w, cl_event *e),
        (q, m, wait, o, b, p, n, w, e))
COUNTED(reads, void *, clEnqueueMapBuffer,
        (cl_command_queue q, cl_mem m, cl_bool wait, cl_map_flags f, size_t o, size_t b, cl_uint n,
         const cl_event *w, cl_event *e, cl_int *code),
        (q, m, wait, f, o, b, n, w, e, code))
static void note_write(cl_bool wait, size_t bytes)
{
    calls.waits += wait != CL_FALSE;
    calls.written += bytes;
}

COUNTED(writes, cl_int, clEnqueueWriteBuffer,
        (cl_command_queue q, cl_mem m, cl_bool wait, size_t o, size_t b, const void *p, cl_uint n,
         const cl_event *w, cl_event *e),
        (q, m, (note_write(wait, b), wait), o, b, p, n, w, e))

/* ---- training ---- */

enum { ROWS = 300, WARM_UP = 8, STEPS = 64 };

static struct ss_device *device;

static void open_device(void)
{
    device = test_device_open();
}

static void close_device(void)
{
    ss_device_free(device);
}

static struct ss_experiment small(enum ss_model_kind model, enum ss_objective_kind objective,
                                  enum ss_plan_kind plan)
{
    return (struct ss_experiment){
        .seed = 5,
        .data = {.source = SS_SOURCE_GAUSSIAN,
                 .rows = ROWS,
                 .dimension = 3,
                 .noise = NAN,
                 .validation = 0.2,
                 .test = 0.1},
        .model = {.kind = model,
                  .hidden = {12, 12},
                  .n_hidden = 2,
                  .activation = SS_ACTIVATION_TANH,
                  .quadratic = model == SS_MODEL_ENERGY ? SS_QUADRATIC_DIAGONAL : SS_QUADRATIC_NONE},
        .objective = {.kind = objective, .slices = SS_SLICES_RADEMACHER, .count = 2, .sigma = 0.3},
        .engine = {.plan = plan},
        .train = {.steps = 1000,
                  .batch = 32,
                  .optimizer = SS_OPTIMIZER_ADAM,
                  .learning_rate = 1e-3,
                  .beta1 = 0.9,
                  .beta2 = 0.999,
                  .epsilon = 1e-8,
                  .clip = 1,
                  .average = 0.9},
    };
}

/* Calls of STEPS steps, after those whose kernels are new to the driver. */
static void train(const struct ss_experiment *e)
{
    struct ss_model *model = NULL;
    struct ss_dataset *dataset = NULL;
    struct ss_trainer *t = NULL;
    const char *const folder = scratch_path("ckpt");

    ok(ss_folder_create(folder));
    ok(ss_dataset_load(&e->data, e->seed, &dataset));
    ok(ss_model_create(&e->model, ss_dataset_dimension(dataset), &model));
    ok(ss_trainer_create(&(struct ss_train_setup){.device = device,
                                                  .model = model,
                                                  .dataset = dataset,
                                                  .experiment = e,
                                                  .checkpoint_folder = folder},
                         &t));
    ok(ss_trainer_start(t));
    for (int i = 0; i < WARM_UP; i++)
        ok(ss_trainer_enqueue_step(t));
    memset(&calls, 0, sizeof(calls));
    for (int i = 0; i < STEPS; i++) /* over the end of an epoch, too */
        ok(ss_trainer_enqueue_step(t));
    of_steps = calls;
    ok(ss_device_finish(device));
    ck_assert_uint_gt(calls.waits, of_steps.waits); /* the calls are ours */
    /* On a CPU device small batches that stay there are drawn for up to 32 steps at once. */
    const bool ahead = ss_device_is_cpu(device) && e->data.memory != SS_RESIDENCE_HOST;
    ck_assert_uint_eq(of_steps.launches % STEPS, ahead ? STEPS / 32 : 0);
    /* loss and gradient; the update of few weights is one launch on CPU devices, else three */
    ck_assert_uint_ge(of_steps.launches, (ss_device_is_cpu(device) ? 2 : 4) * STEPS);
    ss_trainer_free(t);
    ss_model_free(model);
    ss_dataset_free(dataset);
}

static void check_nothing_else(void)
{
    ck_assert_uint_eq(of_steps.allocations, 0);
    ck_assert_uint_eq(of_steps.builds, 0);
    ck_assert_uint_eq(of_steps.reads, 0);
}

static const struct {
    enum ss_model_kind model;
    enum ss_objective_kind objective;
    enum ss_plan_kind plan;
} ways[] = {
    {SS_MODEL_ENERGY, SS_OBJECTIVE_SSM, SS_PLAN_FUSED},
    {SS_MODEL_ENERGY, SS_OBJECTIVE_SSM_VR, SS_PLAN_LAYERED},
    {SS_MODEL_ENERGY, SS_OBJECTIVE_ESM, SS_PLAN_FUSED},
    {SS_MODEL_ENERGY, SS_OBJECTIVE_ESM, SS_PLAN_LAYERED},
    {SS_MODEL_SCORE, SS_OBJECTIVE_DSM, SS_PLAN_FUSED},
    {SS_MODEL_SCORE, SS_OBJECTIVE_DSM, SS_PLAN_LAYERED},
    {SS_MODEL_SCORE, SS_OBJECTIVE_SSM_VR, SS_PLAN_LAYERED},
};

START_TEST(a_step_is_launches_alone_and_the_host_never_waits)
{
    const struct ss_experiment e = small(ways[_i].model, ways[_i].objective, ways[_i].plan);

    train(&e);
    check_nothing_else();
    ck_assert_uint_eq(of_steps.waits, 0);
    ck_assert_uint_eq(of_steps.writes, 0);
}
END_TEST

START_TEST(rows_in_host_memory_are_sent_once_and_nothing_else_is)
{
    struct ss_experiment e = small(SS_MODEL_ENERGY, SS_OBJECTIVE_SSM, SS_PLAN_AUTO);

    e.data.memory = SS_RESIDENCE_HOST;
    train(&e);
    check_nothing_else();
    ck_assert_uint_eq(of_steps.writes, STEPS);
    ck_assert_uint_eq(of_steps.written, STEPS * e.train.batch * e.data.dimension * sizeof(float));
    ck_assert_uint_le(of_steps.waits, STEPS); /* for the copy before the last, whose memory is used again */
}
END_TEST

int main(void)
{
    if (test_small()) {
        printf("skipped: step (a simulator's own calls cannot be told from the program's)\n");
        return 0;
    }
    Suite *const s = suite_create("step");
    TCase *const c = tcase_create("step");

    tcase_set_timeout(c, 300);
    tcase_add_unchecked_fixture(c, open_device, close_device);
    tcase_add_checked_fixture(c, scratch_set_up, scratch_tear_down);
    tcase_add_loop_test(c, a_step_is_launches_alone_and_the_host_never_waits, 0, (int)SS_COUNT(ways));
    tcase_add_test(c, rows_in_host_memory_are_sent_once_and_nothing_else_is);
    suite_add_tcase(s, c);
    return run_device_suite(s);
}
