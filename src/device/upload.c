/*
 * upload.c - host rows to the device beside its work: two slots in turn, on a queue of their own.
 *
 * Copies and kernels wait for each other buffer by buffer, not queue by queue: a slot's copy waits for the
 * last kernel that was given that slot's buffer, a kernel for the copy into the buffers that it is given. So
 * a batch travels while the step before it runs, in whichever order the caller sends and computes.
 */
#include <stdlib.h>

#include "base/checked.h"
#include "device/opencl.h"

enum { SLOTS = 2 };

struct slot {
    void *host;               /* what the caller fills: */
    cl_mem pinned;            /* mapped here, or from malloc() if NULL */
    struct ss_buffer *buffer; /* where it goes */
    cl_event copied;          /* the copy that reads `host` last, or NULL */
};

struct ss_upload {
    struct ss_device *device; /* borrowed, outlives it */
    cl_command_queue queue;
    size_t bytes, next;
    struct slot slots[SLOTS];
};

/* ---- who waits for whom ---- */

static void forget(cl_event *e)
{
    if (*e)
        clReleaseEvent(*e);
    *e = NULL;
}

enum ss_status ss_buffer_before_use(struct ss_buffer *b)
{
    struct ss_device *const d = b->device;
    enum ss_status st = SS_OK;

    if (!b->filled)
        return SS_OK;
    CL_TRY(d, "upload", clEnqueueBarrierWithWaitList(d->queue, 1, &b->filled, NULL));
    forget(&b->filled); /* one barrier holds back all that follows in the queue */
out:
    return st;
}

enum ss_status ss_buffer_after_use(struct ss_buffer *b)
{
    struct ss_device *const d = b->device;
    enum ss_status st = SS_OK;

    if (!b->shared)
        return SS_OK;
    forget(&b->used);
    CL_TRY(d, "upload", clEnqueueMarkerWithWaitList(d->queue, 0, NULL, &b->used));
out:
    return st;
}

/* ---- life ---- */

/* Pinned memory, from which a GPU copies without a detour; a CPU device gains nothing from it. */
static enum ss_status create_host(struct ss_upload *u, struct slot *s)
{
    struct ss_device *const d = u->device;
    const size_t size = u->bytes ? u->bytes : 1;
    cl_int code;

    if (ss_device_is_cpu(d))
        return ss_allocate_bytes(size, 1, &s->host);
    s->pinned = clCreateBuffer(d->context, CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR, size, NULL, &code);
    if (code != CL_SUCCESS)
        return ss_cl_fail(d, "clCreateBuffer", code, "pinned memory for uploads");
    s->host = clEnqueueMapBuffer(u->queue, s->pinned, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0, size, 0, NULL,
                                 NULL, &code);
    return code == CL_SUCCESS ? SS_OK
                              : ss_cl_fail(d, "clEnqueueMapBuffer", code, "pinned memory for uploads");
}

enum ss_status ss_upload_create(struct ss_device *d, size_t bytes, struct ss_upload **out)
{
    struct ss_upload *u = NULL;
    enum ss_status st = SS_OK;
    cl_int code;

    TRY(ss_allocate(1, &u));
    u->device = d;
    u->bytes = bytes;
    u->queue = clCreateCommandQueue(d->context, d->id, 0, &code);
    if (code != CL_SUCCESS) {
        st = ss_cl_fail(d, "clCreateCommandQueue", code, "for uploads");
        goto out;
    }
    for (size_t i = 0; i < SLOTS; i++) {
        TRY(ss_buffer_create(d, bytes, &u->slots[i].buffer));
        u->slots[i].buffer->shared = true;
        TRY(ss_buffer_after_use(u->slots[i].buffer)); /* its filling with zeros */
        TRY(create_host(u, &u->slots[i]));
    }
    *out = u;
    u = NULL;
out:
    ss_upload_free(u);
    return st;
}

void ss_upload_free(struct ss_upload *u)
{
    if (!u)
        return;
    if (u->queue)
        clFinish(u->queue); /* copies read host memory that is about to go */
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *const s = &u->slots[i];
        forget(&s->copied);
        ss_buffer_free(s->buffer);
        if (s->pinned && s->host)
            clEnqueueUnmapMemObject(u->queue, s->pinned, s->host, 0, NULL, NULL);
        if (s->pinned)
            clReleaseMemObject(s->pinned);
        else
            free(s->host);
    }
    if (u->queue) {
        clFinish(u->queue);
        clReleaseCommandQueue(u->queue);
    }
    free(u);
}

/* ---- use ---- */

enum ss_status ss_upload_slot(struct ss_upload *u, void **host)
{
    struct slot *const s = &u->slots[u->next];
    enum ss_status st = SS_OK;

    if (s->copied) {
        /* That copy may wait for kernels that the driver still holds back. */
        CL_TRY(u->device, "upload", clFlush(u->device->queue));
        CL_TRY(u->device, "upload", clWaitForEvents(1, &s->copied));
        forget(&s->copied);
    }
    *host = s->host;
out:
    return st;
}

enum ss_status ss_upload_send(struct ss_upload *u, struct ss_buffer **device)
{
    struct ss_device *const d = u->device;
    struct slot *const s = &u->slots[u->next];
    struct ss_buffer *const b = s->buffer;
    enum ss_status st = SS_OK;

    if (b->used)
        CL_TRY(d, "upload", clFlush(d->queue));
    forget(&s->copied);
    if (u->bytes)
        CL_TRY(d, "upload",
               clEnqueueWriteBuffer(u->queue, b->memory, CL_FALSE, 0, u->bytes, s->host, b->used ? 1 : 0,
                                    b->used ? &b->used : NULL, &s->copied));
    forget(&b->used);
    forget(&b->filled);
    if (s->copied) {
        CL_TRY(d, "upload", clRetainEvent(s->copied));
        b->filled = s->copied;
    }
    CL_TRY(d, "upload", clFlush(u->queue));
    u->next = (u->next + 1) % SLOTS;
    *device = b;
out:
    return st;
}
