/* opencl.h - private to src/device/: the only header that includes OpenCL. */
#ifndef SS_DEVICE_OPENCL_H
#define SS_DEVICE_OPENCL_H

#include <CL/cl.h>

#include "config/experiment.h"
#include "device/device.h"

struct ss_program;     /* program.c */
struct ss_tuning_item; /* tuning.c */
struct ss_gemm_memo;   /* gemm_ways.c */
struct ss_gemm_shapes; /* gemm_products.h */

/** Backends in the order of falling back. */
enum ss_gemm_level { SS_GEMM_FAST, SS_GEMM_SIMPLE, SS_GEMM_PLAIN };

struct ss_gemm_state {
    enum ss_gemm_kind wanted;
    bool plain;   /* for the time being */
    uint32_t set; /* of CLBlast's parameters, in force */
    struct ss_own_kernel {
        struct ss_kernel *kernel;
        uint32_t rows, vectors;   /* that it was built for */
    } own[2][2][4];               /* of the own backend, found last: simple, transpose_b, which */
    struct ss_gemm_memo *memos;   /* which way products of own backends go, found so far, or NULL */
    struct ss_gemm_shapes *heard; /* products are noted, nothing is computed; or NULL */
    enum ss_gemm_level level;     /* how far fast ones have been set aside */
    struct ss_buffer *scratch;    /* of the own backend: packed operands */
    struct ss_buffer *parts;      /* of the own backend: partial products */
    struct ss_buffer *counter;    /* of the own backend: tasks handed out so far, */
    uint32_t count;               /* and its value after all that is enqueued */
};

struct ss_device {
    struct ss_device_info info;
    bool as_gpu; /* kernels as for a GPU */
    cl_platform_id platform;
    cl_device_id id;
    cl_context context;
    cl_command_queue queue; /* in order */
    struct ss_program *programs;
    size_t n_builds;
    double build_seconds;
    size_t allocated, most_allocated;
    struct ss_tuning_item *tuning; /* what was asked of it */
    uint32_t n_answers;            /* that were kept in this process */
    struct ss_gemm_state gemm;
    int waiter_core; /* where the thread that waits works; -1: anywhere */
    uint32_t looks;  /* for it that may still be taken: a driver begins its threads with its first work */
};

/** Around a call in which the host waits for the queue. */
void ss_device_wait_begins(struct ss_device *d);
void ss_device_wait_ends(struct ss_device *d);

struct ss_buffer {
    struct ss_device *device; /* borrowed, outlives the buffer */
    cl_mem memory;
    size_t bytes, size; /* asked for, and allocated */
    bool shared;        /* of an upload: written from another queue */
    cl_event filled;    /* the copy that the device's queue has not yet been told to wait for, or NULL */
    cl_event used;      /* after what was enqueued with it last, or NULL */
};

/** Around whatever is enqueued on the device's queue with `b` (upload.c); nothing for other buffers. */
SS_MUST_CHECK enum ss_status ss_buffer_before_use(struct ss_buffer *b);
SS_MUST_CHECK enum ss_status ss_buffer_after_use(struct ss_buffer *b);

/** Symbolic name of an OpenCL error code. Never NULL. */
const char *ss_cl_error_name(cl_int code);

/** SS_ERR_MEMORY for codes that say that memory ran out, else SS_ERR_DEVICE. */
enum ss_status ss_cl_status(cl_int code);

/** The status for `code` of the call named `call`, reported with the device and `what` (a kernel, a size, or
 * ""). */
enum ss_status ss_cl_fail(const struct ss_device *d, const char *call, cl_int code, const char *what);

#define CL_TRY(device, what, call)                           \
    do {                                                     \
        const cl_int code_ = (call);                         \
        if (code_ != CL_SUCCESS) {                           \
            st = ss_cl_fail((device), #call, code_, (what)); \
            goto out;                                        \
        }                                                    \
    } while (0)

/** Find the platform and device ids of an entry of ss_device_list_make. */
SS_MUST_CHECK enum ss_status ss_device_ids(const struct ss_device_info *info, cl_platform_id *platform,
                                           cl_device_id *id);

/** Set `chosen` and `reason` of a list from its items. */
void ss_device_list_rank(struct ss_device_list *list);

void ss_gemm_release(struct ss_gemm_state *s);

void ss_programs_free(struct ss_program *first);

void ss_tuning_release(struct ss_tuning_item *first);

#endif
