/*
 * shim.c - three calls replaced while a program runs in Oclgrind (tests/support/oclgrind.sh preloads this).
 *
 * Oclgrind 21.10 does not count what clEnqueueFillBuffer writes as initialized, and marks the wrong bytes
 * when clEnqueueWriteBuffer begins beyond the buffer's start; every value computed from such memory is then
 * reported. Both become here a write of the whole buffer from its start, which is understood. The program
 * fills all device memory when it is made, so no uninitialized global memory is hidden by that; private and
 * local memory is seen as before.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <CL/cl.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef cl_int write_fn(cl_command_queue, cl_mem, cl_bool, size_t, size_t, const void *, cl_uint,
                        const cl_event *, cl_event *);

/* Replace `size` bytes from `offset` on by `bytes` repeated with period `period`. */
static cl_int patch(cl_command_queue queue, cl_mem buffer, size_t offset, size_t size, const void *bytes,
                    size_t period, cl_uint n_waits, const cl_event *waits, cl_event *event)
{
    write_fn *const write_all = (write_fn *)(size_t)dlsym(RTLD_NEXT, "clEnqueueWriteBuffer");
    size_t whole = 0;
    cl_int code = clGetMemObjectInfo(buffer, CL_MEM_SIZE, sizeof(whole), &whole, NULL);

    if (code != CL_SUCCESS)
        return code;
    if (size > whole || offset > whole - size || period == 0)
        return CL_INVALID_VALUE;
    char *const copy = malloc(whole);
    if (copy == NULL)
        return CL_OUT_OF_HOST_MEMORY;
    code = clEnqueueReadBuffer(queue, buffer, CL_TRUE, 0, whole, copy, n_waits, waits, NULL);
    if (code == CL_SUCCESS) {
        for (size_t done = 0; done < size; done += period)
            memcpy(copy + offset + done, bytes, period < size - done ? period : size - done);
        code = write_all(queue, buffer, CL_TRUE, 0, whole, copy, 0, NULL, event);
    }
    free(copy);
    return code;
}

CL_API_ENTRY cl_int CL_API_CALL clEnqueueFillBuffer(cl_command_queue queue, cl_mem buffer,
                                                    const void *pattern, size_t period, size_t offset,
                                                    size_t size, cl_uint n_waits, const cl_event *waits,
                                                    cl_event *event)
{
    return patch(queue, buffer, offset, size, pattern, period, n_waits, waits, event);
}

CL_API_ENTRY cl_int CL_API_CALL clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer, cl_bool wait,
                                                     size_t offset, size_t size, const void *from,
                                                     cl_uint n_waits, const cl_event *waits, cl_event *event)
{
    (void)wait;
    return patch(queue, buffer, offset, size, from, size, n_waits, waits, event);
}

CL_API_ENTRY cl_int CL_API_CALL clEnqueueCopyBuffer(cl_command_queue queue, cl_mem from, cl_mem to,
                                                    size_t from_offset, size_t to_offset, size_t size,
                                                    cl_uint n_waits, const cl_event *waits, cl_event *event)
{
    char *const copy = malloc(size);

    if (copy == NULL)
        return CL_OUT_OF_HOST_MEMORY;
    cl_int code = clEnqueueReadBuffer(queue, from, CL_TRUE, from_offset, size, copy, n_waits, waits, NULL);
    if (code == CL_SUCCESS)
        code = patch(queue, to, to_offset, size, copy, size, 0, NULL, event);
    free(copy);
    return code;
}
