#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "device/opencl.h"

enum { MOST_PLATFORMS = 32, MOST_DEVICES = 32 };

static void fill_info(cl_platform_id p, cl_device_id id, struct ss_device_info *o)
{
    cl_device_type type = 0;
    cl_bool unified = CL_FALSE;
    size_t group = 0;
    clGetPlatformInfo(p, CL_PLATFORM_NAME, sizeof(o->platform_name), o->platform_name, NULL);
    clGetDeviceInfo(id, CL_DEVICE_NAME, sizeof(o->name), o->name, NULL);
    clGetDeviceInfo(id, CL_DEVICE_VENDOR, sizeof(o->vendor), o->vendor, NULL);
    clGetDeviceInfo(id, CL_DRIVER_VERSION, sizeof(o->driver), o->driver, NULL);
    clGetDeviceInfo(id, CL_DEVICE_VERSION, sizeof(o->version), o->version, NULL);
    clGetDeviceInfo(id, CL_DEVICE_TYPE, sizeof(type), &type, NULL);
    clGetDeviceInfo(id, CL_DEVICE_GLOBAL_MEM_SIZE, 8, &o->memory, NULL);
    clGetDeviceInfo(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, 8, &o->max_allocation, NULL);
    clGetDeviceInfo(id, CL_DEVICE_LOCAL_MEM_SIZE, 8, &o->local_memory, NULL);
    clGetDeviceInfo(id, CL_DEVICE_MAX_COMPUTE_UNITS, 4, &o->compute_units, NULL);
    clGetDeviceInfo(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, 4, &o->native_float_width, NULL);
    clGetDeviceInfo(id, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof(unified), &unified, NULL);
    clGetDeviceInfo(id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof(group), &group, NULL);
    o->max_work_group = (uint32_t)group;
    o->unified_memory = unified;
    o->type = type & CL_DEVICE_TYPE_CPU   ? SS_DEVICE_CPU
              : type & CL_DEVICE_TYPE_GPU ? (unified ? SS_DEVICE_GPU_INTEGRATED : SS_DEVICE_GPU_DISCRETE)
                                          : SS_DEVICE_ACCELERATOR;
}

enum ss_status ss_device_list_make(struct ss_device_list *out)
{
    cl_platform_id platforms[MOST_PLATFORMS];
    cl_device_id ids[MOST_DEVICES];
    cl_uint n = 0;
    struct ss_device_list list = {0};
    enum ss_status st = SS_OK;

    if (clGetPlatformIDs(MOST_PLATFORMS, platforms, &n) != CL_SUCCESS)
        n = 0;
    TRY(ss_allocate(MOST_PLATFORMS * MOST_DEVICES, &list.items));
    for (cl_uint p = 0; p < n && p < MOST_PLATFORMS; p++) {
        cl_uint m = 0;
        if (clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, MOST_DEVICES, ids, &m) != CL_SUCCESS)
            continue;
        for (cl_uint i = 0; i < m && i < MOST_DEVICES; i++) {
            struct ss_device_info *const o = &list.items[list.count++];
            o->platform = p;
            o->index = i;
            fill_info(platforms[p], ids[i], o);
        }
    }
    *out = list;
out:
    return st;
}

void ss_device_list_release(struct ss_device_list *list)
{
    free(list->items);
    *list = (struct ss_device_list){0};
}

enum ss_status ss_device_list_find(const struct ss_device_list *list, const char *choice, size_t *index)
{
    (void)choice;
    if (!list->count)
        return SS_FAIL(SS_ERR_NO_DEVICE, "no OpenCL device");
    *index = list->chosen;
    return SS_OK;
}

enum ss_status ss_device_ids(const struct ss_device_info *info, cl_platform_id *platform, cl_device_id *id)
{
    cl_platform_id platforms[MOST_PLATFORMS];
    cl_device_id ids[MOST_DEVICES];
    cl_uint n = 0, m = 0;
    enum ss_status st = SS_OK;

    CL_TRY(NULL, "", clGetPlatformIDs(MOST_PLATFORMS, platforms, &n));
    CL_TRY(NULL, "", clGetDeviceIDs(platforms[info->platform], CL_DEVICE_TYPE_ALL, MOST_DEVICES, ids, &m));
    *platform = platforms[info->platform];
    *id = ids[info->index];
out:
    return st;
}
