/*
 * Every OpenCL call that the device room makes is made to fail once, in turn: each failure must come back as
 * a status with the call's name and code, leave nothing behind, and the same work must succeed afterwards.
 *
 * The calls are interposed: this program defines them, counts, and passes them on to the loader.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <check.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "device/gemm.h"
#include "device/opencl.h"
#include "support/device.h"

static struct {
    size_t calls, fail_at; /* 0 = never */
    cl_int code;
    const char *failed; /* the call that failed, or NULL */
    size_t live;        /* objects created and not yet released */
} fault;

/* True if this call is the one to fail. */
static bool strikes(const char *name)
{
    if (++fault.calls != fault.fail_at)
        return false;
    fault.failed = name;
    return true;
}

/* `return` of the next definition of a function; a cast from void * would not be ISO C. */
#define NEXT(type, name, arguments)                \
    type(*next) arguments = NULL;                  \
    void *const symbol_ = dlsym(RTLD_NEXT, #name); \
    memcpy(&next, &symbol_, sizeof(next));         \
    ck_assert_msg(next != NULL, "no %s to call", #name)

#define STATUS_CALL(name, arguments, values) \
    cl_int name arguments                    \
    {                                        \
        NEXT(cl_int, name, arguments);       \
        if (strikes(#name))                  \
            return fault.code;               \
        return next values;                  \
    }

#define CREATE_CALL(type, name, arguments, values) \
    type name arguments                            \
    {                                              \
        NEXT(type, name, arguments);               \
        if (strikes(#name)) {                      \
            *code = fault.code;                    \
            return NULL;                           \
        }                                          \
        const type made = next values;             \
        fault.live += made != NULL;                \
        return made;                               \
    }

#define RELEASE_CALL(name, type)    \
    cl_int name(type object)        \
    {                               \
        NEXT(cl_int, name, (type)); \
        fault.live--;               \
        return next(object);        \
    }

typedef void(CL_CALLBACK notify_fn)(const char *, const void *, size_t, void *);
typedef void(CL_CALLBACK built_fn)(cl_program, void *);
typedef void(CL_CALLBACK destroyed_fn)(cl_mem, void *);

CREATE_CALL(cl_context, clCreateContext,
            (const cl_context_properties *p, cl_uint n, const cl_device_id *d, notify_fn *f, void *u,
             cl_int *code),
            (p, n, d, f, u, code))
CREATE_CALL(cl_command_queue, clCreateCommandQueue,
            (cl_context c, cl_device_id d, cl_command_queue_properties p, cl_int *code), (c, d, p, code))
CREATE_CALL(cl_mem, clCreateBuffer, (cl_context c, cl_mem_flags f, size_t n, void *host, cl_int *code),
            (c, f, n, host, code))
CREATE_CALL(cl_program, clCreateProgramWithSource,
            (cl_context c, cl_uint n, const char **text, const size_t *lengths, cl_int *code),
            (c, n, text, lengths, code))
CREATE_CALL(cl_kernel, clCreateKernel, (cl_program p, const char *name, cl_int *code), (p, name, code))
/* Only counted: a kept binary that is refused is compiled anew, no failure. */
cl_program clCreateProgramWithBinary(cl_context c, cl_uint n, const cl_device_id *d, const size_t *sizes,
                                     const unsigned char **binaries, cl_int *status, cl_int *code)
{
    NEXT(cl_program, clCreateProgramWithBinary,
         (cl_context, cl_uint, const cl_device_id *, const size_t *, const unsigned char **, cl_int *,
          cl_int *));
    const cl_program made = next(c, n, d, sizes, binaries, status, code);

    fault.live += made != NULL;
    return made;
}

RELEASE_CALL(clReleaseContext, cl_context)
RELEASE_CALL(clReleaseCommandQueue, cl_command_queue)
RELEASE_CALL(clReleaseMemObject, cl_mem)
RELEASE_CALL(clReleaseProgram, cl_program)
RELEASE_CALL(clReleaseKernel, cl_kernel)
STATUS_CALL(clSetMemObjectDestructorCallback, (cl_mem m, destroyed_fn *f, void *u), (m, f, u))
STATUS_CALL(clBuildProgram,
            (cl_program p, cl_uint n, const cl_device_id *d, const char *o, built_fn *f, void *u),
            (p, n, d, o, f, u))
STATUS_CALL(clGetKernelInfo, (cl_kernel k, cl_kernel_info i, size_t n, void *v, size_t *r), (k, i, n, v, r))
STATUS_CALL(clGetKernelWorkGroupInfo,
            (cl_kernel k, cl_device_id d, cl_kernel_work_group_info i, size_t n, void *v, size_t *r),
            (k, d, i, n, v, r))
STATUS_CALL(clSetKernelArg, (cl_kernel k, cl_uint i, size_t n, const void *v), (k, i, n, v))
STATUS_CALL(clEnqueueNDRangeKernel,
            (cl_command_queue q, cl_kernel k, cl_uint d, const size_t *o, const size_t *g, const size_t *l,
             cl_uint n, const cl_event *w, cl_event *e),
            (q, k, d, o, g, l, n, w, e))
STATUS_CALL(clEnqueueFillBuffer,
            (cl_command_queue q, cl_mem m, const void *p, size_t s, size_t o, size_t b, cl_uint n,
             const cl_event *w, cl_event *e),
            (q, m, p, s, o, b, n, w, e))
STATUS_CALL(clEnqueueWriteBuffer,
            (cl_command_queue q, cl_mem m, cl_bool wait, size_t o, size_t b, const void *p, cl_uint n,
             const cl_event *w, cl_event *e),
            (q, m, wait, o, b, p, n, w, e))
STATUS_CALL(clEnqueueReadBuffer,
            (cl_command_queue q, cl_mem m, cl_bool wait, size_t o, size_t b, void *p, cl_uint n,
             const cl_event *w, cl_event *e),
            (q, m, wait, o, b, p, n, w, e))
STATUS_CALL(clEnqueueCopyBuffer,
            (cl_command_queue q, cl_mem m, cl_mem to, size_t o, size_t at, size_t b, cl_uint n,
             const cl_event *w, cl_event *e),
            (q, m, to, o, at, b, n, w, e))
STATUS_CALL(clEnqueueMarkerWithWaitList, (cl_command_queue q, cl_uint n, const cl_event *w, cl_event *e),
            (q, n, w, e))
STATUS_CALL(clEnqueueBarrierWithWaitList, (cl_command_queue q, cl_uint n, const cl_event *w, cl_event *e),
            (q, n, w, e))
STATUS_CALL(clWaitForEvents, (cl_uint n, const cl_event *e), (n, e))
STATUS_CALL(clFlush, (cl_command_queue q), (q))
STATUS_CALL(clFinish, (cl_command_queue q), (q))

/* ---- the work ---- */

enum { N = 9, SIZE = N * N, LARGE = 1 << 20 };

/* Of everything a little: a product by the own backend and the plain one, copies, two uploads, a large
 * buffer. */
static enum ss_status work(float *result)
{
    struct ss_device *d = NULL;
    struct ss_buffer *m = NULL, *large = NULL, *batch = NULL;
    struct ss_upload *u = NULL;
    struct ss_gemm g = {.m = N, .n = N, .k = N, .lda = N, .ldb = N, .ldc = N};
    void *host;
    enum ss_status st = SS_OK;

    TRY(ss_device_open(getenv("SLICESCORE_DEVICE"), &d));
    ss_gemm_choose(d, SS_GEMM_OWN);
    TRY(ss_buffer_create(d, 4 * SIZE * sizeof(float), &m));
    TRY(ss_buffer_create(d, LARGE * sizeof(float), &large));
    TRY(ss_upload_create(d, SIZE * sizeof(float), &u));
    g.b = (struct ss_span){m, 0};
    g.c = (struct ss_span){m, SIZE};
    for (int i = 0; i < 3; i++) {
        TRY(ss_upload_slot(u, &host));
        for (int j = 0; j < SIZE; j++)
            ((float *)host)[j] = (float)((j + i) % 3);
        TRY(ss_upload_send(u, &batch));
        TRY(ss_span_write(g.b, host, SIZE));
        g.a = ss_span_of(batch);
        TRY(ss_gemm_enqueue(d, &g));
        g.accumulate = true;
    }
    ss_gemm_use_plain(d);
    TRY(ss_gemm_enqueue(d, &g));
    TRY(ss_span_copy(g.c, (struct ss_span){m, 2 * SIZE}, SIZE));
    TRY(ss_span_zero(g.c, SIZE));
    TRY(ss_device_flush(d));
    TRY(ss_device_finish(d));
    TRY(ss_span_read((struct ss_span){m, 2 * SIZE}, result, SIZE));
out:
    ss_upload_free(u);
    ss_buffer_free(large);
    ss_buffer_free(m);
    ss_device_free(d);
    return st;
}

static void keep_text(void *context, enum ss_level level, const char *text)
{
    struct ss_text *const t = context;

    if (level == SS_LEVEL_ERROR)
        ss_text_addf(t, "%s\n", text);
}

static void setup(void)
{
    memset(&fault, 0, sizeof(fault));
}

static enum ss_status strike(size_t at, cl_int code, struct ss_text *said)
{
    float result[SIZE];

    fault.calls = 0;
    fault.fail_at = at;
    fault.code = code;
    fault.failed = NULL;
    ss_text_clear(said);
    ss_sink_set(keep_text, said);
    const enum ss_status st = work(result);
    ss_sink_set(NULL, NULL);
    return st;
}

/* A call made while everything is being released has nobody to tell: ss_upload_free waits for copies,
 * ss_device_free for all that runs. */
static bool is_release(size_t at, size_t last)
{
    return at + 3 > last;
}

static void every_call(size_t step, cl_int code, enum ss_status want, const char *name)
{
    float right[SIZE], again[SIZE];
    struct ss_text said;

    ss_text_init(&said);
    ck_assert_int_eq(work(right), SS_OK); /* binaries that are kept are kept now: they take other calls */
    fault.calls = 0;
    ck_assert_int_eq(work(right), SS_OK);
    const size_t calls = fault.calls;
    ck_assert_uint_gt(calls, 50);
    ck_assert_uint_eq(fault.live, 0);
    for (size_t at = 1; at <= calls; at += step) {
        const enum ss_status st = strike(at, code, &said);
        ck_assert_msg(fault.failed != NULL, "call %zu was not made again", at);
        ck_assert_msg(fault.live == 0, "%s, call %zu: %zu objects left behind", fault.failed, at, fault.live);
        if (is_release(at, calls)) {
            ck_assert_str_eq(fault.failed, "clFinish");
            continue;
        }
        const bool build = strcmp(fault.failed, "clBuildProgram") == 0;
        if (build && st == SS_OK)
            continue; /* of a kept binary */
        ck_assert_msg(st == want || (build && st == SS_ERR_BUILD), "%s, call %zu: status %s: %s",
                      fault.failed, at, ss_status_name(st), said.data);
        ck_assert_msg(strstr(said.data, build ? "kernel build failed" : fault.failed) != NULL,
                      "%s is not named in: %s", fault.failed, said.data);
        ck_assert_msg(strstr(said.data, name) != NULL, "%s is not named in: %s", name, said.data);
        /* one failure, one report */
        ck_assert_msg(build || strchr(said.data, '\n') == said.data + said.length - 1, "%s", said.data);
    }
    fault.fail_at = 0;
    ck_assert_int_eq(work(again), SS_OK);
    ck_assert_int_eq(memcmp(right, again, sizeof(right)), 0);
    ss_text_release(&said);
}

START_TEST(every_call_that_runs_out_of_memory_is_told_and_leaves_nothing_behind)
{
    every_call(1, CL_OUT_OF_RESOURCES, SS_ERR_MEMORY, "CL_OUT_OF_RESOURCES (-5)");
}
END_TEST

START_TEST(a_call_that_fails_otherwise_is_told_and_leaves_nothing_behind)
{
    every_call(6, CL_INVALID_OPERATION, SS_ERR_DEVICE, "CL_INVALID_OPERATION (-59)");
}
END_TEST

START_TEST(an_allocation_that_fails_tells_what_the_device_has)
{
    struct ss_text said;
    float result[SIZE];

    ss_text_init(&said);
    ck_assert_int_eq(work(result), SS_OK);
    for (size_t at = 1; !fault.failed || strcmp(fault.failed, "clCreateBuffer") != 0; at++)
        ck_assert_int_ne(strike(at, CL_MEM_OBJECT_ALLOCATION_FAILURE, &said), SS_OK);
    ck_assert_msg(strstr(said.data, "CL_MEM_OBJECT_ALLOCATION_FAILURE (-4)") != NULL, "%s", said.data);
    ck_assert_msg(strstr(said.data, "MiB (at most ") != NULL, "%s", said.data);
    ss_text_release(&said);
}
END_TEST

int main(void)
{
    if (test_small()) {
        printf("skipped: faults (a simulator's own calls cannot be told from the program's)\n");
        return 0;
    }
    Suite *const s = suite_create("faults");
    TCase *const c = tcase_create("faults");

    tcase_set_timeout(c, 300);
    tcase_add_checked_fixture(c, setup, NULL);
    tcase_add_test(c, every_call_that_runs_out_of_memory_is_told_and_leaves_nothing_behind);
    tcase_add_test(c, a_call_that_fails_otherwise_is_told_and_leaves_nothing_behind);
    tcase_add_test(c, an_allocation_that_fails_tells_what_the_device_has);
    suite_add_tcase(s, c);
    return run_device_suite(s);
}
