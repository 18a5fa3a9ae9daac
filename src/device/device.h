/*
 * device.h - one OpenCL device: discovery, memory, kernels, launches. Only src/device/ sees OpenCL and
 * CLBlast.
 *
 * A device has one in-order queue: what is enqueued runs in order, and nothing waits unless its declaration
 * says so. One device belongs to one thread at a time.
 */
#ifndef SS_DEVICE_DEVICE_H
#define SS_DEVICE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"

/* ---- discovery ---- */

enum ss_device_type {
    SS_DEVICE_GPU_DISCRETE,
    SS_DEVICE_GPU_INTEGRATED,
    SS_DEVICE_ACCELERATOR,
    SS_DEVICE_CPU
};

struct ss_device_info {
    size_t platform, index; /* the "0:1" of --device */
    char platform_name[128], name[256], vendor[128], driver[128], version[128];
    enum ss_device_type type;
    uint64_t memory, max_allocation, local_memory, cache; /* bytes */
    uint32_t compute_units, clock_mhz, max_work_group, native_float_width;
    uint32_t sub_group; /* the fewest items that a kernel can ask to run in step, 0 where it cannot ask */
    bool fp64, fp16, unified_memory;
    bool fma;         /* multiplies and adds in one instruction */
    bool unfinished;  /* a driver known to be so, ranked last */
    char remark[160]; /* why it is unfinished or ranked as it is, or "" */
};

struct ss_device_list {
    struct ss_device_info *items; /* in platform order */
    size_t count;
    size_t chosen;    /* the default, if count > 0 */
    char reason[160]; /* why that one */
    size_t n_empty;   /* platforms without a device */
    char empty[256];  /* their names */
};

/** "discrete GPU", "integrated GPU", "accelerator" or "CPU". */
const char *ss_device_type_name(enum ss_device_type type);

/** All devices of all platforms; platforms without any are passed over. An empty list is not an error here.
 */
SS_MUST_CHECK enum ss_status ss_device_list_make(struct ss_device_list *out);
void ss_device_list_release(struct ss_device_list *list);

/** Index of the device that `choice` names: NULL or "auto" (the default), "gpu", "cpu", "0:1", part of a
 * name. None or several: SS_ERR_NO_DEVICE with a message that lists what there is; no driver: which package
 * to install. */
SS_MUST_CHECK enum ss_status ss_device_list_find(const struct ss_device_list *list, const char *choice,
                                                 size_t *index);

/* ---- one open device ---- */

struct ss_device;
struct ss_buffer;
struct ss_kernel;

/** Open the device that `choice` names (ss_device_list_find). */
SS_MUST_CHECK enum ss_status ss_device_open(const char *choice, struct ss_device **out);
void ss_device_free(struct ss_device *d);
const struct ss_device_info *ss_device_info(const struct ss_device *d);
/** Which form of kernels suits it: those for CPU devices, or for GPUs. */
bool ss_device_is_cpu(const struct ss_device *d);
/** A processor of AMD's, by its name: the vendor of a CPU device is that of its driver. */
bool ss_device_is_amd(const struct ss_device *d);
/** From now on take the kernels for GPUs, on a CPU device too: for tests. SLICESCORE_KERNELS=gpu does so when
 * a device is opened. */
void ss_device_take_gpu_kernels(struct ss_device *d, bool yes);
/** Floats of a vector in kernels of explicit vectors: 4, 8 or 16, and 1 where such vectors are no use. */
uint32_t ss_device_vector_width(const struct ss_device *d);

/** Bytes of all buffers that live on it now. */
size_t ss_device_allocated(const struct ss_device *d);

/** The most that lived on it at once since ss_device_watch_allocated, or since it was opened. */
size_t ss_device_most_allocated(const struct ss_device *d);
void ss_device_watch_allocated(struct ss_device *d);

/** Kernel programs built so far, and the seconds it took. */
size_t ss_device_builds(const struct ss_device *d, double *seconds);

/** Wait until all that was enqueued is done. */
SS_MUST_CHECK enum ss_status ss_device_finish(struct ss_device *d);

/** Start executing what was enqueued without waiting for it. */
SS_MUST_CHECK enum ss_status ss_device_flush(struct ss_device *d);

/* ---- memory ---- */

/** Zero-filled device memory. SS_ERR_MEMORY tells the device's limits. The device must outlive it. */
SS_MUST_CHECK enum ss_status ss_buffer_create(struct ss_device *d, size_t bytes, struct ss_buffer **out);
void ss_buffer_free(struct ss_buffer *b);
size_t ss_buffer_bytes(const struct ss_buffer *b);

/** A view: 32-bit elements (float or uint) of a buffer from element `offset` on. */
struct ss_span {
    struct ss_buffer *buffer;
    size_t offset;
};

static inline struct ss_span ss_span_at(struct ss_span s, size_t elements)
{
    return (struct ss_span){s.buffer, s.offset + elements};
}
static inline struct ss_span ss_span_of(struct ss_buffer *b)
{
    return (struct ss_span){b, 0};
}

/** Copy n elements of 4 bytes. write and read wait; the others are only enqueued. */
SS_MUST_CHECK enum ss_status ss_span_write(struct ss_span to, const void *from, size_t n);
SS_MUST_CHECK enum ss_status ss_span_read(struct ss_span from, void *to, size_t n);
SS_MUST_CHECK enum ss_status ss_span_copy(struct ss_span from, struct ss_span to, size_t n);
SS_MUST_CHECK enum ss_status ss_span_zero(struct ss_span to, size_t n);

/**
 * Host rows to the device while kernels run: a ring of two slots, each host memory and a device buffer, on a
 * queue of their own.
 */
struct ss_upload;
SS_MUST_CHECK enum ss_status ss_upload_create(struct ss_device *d, size_t bytes, struct ss_upload **out);
void ss_upload_free(struct ss_upload *u);
/** Host memory to fill next; waits only for the copy that last used it. */
SS_MUST_CHECK enum ss_status ss_upload_slot(struct ss_upload *u, void **host);
/** Start copying the slot; *device holds it for what is enqueued on the device from now until the send after
 * next. */
SS_MUST_CHECK enum ss_status ss_upload_send(struct ss_upload *u, struct ss_buffer **device);

/* ---- kernels ---- */

/** -D NAME=value: shape constants. Names are literals of the program, values integers: never text from a
 * file. */
struct ss_define {
    const char *name;
    long value;
};

/**
 * The kernel `name` of `file` (below cl/, "jet/activation.cl") built with `defines`. Programs are built once
 * per device and set of defines and kept; `#include "room/file.clh"` is resolved below cl/.
 * SLICESCORE_CL_DIR, if set, is read instead of the embedded sources.
 *
 * @param out  borrowed, lives as long as the device
 * @return SS_ERR_BUILD with the log and the lines of the source that it names
 */
SS_MUST_CHECK enum ss_status ss_device_kernel(struct ss_device *d, const char *file, const char *name,
                                              const struct ss_define *defines, size_t n_defines,
                                              struct ss_kernel **out);

struct ss_arg {
    enum { SS_ARG_BUFFER, SS_ARG_SPAN, SS_ARG_U32, SS_ARG_F32, SS_ARG_LOCAL, SS_ARG_STRUCT } kind;
    struct ss_span span;
    uint32_t u32;
    float f32;
    size_t bytes;       /* of local memory, of a structure */
    const void *values; /* of a structure */
};

/* A span is TWO kernel arguments: `global float *p, const uint p_at`; a NULL buffer is allowed and passes
 * NULL. */
static inline struct ss_arg ss_arg_span(struct ss_span s)
{
    return (struct ss_arg){.kind = SS_ARG_SPAN, .span = s};
}
static inline struct ss_arg ss_arg_buffer(struct ss_buffer *b) /* one argument: global T *p */
{
    return (struct ss_arg){.kind = SS_ARG_BUFFER, .span = {b, 0}};
}
static inline struct ss_arg ss_arg_u32(uint32_t x)
{
    return (struct ss_arg){.kind = SS_ARG_U32, .u32 = x};
}
static inline struct ss_arg ss_arg_f32(float x)
{
    return (struct ss_arg){.kind = SS_ARG_F32, .f32 = x};
}
static inline struct ss_arg ss_arg_local(size_t bytes)
{
    return (struct ss_arg){.kind = SS_ARG_LOCAL, .bytes = bytes};
}
/** Kernels count elements with 32 bits: an error that names `what` if an offset takes more. */
SS_MUST_CHECK enum ss_status ss_spans_fit(const char *what, const struct ss_span *spans, size_t n);
/* One argument: a structure of 32-bit numbers, the same as the kernel's; borrowed until it is launched. */
static inline struct ss_arg ss_arg_struct(const void *values, size_t bytes)
{
    return (struct ss_arg){.kind = SS_ARG_STRUCT, .values = values, .bytes = bytes};
}

struct ss_range {
    size_t global[3]; /* unused dimensions 0 or 1 */
    size_t local[3];  /* all 0: chosen here. Global is rounded up to a multiple of it: kernels guard */
};
/* On GPUs more than 65535 groups along the second or third dimension take several launches: there a kernel
 * asks for its global id, or adds the global offset to its group's. */

/** Enqueue; `args` in the kernel's order, their number checked against the kernel's own. */
SS_MUST_CHECK enum ss_status ss_launch(struct ss_kernel *k, struct ss_range range, const struct ss_arg *args,
                                       size_t n_args);

#endif
