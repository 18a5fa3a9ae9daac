/* discovery.c - which devices there are, which one is the default and why, and which one a user's word names.
 */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/signals.h"
#include "device/device.h"
#include "device/opencl.h"
#include "device/quirks.h"
#include "device/threads.h"

static const char *const type_names[] = {
    [SS_DEVICE_GPU_DISCRETE] = "discrete GPU",
    [SS_DEVICE_GPU_INTEGRATED] = "integrated GPU",
    [SS_DEVICE_ACCELERATOR] = "accelerator",
    [SS_DEVICE_CPU] = "CPU",
};

const char *ss_device_type_name(enum ss_device_type type)
{
    return type_names[type];
}

/* ---- asking the drivers ---- */

/* What a driver does not answer stays as it was (0, ""): a list must not fail for one odd driver. */
static void ask(cl_device_id id, cl_device_info what, size_t size, void *out)
{
    unsigned char answer[16] = {0};
    size_t length = 0;

    if (size <= sizeof(answer) && clGetDeviceInfo(id, what, sizeof(answer), answer, &length) == CL_SUCCESS &&
        length == size)
        memcpy(out, answer, size);
}

/* Text into a field of `size` bytes, cut if need be, without blanks at either end. */
static void trim_into(const char *from, char *out, size_t size)
{
    while (isspace((unsigned char)*from))
        from++;
    snprintf(out, size, "%s", from);
    for (size_t n = strlen(out); n && isspace((unsigned char)out[n - 1]); n--)
        out[n - 1] = '\0';
}

static void ask_text(cl_device_id id, cl_device_info what, char *out, size_t size)
{
    size_t length = 0;

    if (clGetDeviceInfo(id, what, 0, NULL, &length) != CL_SUCCESS || length > 1u << 20)
        return;
    char *const text = calloc(length + 1, 1);
    if (text && clGetDeviceInfo(id, what, length, text, NULL) == CL_SUCCESS)
        trim_into(text, out, size);
    free(text);
}

/* Extensions are names between blanks; a whole name must match. */
static bool has_extension(cl_device_id id, const char *name)
{
    const size_t n = strlen(name);
    size_t length = 0;
    bool found = false;

    if (clGetDeviceInfo(id, CL_DEVICE_EXTENSIONS, 0, NULL, &length) != CL_SUCCESS || length > 1u << 20)
        return false;
    char *const all = calloc(length + 1, 1);
    if (all && clGetDeviceInfo(id, CL_DEVICE_EXTENSIONS, length, all, NULL) == CL_SUCCESS)
        for (const char *p = all; !found && (p = strstr(p, name)); p += n)
            found = (p == all || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0');
    free(all);
    return found;
}

static enum ss_device_type type_of(cl_device_type bits, bool unified)
{
    if (bits & CL_DEVICE_TYPE_CPU) /* first: a simulator claims to be everything */
        return SS_DEVICE_CPU;
    if (bits & CL_DEVICE_TYPE_GPU)
        return unified ? SS_DEVICE_GPU_INTEGRATED : SS_DEVICE_GPU_DISCRETE;
    return SS_DEVICE_ACCELERATOR;
}

/* cl_intel_required_subgroup_size: sizes that a kernel can ask for. The fewer items, the more registers each.
 */
static uint32_t least_sub_group(cl_device_id id)
{
    enum { SUB_GROUP_SIZES_INTEL = 0x4108, MOST = 16 };
    size_t sizes[MOST], bytes = 0, least = 0;

    if (!has_extension(id, "cl_intel_required_subgroup_size") ||
        clGetDeviceInfo(id, SUB_GROUP_SIZES_INTEL, 0, NULL, &bytes) != CL_SUCCESS || bytes > sizeof(sizes) ||
        clGetDeviceInfo(id, SUB_GROUP_SIZES_INTEL, bytes, sizes, NULL) != CL_SUCCESS)
        return 0;
    for (size_t i = 0; i < bytes / sizeof(sizes[0]); i++)
        if (!least || (sizes[i] && sizes[i] < least))
            least = sizes[i];
    return least <= 32 ? (uint32_t)least : 0;
}

/* Intel's runtime does not tell. */
static bool host_has_fma(void)
{
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

static void describe(cl_device_id id, struct ss_device_info *info)
{
    cl_device_type bits = 0;
    cl_bool unified = CL_FALSE, available = CL_TRUE, compiler = CL_TRUE;
    cl_device_fp_config fp32 = CL_FP_FMA;
    cl_uint address_bits = 64;
    size_t work_group = 1;

    ask_text(id, CL_DEVICE_NAME, info->name, sizeof(info->name));
    ask_text(id, CL_DEVICE_VENDOR, info->vendor, sizeof(info->vendor));
    ask_text(id, CL_DRIVER_VERSION, info->driver, sizeof(info->driver));
    ask_text(id, CL_DEVICE_VERSION, info->version, sizeof(info->version));
    ask(id, CL_DEVICE_TYPE, sizeof(bits), &bits);
    ask(id, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof(unified), &unified);
    ask(id, CL_DEVICE_AVAILABLE, sizeof(available), &available);
    ask(id, CL_DEVICE_COMPILER_AVAILABLE, sizeof(compiler), &compiler);
    ask(id, CL_DEVICE_ADDRESS_BITS, sizeof(address_bits), &address_bits);
    ask(id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof(info->memory), &info->memory);
    ask(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof(info->max_allocation), &info->max_allocation);
    ask(id, CL_DEVICE_LOCAL_MEM_SIZE, sizeof(info->local_memory), &info->local_memory);
    ask(id, CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, sizeof(info->cache), &info->cache);
    ask(id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof(info->compute_units), &info->compute_units);
    ask(id, CL_DEVICE_MAX_CLOCK_FREQUENCY, sizeof(info->clock_mhz), &info->clock_mhz);
    ask(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof(info->native_float_width), &info->native_float_width);
    ask(id, CL_DEVICE_SINGLE_FP_CONFIG, sizeof(fp32), &fp32);
    ask(id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof(work_group), &work_group);
    info->max_work_group = work_group < UINT32_MAX ? (uint32_t)work_group : UINT32_MAX;
    info->unified_memory = unified;
    info->type = type_of(bits, unified);
    info->fma = fp32 & CL_FP_FMA || (info->type == SS_DEVICE_CPU && host_has_fma());
    info->fp64 = has_extension(id, "cl_khr_fp64");
    info->fp16 = has_extension(id, "cl_khr_fp16");
    info->sub_group = info->type == SS_DEVICE_CPU ? 0 : least_sub_group(id);

    const struct ss_quirk *const quirk = ss_quirk_of(info);
    info->unfinished = (quirk->flags & SS_QUIRK_UNFINISHED) != 0;
    if (quirk->remark)
        snprintf(info->remark, sizeof(info->remark), "%s", quirk->remark);
    if (!available || !compiler) {
        info->unfinished = true;
        snprintf(info->remark, sizeof(info->remark), "%s",
                 available ? "its driver has no compiler" : "its driver says that it is not available now");
    }
}

/** The devices of one platform, NULL if it has none. */
static cl_device_id *devices_of(cl_platform_id platform, cl_uint *n)
{
    cl_uint count = 0;

    /* A platform without devices answers -1 and may leave the count as it was: trust the code, not the count.
     */
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &count) != CL_SUCCESS || !count)
        return NULL;
    cl_device_id *const ids = calloc(count, sizeof(*ids));
    if (!ids || clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, count, ids, NULL) != CL_SUCCESS) {
        free(ids);
        return NULL;
    }
    *n = count;
    return ids;
}

/** All platforms; *n = 0 where no driver is installed. */
static enum ss_status platforms(cl_platform_id **out, cl_uint *n)
{
    enum ss_status st = SS_OK;
    cl_uint count = 0;

    *out = NULL;
    *n = 0;
    /* -1001 (CL_PLATFORM_NOT_FOUND_KHR) is the loader's way to say none. */
    if (clGetPlatformIDs(0, NULL, &count) != CL_SUCCESS || !count)
        return SS_OK;
    TRY(ss_allocate(count, out));
    if (clGetPlatformIDs(count, *out, NULL) == CL_SUCCESS)
        *n = count;
out:
    return st;
}

static void platform_name(cl_platform_id platform, char *out, size_t size)
{
    char name[512] = "";

    if (clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof(name) - 1, name, NULL) != CL_SUCCESS)
        snprintf(name, sizeof(name), "unnamed platform");
    trim_into(name, out, size);
}

static void note_empty(struct ss_device_list *list, const char *name)
{
    const size_t used = strlen(list->empty);

    list->n_empty++;
    snprintf(list->empty + used, sizeof(list->empty) - used, "%s%s", used ? ", " : "", name);
}

/* A CPU driver starts its threads when it is first asked for devices. */
static cl_device_id *first_devices_of(cl_platform_id platform, const char *name, cl_uint *n)
{
    struct ss_device_info cpu = {.type = SS_DEVICE_CPU};
    struct ss_threads before;

    snprintf(cpu.platform_name, sizeof(cpu.platform_name), "%s", name);
    if (!(ss_quirk_of(&cpu)->flags & SS_QUIRK_SPREAD_THREADS) || getenv("POCL_AFFINITY"))
        return devices_of(platform, n);
    ss_threads_list(&before);
    cl_device_id *const ids = devices_of(platform, n);
    ss_threads_spread(&before);
    return ids;
}

static enum ss_status add_platform(struct ss_device_list *list, cl_platform_id platform, size_t index)
{
    char name[sizeof(list->items->platform_name)];
    cl_uint n = 0;

    platform_name(platform, name, sizeof(name));
    cl_device_id *const ids = first_devices_of(platform, name, &n);
    if (!ids) {
        note_empty(list, name);
        return SS_OK;
    }
    struct ss_device_info *const items = realloc(list->items, (list->count + n) * sizeof(*items));
    if (!items) {
        free(ids);
        return SS_FAIL_MEMORY((list->count + n) * sizeof(*items));
    }
    list->items = items;
    for (cl_uint i = 0; i < n; i++) {
        struct ss_device_info *const info = &items[list->count++];
        *info = (struct ss_device_info){.platform = index, .index = i};
        memcpy(info->platform_name, name, sizeof(name));
        describe(ids[i], info);
    }
    free(ids);
    return SS_OK;
}

enum ss_status ss_device_list_make(struct ss_device_list *out)
{
    struct ss_device_list list = {0};
    cl_platform_id *ids = NULL;
    cl_uint n = 0;
    struct ss_signals held;
    enum ss_status st = SS_OK;

    ss_signals_hold(&held); /* drivers begin threads */
    TRY(platforms(&ids, &n));
    for (cl_uint i = 0; i < n; i++)
        TRY(add_platform(&list, ids[i], i));
    ss_device_list_rank(&list);
    *out = list;
    list = (struct ss_device_list){0};
out:
    ss_signals_release(&held);
    free(ids);
    ss_device_list_release(&list);
    return st;
}

void ss_device_list_release(struct ss_device_list *list)
{
    free(list->items);
    *list = (struct ss_device_list){0};
}

/** The OpenCL handle of an entry; the drivers are asked again, because handles are not kept in plain data. */
enum ss_status ss_device_ids(const struct ss_device_info *info, cl_platform_id *platform, cl_device_id *id)
{
    cl_platform_id *ids = NULL;
    cl_device_id *devices = NULL;
    cl_uint n_ids = 0, n = 0;
    enum ss_status st = SS_OK;

    TRY(platforms(&ids, &n_ids));
    if (info->platform < n_ids)
        devices = devices_of(ids[info->platform], &n);
    if (info->index >= n) {
        st = SS_FAIL(SS_ERR_NO_DEVICE, "device %zu:%zu (%s) is no longer there", info->platform, info->index,
                     info->name);
        goto out;
    }
    *platform = ids[info->platform];
    *id = devices[info->index];
out:
    free(devices);
    free(ids);
    return st;
}

/* ---- ranking ---- */

static double speed(const struct ss_device_info *d)
{
    return (double)d->compute_units * (double)d->clock_mhz;
}

/* Below 0 if a is the better one; *why = what decides. Speeds are compared only within one platform: compute
 * units and clocks mean different things to different vendors. */
static int compare(const struct ss_device_info *a, const struct ss_device_info *b, const char **why)
{
    const int preference_a = ss_quirk_of(a)->preference, preference_b = ss_quirk_of(b)->preference;

    *why = "drivers known to be unfinished come last";
    if (a->unfinished != b->unfinished)
        return a->unfinished ? 1 : -1;
    *why = "before slower types";
    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    *why = "of the drivers for this type the one that measured faster";
    if (preference_a != preference_b)
        return preference_a > preference_b ? -1 : 1;
    *why = "the most compute units times clock";
    if (a->platform == b->platform && speed(a) != speed(b))
        return speed(a) > speed(b) ? -1 : 1;
    *why = "the first of equals";
    return 0;
}

void ss_device_list_rank(struct ss_device_list *list)
{
    const char *why = "", *runner_up = NULL;

    list->chosen = 0;
    for (size_t i = 1; i < list->count; i++)
        if (compare(&list->items[i], &list->items[list->chosen], &why) < 0)
            list->chosen = i;
    list->reason[0] = '\0';
    if (!list->count)
        return;
    const struct ss_device_info *const best = &list->items[list->chosen];
    const struct ss_device_info *second = NULL;
    for (size_t i = 0; i < list->count; i++)
        if (i != list->chosen && (!second || compare(&list->items[i], second, &why) < 0))
            second = &list->items[i];
    if (second) {
        compare(best, second, &runner_up);
        snprintf(list->reason, sizeof(list->reason), "%s; %s", type_names[best->type], runner_up);
    } else {
        snprintf(list->reason, sizeof(list->reason), "%s; the only device", type_names[best->type]);
    }
}

/* ---- a user's word ---- */

static void add_list(struct ss_text *t, const struct ss_device_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct ss_device_info *const d = &list->items[i];
        ss_text_addf(t, "\n  %zu:%zu  %s, %s, on %s%s", d->platform, d->index, d->name, type_names[d->type],
                     d->platform_name, i == list->chosen ? "  (default)" : "");
    }
}

/* What is there of a path can be written to. */
static bool can_be_made(const char *path)
{
    char there[PATH_MAX];

    if (snprintf(there, sizeof(there), "%s", path) >= (int)sizeof(there))
        return true;
    for (char *end = strrchr(there, '/'); end && end > there && access(there, F_OK) != 0;
         end = strrchr(there, '/'))
        *end = '\0';
    return access(there, W_OK | X_OK) == 0;
}

/* PoCL has no device where it cannot write what it compiles. */
static void add_cache_hint(struct ss_text *t)
{
    static const char *const names[] = {"POCL_CACHE_DIR", "XDG_CACHE_HOME", "HOME"}; /* as it looks for one */

    for (size_t i = 0; i < SS_COUNT(names); i++) {
        const char *const value = getenv(names[i]);
        if (!value || !*value)
            continue;
        if (!can_be_made(value))
            ss_text_addf(
                t,
                "\n  %s is '%s', which cannot be written to, and PoCL has no device without a cache: "
                "set POCL_CACHE_DIR to a folder that can",
                names[i], value);
        return;
    }
}

static enum ss_status fail_no_driver(const struct ss_device_list *list)
{
    const char *const vendors = getenv("OCL_ICD_VENDORS");
    struct ss_text t;

    ss_text_init(&t);
    if (list->n_empty)
        ss_text_addf(&t, "no OpenCL device: the drivers installed (%s) find none here", list->empty);
    else
        ss_text_add(&t, "no OpenCL device: no driver is installed");
    if (vendors)
        ss_text_addf(&t,
                     "\n  OCL_ICD_VENDORS is set to '%s' and hides all other drivers: unset it to see them",
                     vendors);
    if (list->n_empty)
        add_cache_hint(&t);
    ss_text_add(&t, "\n  install one (package names of Debian and Ubuntu):"
                    "\n    any CPU      pocl-opencl-icd"
                    "\n    NVIDIA GPU   nvidia-opencl-icd (Ubuntu: part of the driver, libnvidia-compute)"
                    "\n    Intel GPU    intel-opencl-icd"
                    "\n    AMD GPU      rocm-opencl-icd, or mesa-opencl-icd"
                    "\n  a GPU also needs read and write access to /dev/dri/renderD* (groups render, video)");
    const enum ss_status st = SS_FAIL(SS_ERR_NO_DEVICE, "%s", t.data);
    ss_text_release(&t);
    return st;
}

/* "2:0", digits only; else false. */
static bool is_address(const char *s)
{
    const size_t platform = strspn(s, "0123456789");
    const size_t index = s[platform] == ':' ? strspn(s + platform + 1, "0123456789") : 0;

    return platform && index && !s[platform + 1 + index];
}

static bool has_address(const struct ss_device_info *d, const char *address)
{
    char own[64];

    snprintf(own, sizeof(own), "%zu:%zu", d->platform, d->index);
    return strcmp(own, address) == 0;
}

static bool is_kind(const char *choice)
{
    return strcasecmp(choice, "gpu") == 0 || strcasecmp(choice, "cpu") == 0 ||
           strcasecmp(choice, "accelerator") == 0;
}

static bool of_kind(const struct ss_device_info *d, const char *kind)
{
    switch (d->type) {
    case SS_DEVICE_GPU_DISCRETE:
    case SS_DEVICE_GPU_INTEGRATED:
        return strcasecmp(kind, "gpu") == 0;
    case SS_DEVICE_CPU:
        return strcasecmp(kind, "cpu") == 0;
    case SS_DEVICE_ACCELERATOR:
        return strcasecmp(kind, "accelerator") == 0;
    }
    return false;
}

/* PoCL is known by its short name, which is in the version of its devices alone. */
static bool named(const struct ss_device_info *d, const char *part)
{
    return ss_quirk_contains(d->name, part) || ss_quirk_contains(d->platform_name, part) ||
           ss_quirk_contains(d->vendor, part) || ss_quirk_contains(d->version, part);
}

static enum ss_status fail_choice(const struct ss_device_list *list, const char *choice, size_t matches)
{
    struct ss_text t;

    ss_text_init(&t);
    if (matches)
        ss_text_addf(&t, "device '%s' fits %zu devices: say which by its number", choice, matches);
    else
        ss_text_addf(&t, "device '%s' fits none of the %zu here", choice, list->count);
    ss_text_add(&t, " (gpu, cpu, a number, or part of a name)");
    add_list(&t, list);
    const enum ss_status st = SS_FAIL(SS_ERR_NO_DEVICE, "%s", t.data);
    ss_text_release(&t);
    return st;
}

enum ss_status ss_device_list_find(const struct ss_device_list *list, const char *choice, size_t *index)
{
    const bool address = choice && is_address(choice), kind = choice && is_kind(choice);
    size_t matches = 0, found = 0;
    const char *why;

    if (!list->count)
        return fail_no_driver(list);
    if (!choice || !*choice || strcasecmp(choice, "auto") == 0) {
        *index = list->chosen;
        return SS_OK;
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct ss_device_info *const d = &list->items[i];
        if (address ? !has_address(d, choice) : kind ? !of_kind(d, choice) : !named(d, choice))
            continue;
        /* A kind is a wish for the best of that kind; a name must be one device's. */
        if (!matches || (kind && compare(d, &list->items[found], &why) < 0))
            found = i;
        matches = kind ? 1 : matches + 1;
    }
    if (matches != 1)
        return fail_choice(list, choice, matches);
    *index = found;
    return SS_OK;
}
