#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/signals.h"
#include "device/opencl.h"
#include "device/quirks.h"
#include "device/threads.h"

enum { LOOKS = 64 }; /* for the core of the thread that waits: most drivers have begun theirs at the first */

#define MIB 1048576.0

#define NAME(code) \
    case code:     \
        return #code
const char *ss_cl_error_name(cl_int code)
{
    switch (code) {
        NAME(CL_SUCCESS);
        NAME(CL_DEVICE_NOT_FOUND);
        NAME(CL_DEVICE_NOT_AVAILABLE);
        NAME(CL_COMPILER_NOT_AVAILABLE);
        NAME(CL_MEM_OBJECT_ALLOCATION_FAILURE);
        NAME(CL_OUT_OF_RESOURCES);
        NAME(CL_OUT_OF_HOST_MEMORY);
        NAME(CL_PROFILING_INFO_NOT_AVAILABLE);
        NAME(CL_MEM_COPY_OVERLAP);
        NAME(CL_BUILD_PROGRAM_FAILURE);
        NAME(CL_MAP_FAILURE);
        NAME(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST);
        NAME(CL_INVALID_VALUE);
        NAME(CL_INVALID_DEVICE_TYPE);
        NAME(CL_INVALID_PLATFORM);
        NAME(CL_INVALID_DEVICE);
        NAME(CL_INVALID_CONTEXT);
        NAME(CL_INVALID_QUEUE_PROPERTIES);
        NAME(CL_INVALID_COMMAND_QUEUE);
        NAME(CL_INVALID_HOST_PTR);
        NAME(CL_INVALID_MEM_OBJECT);
        NAME(CL_INVALID_BINARY);
        NAME(CL_INVALID_BUILD_OPTIONS);
        NAME(CL_INVALID_PROGRAM);
        NAME(CL_INVALID_PROGRAM_EXECUTABLE);
        NAME(CL_INVALID_KERNEL_NAME);
        NAME(CL_INVALID_KERNEL_DEFINITION);
        NAME(CL_INVALID_KERNEL);
        NAME(CL_INVALID_ARG_INDEX);
        NAME(CL_INVALID_ARG_VALUE);
        NAME(CL_INVALID_ARG_SIZE);
        NAME(CL_INVALID_KERNEL_ARGS);
        NAME(CL_INVALID_WORK_DIMENSION);
        NAME(CL_INVALID_WORK_GROUP_SIZE);
        NAME(CL_INVALID_WORK_ITEM_SIZE);
        NAME(CL_INVALID_GLOBAL_OFFSET);
        NAME(CL_INVALID_EVENT_WAIT_LIST);
        NAME(CL_INVALID_EVENT);
        NAME(CL_INVALID_OPERATION);
        NAME(CL_INVALID_BUFFER_SIZE);
        NAME(CL_INVALID_GLOBAL_WORK_SIZE);
        NAME(CL_INVALID_PROPERTY);
    case -1001:
        return "CL_PLATFORM_NOT_FOUND_KHR";
    default:
        return "an OpenCL code without a name here";
    }
}
#undef NAME

enum ss_status ss_cl_status(cl_int code)
{
    return code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_RESOURCES ||
                   code == CL_OUT_OF_HOST_MEMORY || code == CL_INVALID_BUFFER_SIZE
               ? SS_ERR_MEMORY
               : SS_ERR_DEVICE;
}

enum ss_status ss_cl_fail(const struct ss_device *d, const char *call, cl_int code, const char *what)
{
    const enum ss_status st = ss_cl_status(code);
    const int name = (int)strcspn(call, "(");
    char limits[128] = "";

    if (d && st == SS_ERR_MEMORY)
        snprintf(limits, sizeof(limits), "; of its %.0f MiB (at most %.0f in one piece) %.1f are in use here",
                 (double)d->info.memory / MIB, (double)d->info.max_allocation / MIB,
                 (double)d->allocated / MIB);
    return SS_FAIL(st, "%.*s: %s (%d)%s%s on %s%s", name, call, ss_cl_error_name(code), (int)code,
                   *what ? ", " : "", what, d ? d->info.name : "no device", limits);
}

static enum ss_status open_chosen(struct ss_device *d)
{
    struct ss_signals held;
    enum ss_status st = SS_OK;
    cl_int code;

    ss_signals_hold(&held); /* drivers begin threads */
    TRY(ss_device_ids(&d->info, &d->platform, &d->id));
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)d->platform, 0};
    d->context = clCreateContext(properties, 1, &d->id, NULL, NULL, &code);
    if (code != CL_SUCCESS) {
        st = ss_cl_fail(d, "clCreateContext", code, "");
        goto out;
    }
    d->queue = clCreateCommandQueue(d->context, d->id, 0, &code);
    if (code != CL_SUCCESS)
        st = ss_cl_fail(d, "clCreateCommandQueue", code, "");
out:
    ss_signals_release(&held);
    return st;
}

/* Said before a device is blamed for kernels that nobody could read. */
static enum ss_status check_environment(const char *kernels, const char *folder)
{
    if (kernels && *kernels && strcmp(kernels, "gpu") != 0)
        return SS_FAIL(SS_ERR_USAGE, "SLICESCORE_KERNELS: %s: expected gpu", kernels);
    if (folder && *folder && !ss_path_is_folder(folder))
        return SS_FAIL(SS_ERR_USAGE, "SLICESCORE_CL_DIR: %s: no such folder", folder);
    return SS_OK;
}

enum ss_status ss_device_open(const char *choice, struct ss_device **out)
{
    const char *const kernels = getenv("SLICESCORE_KERNELS");
    struct ss_device_list list = {0};
    struct ss_device *d = NULL;
    enum ss_status st = SS_OK;
    size_t index = 0;

    TRY(check_environment(kernels, getenv("SLICESCORE_CL_DIR")));
    TRY(ss_device_list_make(&list));
    TRY(ss_device_list_find(&list, choice, &index));
    TRY(ss_allocate(1, &d));
    d->info = list.items[index];
    d->as_gpu = kernels && strcmp(kernels, "gpu") == 0;
    d->gemm.level = d->info.unfinished ? SS_GEMM_SIMPLE : SS_GEMM_FAST;
    d->waiter_core = -1;
    d->looks = ss_quirk_of(&d->info)->flags & SS_QUIRK_WAITER_WORKS ? LOOKS : 0;
    TRY(open_chosen(d));
    *out = d;
    d = NULL;
out:
    ss_device_free(d);
    ss_device_list_release(&list);
    return st;
}

void ss_device_free(struct ss_device *d)
{
    if (!d)
        return;
    if (d->queue) /* PoCL compiles at the first enqueue, on a thread of its own: a process that ends meanwhile
                     crashes */
        clFinish(d->queue);
    ss_gemm_release(&d->gemm);
    ss_programs_free(d->programs);
    ss_tuning_release(d->tuning);
    if (d->queue)
        clReleaseCommandQueue(d->queue);
    if (d->context)
        clReleaseContext(d->context);
    free(d);
}

const struct ss_device_info *ss_device_info(const struct ss_device *d)
{
    return &d->info;
}

bool ss_device_is_cpu(const struct ss_device *d)
{
    return d->info.type == SS_DEVICE_CPU && !d->as_gpu;
}

bool ss_device_is_amd(const struct ss_device *d)
{
    return strstr(d->info.name, "AMD");
}

void ss_device_take_gpu_kernels(struct ss_device *d, bool yes)
{
    d->as_gpu = yes;
}

uint32_t ss_device_vector_width(const struct ss_device *d)
{
    const uint32_t native = d->info.native_float_width;

    if (!ss_device_is_cpu(d) || d->info.unfinished)
        return 1;
    return native >= 16 ? 16 : native >= 8 ? 8 : 4;
}

size_t ss_device_allocated(const struct ss_device *d)
{
    return d->allocated;
}

void ss_device_watch_allocated(struct ss_device *d)
{
    d->most_allocated = d->allocated;
}

size_t ss_device_most_allocated(const struct ss_device *d)
{
    return d->most_allocated;
}

size_t ss_device_builds(const struct ss_device *d, double *seconds)
{
    if (seconds)
        *seconds = d->build_seconds;
    return d->n_builds;
}

void ss_device_wait_begins(struct ss_device *d)
{
    if (d->looks && d->waiter_core < 0) {
        d->looks--;
        d->waiter_core = ss_threads_left_core();
    }
    if (d->waiter_core >= 0)
        ss_threads_keep(d->waiter_core);
}

void ss_device_wait_ends(struct ss_device *d)
{
    if (d->waiter_core >= 0)
        ss_threads_let_go();
}

enum ss_status ss_device_finish(struct ss_device *d)
{
    ss_device_wait_begins(d);
    const cl_int code = clFinish(d->queue);
    ss_device_wait_ends(d);
    return code == CL_SUCCESS ? SS_OK : ss_cl_fail(d, "clFinish", code, "");
}

enum ss_status ss_device_flush(struct ss_device *d)
{
    enum ss_status st = SS_OK;

    CL_TRY(d, "", clFlush(d->queue));
out:
    return st;
}
