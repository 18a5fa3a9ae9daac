/* program.c - from embedded sources to kernels: includes, build, cache of programs, launch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/signals.h"
#include "device/cache.h"
#include "device/embedded.h"
#include "device/opencl.h"
#include "device/quirks.h"

struct ss_kernel {
    struct ss_kernel *next;
    struct ss_device *device;
    char *name;
    cl_kernel kernel;
    cl_uint n_args;
    size_t most_items; /* of a work-group */
    size_t local[3];   /* of the last launch */
};

struct ss_program { /* one file built with one set of defines */
    struct ss_program *next;
    char *key; /* "jet/activation.cl -DM=3" */
    cl_program program;
    struct ss_kernel *kernels;
};

enum { DEEPEST_INCLUDE = 8, LARGEST_SOURCE = 1 << 20 };

/* Files that nearly every run asks for, without -D or with the device's WIDTH alone, are one program. To open
 * a program takes PoCL 3.1 22 ms even where its cache has it: it looks there by what the preprocessor makes
 * of it, of 900 kB of headers. What follows philox.clh is compiled without contraction, what stands before it
 * with. The last FOR_CPUS use what compilers for GPUs do not know. */
static const char *const together[] = {"objective/objective.cl", "jet/sums.cl",         "jet/dense_along.cl",
                                       "random/random.cl",       "data/batches.cl",     "objective/slices.cl",
                                       "jet/initial.cl",         "data/batches_rows.cl"};
enum { FOR_CPUS = 1 };

/* ---- sources ---- */

static enum ss_status add_file(const char *name, int depth, struct ss_text *out);

static enum ss_status add_lines(const char *file, const char *text, int depth, struct ss_text *out)
{
    static const char directive[] = "#include \"";
    enum ss_status st = SS_OK;

    for (const char *line = text; *line;) {
        const size_t length = strcspn(line, "\n");
        if (strncmp(line, directive, sizeof(directive) - 1) == 0) {
            char name[128];
            const char *const from = line + sizeof(directive) - 1;
            const size_t n = strcspn(from, "\"\n");
            if (n >= sizeof(name))
                return SS_FAIL(SS_ERR_INTERNAL, "%s: include name too long", file);
            memcpy(name, from, n);
            name[n] = '\0';
            TRY(add_file(name, depth + 1, out));
        } else {
            ss_text_add_bytes(out, line, length);
            ss_text_add(out, "\n");
        }
        line += length + (line[length] == '\n');
    }
out:
    return st;
}

static enum ss_status add_file(const char *name, int depth, struct ss_text *out)
{
    const char *const folder = getenv("SLICESCORE_CL_DIR");
    char *path = NULL, *data = NULL;
    enum ss_status st = SS_OK;
    size_t size;

    if (depth > DEEPEST_INCLUDE)
        return SS_FAIL(SS_ERR_INTERNAL, "%s: includes nested too deep", name);
    if (folder && *folder) {
        TRY(ss_path_join(folder, name, &path));
        TRY(ss_file_read(path, LARGEST_SOURCE, &data, &size));
        TRY(add_lines(name, data, depth, out));
        goto out;
    }
    const struct ss_embedded *e = ss_embedded;
    while (e->name && strcmp(e->name, name) != 0)
        e++;
    if (!e->name) {
        st = SS_FAIL(SS_ERR_INTERNAL, "no kernel file %s in the program", name);
        goto out;
    }
    TRY(add_lines(name, e->text, depth, out));
out:
    free(path);
    free(data);
    return st;
}

/* ---- building ---- */

/* Whether a compiler's log speaks of a line near this one: ":12:". */
static bool is_near_named(const char *log, int number)
{
    enum { NEAR = 3 };
    char place[16];

    for (int i = number - NEAR; i <= number + NEAR; i++) {
        snprintf(place, sizeof(place), ":%d:", i);
        if (strstr(log, place))
            return true;
    }
    return false;
}

static void report_build(const struct ss_device *d, const struct ss_program *p, const char *source,
                         cl_int code)
{
    struct ss_text t;
    char *log = NULL;
    size_t size = 0;
    int number = 1, last = 0;

    ss_text_init(&t);
    ss_text_addf(&t, "kernel build failed: %s (%d): %s on %s, driver %s\n", ss_cl_error_name(code), (int)code,
                 p->key, d->info.name, d->info.driver);
    if (clGetProgramBuildInfo(p->program, d->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) == CL_SUCCESS &&
        size > 1) {
        log = calloc(1, size + 1);
        if (log &&
            clGetProgramBuildInfo(p->program, d->id, CL_PROGRAM_BUILD_LOG, size, log, NULL) == CL_SUCCESS)
            ss_text_addf(&t, "%s\n", log);
    }
    for (const char *line = source; log && *line; number++) {
        const size_t n = strcspn(line, "\n");
        if (is_near_named(log, number)) {
            ss_text_addf(&t, "%s%4d  %.*s\n", last && last + 1 < number ? " ...\n" : "", number, (int)n,
                         line);
            last = number;
        }
        line += n + (line[n] == '\n');
    }
    if (!last)
        ss_text_add(&t, "the compiler names no line: it may lack room or leave to write what it compiles "
                        "(POCL_CACHE_DIR, XDG_CACHE_HOME, TMPDIR)\n");
    free(log);
    ss_say(SS_LEVEL_ERROR, "%s", t.data);
    ss_text_release(&t);
}

static enum ss_status compile(struct ss_device *d, struct ss_program *p, const char *source,
                              const char *options)
{
    struct ss_signals held;
    cl_int code;

    p->program = clCreateProgramWithSource(d->context, 1, &source, NULL, &code);
    if (code != CL_SUCCESS)
        return ss_cl_fail(d, "clCreateProgramWithSource", code, p->key);
    const int lock = ss_cache_lock();
    ss_signals_hold_handled(&held);
    code = clBuildProgram(p->program, 1, &d->id, options, NULL, NULL);
    ss_signals_release(&held);
    ss_cache_unlock(lock);
    if (code == CL_SUCCESS)
        return SS_OK;
    report_build(d, p, source, code);
    return ss_cl_status(code) == SS_ERR_MEMORY ? SS_ERR_MEMORY : SS_ERR_BUILD;
}

/* How many of `together` are one program on this device, if `file` with these defines is of it; else 0. */
static size_t count_together(const struct ss_device *d, const char *file, const struct ss_define *defines,
                             size_t n_defines)
{
    const size_t n = SS_COUNT(together) - (d->info.type == SS_DEVICE_CPU ? 0 : FOR_CPUS);

    if (n_defines > 1 || (n_defines == 1 && (strcmp(defines[0].name, "WIDTH") != 0 ||
                                             defines[0].value != (long)ss_device_vector_width(d))))
        return 0;
    for (size_t i = 0; i < n; i++)
        if (strcmp(together[i], file) == 0)
            return n;
    return 0;
}

static enum ss_status build(struct ss_device *d, struct ss_program *p, const char *const *files,
                            size_t n_files, const char *options)
{
    struct ss_text source;
    enum ss_status st = SS_OK;
    const double start = ss_clock_seconds();

    ss_text_init(&source);
    if (!d->info.fma)
        TRY(add_file("device/no_fma.clh", 0, &source));
    for (size_t i = 0; i < n_files; i++)
        TRY(add_file(files[i], 0, &source));
    TRY(ss_text_status(&source));
    p->program = ss_cache_load(d, options, source.data);
    if (!p->program) {
        TRY(compile(d, p, source.data, options));
        ss_cache_store(d, options, source.data, p->program);
    }
    d->n_builds++;
    d->build_seconds += ss_clock_seconds() - start;
out:
    ss_text_release(&source);
    return st;
}

static void free_program(struct ss_program *p)
{
    for (struct ss_kernel *k = p->kernels, *next; k; k = next) {
        next = k->next;
        if (k->kernel)
            clReleaseKernel(k->kernel);
        free(k->name);
        free(k);
    }
    if (p->program)
        clReleaseProgram(p->program);
    free(p->key);
    free(p);
}

void ss_programs_free(struct ss_program *first)
{
    for (struct ss_program *p = first, *next; p; p = next) {
        next = p->next;
        free_program(p);
    }
}

static enum ss_status find_program(struct ss_device *d, const char *file, const struct ss_define *defines,
                                   size_t n_defines, struct ss_program **out)
{
    const struct ss_define width = {"WIDTH", (long)ss_device_vector_width(d)};
    const size_t n_together = count_together(d, file, defines, n_defines);
    const size_t n_files = n_together ? n_together : 1;
    const char *const *const files = n_together ? together : &file;
    struct ss_text options, key;
    struct ss_program *p = NULL;
    enum ss_status st = SS_OK;

    ss_text_init(&options);
    ss_text_init(&key);
    ss_text_add(&options, "-cl-std=CL1.2 -w"); /* PoCL says how many warnings there were, on stderr */
    /* Unrolled for registers that a CPU lacks: minutes, when optimized. */
    if (d->as_gpu && d->info.type == SS_DEVICE_CPU)
        ss_text_add(&options, " -cl-opt-disable");
    if (ss_quirk_of(&d->info)->flags & SS_QUIRK_UNFINISHED) /* rusticl ends the process at one */
        ss_text_add(&options, " -DNO_PREFETCH");
    if (!d->info.fma)
        ss_text_add(&options, " -DNO_FMA");
    if (n_together) {
        defines = &width;
        n_defines = 1;
    }
    for (size_t i = 0; i < n_defines; i++)
        ss_text_addf(&options, " -D%s=%ld", defines[i].name, defines[i].value);
    for (size_t i = 0; i < n_files; i++)
        ss_text_addf(&key, "%s ", files[i]);
    ss_text_add(&key, options.data);
    TRY(ss_text_status(&options));
    TRY(ss_text_status(&key));
    for (p = d->programs; p; p = p->next)
        if (strcmp(p->key, key.data) == 0) {
            *out = p;
            p = NULL;
            goto out;
        }
    TRY(ss_allocate(1, &p));
    TRY(ss_text_copy(key.data, &p->key));
    TRY(build(d, p, files, n_files, options.data));
    p->next = d->programs;
    d->programs = p;
    *out = p;
    p = NULL;
out:
    if (p)
        free_program(p);
    ss_text_release(&options);
    ss_text_release(&key);
    return st;
}

enum ss_status ss_device_kernel(struct ss_device *d, const char *file, const char *name,
                                const struct ss_define *defines, size_t n_defines, struct ss_kernel **out)
{
    struct ss_program *p = NULL;
    struct ss_kernel *k = NULL;
    enum ss_status st = SS_OK;
    cl_int code;

    TRY(find_program(d, file, defines, n_defines, &p));
    for (struct ss_kernel *old = p->kernels; old; old = old->next)
        if (strcmp(old->name, name) == 0) {
            *out = old;
            return SS_OK;
        }
    TRY(ss_allocate(1, &k));
    k->device = d;
    TRY(ss_text_copy(name, &k->name));
    k->kernel = clCreateKernel(p->program, name, &code);
    if (code != CL_SUCCESS) {
        st = ss_cl_fail(d, "clCreateKernel", code, name);
        goto out;
    }
    CL_TRY(d, name, clGetKernelInfo(k->kernel, CL_KERNEL_NUM_ARGS, sizeof(k->n_args), &k->n_args, NULL));
    CL_TRY(d, name,
           clGetKernelWorkGroupInfo(k->kernel, d->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof(k->most_items),
                                    &k->most_items, NULL));
    k->next = p->kernels;
    p->kernels = k;
    *out = k;
    k = NULL;
out:
    if (k) {
        if (k->kernel)
            clReleaseKernel(k->kernel);
        free(k->name);
        free(k);
    }
    return st;
}

/* ---- launching ---- */

static enum ss_status set_arguments(struct ss_kernel *k, const struct ss_arg *args, size_t n_args)
{
    const struct ss_device *const d = k->device;
    enum ss_status st = SS_OK;
    cl_uint at = 0, want = 0;

    for (size_t i = 0; i < n_args; i++)
        want += args[i].kind == SS_ARG_SPAN ? 2 : 1;
    if (want != k->n_args)
        return SS_FAIL(SS_ERR_INTERNAL, "kernel %s takes %u arguments, %u given", k->name, k->n_args, want);
    for (size_t i = 0; i < n_args; i++) {
        const struct ss_arg *const a = &args[i];
        const cl_mem memory = a->span.buffer ? a->span.buffer->memory : NULL;
        const cl_uint offset = (cl_uint)a->span.offset;
        switch (a->kind) {
        case SS_ARG_SPAN:
            TRY(ss_spans_fit(k->name, &a->span, 1));
            CL_TRY(d, k->name, clSetKernelArg(k->kernel, at++, sizeof(memory), &memory));
            CL_TRY(d, k->name, clSetKernelArg(k->kernel, at++, sizeof(offset), &offset));
            break;
        case SS_ARG_BUFFER:
            CL_TRY(d, k->name, clSetKernelArg(k->kernel, at++, sizeof(memory), &memory));
            break;
        case SS_ARG_U32:
            CL_TRY(d, k->name, clSetKernelArg(k->kernel, at++, sizeof(a->u32), &a->u32));
            break;
        case SS_ARG_F32:
            CL_TRY(d, k->name, clSetKernelArg(k->kernel, at++, sizeof(a->f32), &a->f32));
            break;
        case SS_ARG_LOCAL:
            CL_TRY(d, k->name, clSetKernelArg(k->kernel, at++, a->bytes, NULL));
            break;
        case SS_ARG_STRUCT:
            CL_TRY(d, k->name, clSetKernelArg(k->kernel, at++, a->bytes, a->values));
            break;
        }
    }
out:
    return st;
}

/* Of a dimension, as wanted on CPU devices: one of few numbers. Items that find nothing to do cost them
 * little.
 */
static size_t one_of_few(const size_t global[3], int i, size_t most)
{
    enum { NARROW = 8, WIDE = 32 };
    const bool last = (i > 0 || global[1] <= 1) && (i > 1 || global[2] <= 1);

    if (global[i] <= 1 && (i > 0 || !last))
        return 1;
    return last || global[i] > WIDE ? most : NARROW;
}

/* Powers of two, the first dimension first, up to `most` items. A driver left to choose takes divisors of the
 * global size, down to 1 for a prime, and PoCL compiles a kernel anew for each local size it meets (0.1 s to
 * 1 s). */
static void choose_local(const size_t global[3], size_t most, bool few, size_t local[3])
{
    size_t items = 1;

    for (int i = 0; i < 3; i++) {
        const size_t wanted = few ? one_of_few(global, i, most) : global[i];
        for (local[i] = 1; local[i] < wanted && 2 * items <= most; items *= 2)
            local[i] *= 2;
    }
}

static bool has_buffer(const struct ss_arg *a)
{
    return (a->kind == SS_ARG_SPAN || a->kind == SS_ARG_BUFFER) && a->span.buffer;
}

/* A driver may compile a kernel for the local size that it meets first. */
static enum ss_status enqueue(struct ss_kernel *k, const size_t offset[3], const size_t global[3],
                              const size_t local[3])
{
    const bool compiles = memcmp(k->local, local, sizeof(k->local)) != 0;
    struct ss_signals held;

    if (compiles)
        ss_signals_hold_handled(&held);
    const cl_int code =
        clEnqueueNDRangeKernel(k->device->queue, k->kernel, 3, offset, global, local, 0, NULL, NULL);
    if (compiles)
        ss_signals_release(&held);
    memcpy(k->local, local, sizeof(k->local));
    return code == CL_SUCCESS ? SS_OK : ss_cl_fail(k->device, "clEnqueueNDRangeKernel", code, k->name);
}

/* NVIDIA's GPUs take 65535 groups along the second dimension and the third, which no query tells: the rest
 * begin at an offset, which kernels find in their global ids. PoCL would compile a kernel anew for one. */
static enum ss_status enqueue_all(struct ss_kernel *k, const size_t global[3], const size_t local[3])
{
    enum { MOST_GROUPS = 65535 };
    const bool whole = ss_device_is_cpu(k->device);
    const size_t most[3] = {global[0], whole ? global[1] : MOST_GROUPS * local[1],
                            whole ? global[2] : MOST_GROUPS * local[2]};
    size_t at[3] = {0};
    enum ss_status st = SS_OK;

    for (at[2] = 0; at[2] < global[2]; at[2] += most[2])
        for (at[1] = 0; at[1] < global[1]; at[1] += most[1]) {
            const size_t part[3] = {global[0], ss_smaller(most[1], global[1] - at[1]),
                                    ss_smaller(most[2], global[2] - at[2])};
            TRY(enqueue(k, at, part, local));
        }
out:
    return st;
}

enum ss_status ss_launch(struct ss_kernel *k, struct ss_range range, const struct ss_arg *args, size_t n_args)
{
    enum { CPU_ITEMS = 64, GPU_ITEMS = 256 };
    const struct ss_device *const d = k->device;
    const size_t items = ss_device_is_cpu(d) ? CPU_ITEMS : GPU_ITEMS, limit = k->most_items;
    size_t local[3];
    enum ss_status st = SS_OK;

    if (!range.global[0] || d->gemm.heard)
        return SS_OK; /* nothing to do, or to be done now */
    for (int i = 0; i < 3; i++) {
        range.global[i] = range.global[i] ? range.global[i] : 1;
        local[i] = range.local[i] ? range.local[i] : 1;
    }
    if (!range.local[0])
        choose_local(range.global, items < limit ? items : limit, d->info.type == SS_DEVICE_CPU, local);
    for (int i = 0; i < 3; i++)
        range.global[i] = ss_round_up(range.global[i], local[i]);
    TRY(set_arguments(k, args, n_args));
    for (size_t i = 0; i < n_args; i++)
        if (has_buffer(&args[i]))
            TRY(ss_buffer_before_use(args[i].span.buffer));
    TRY(enqueue_all(k, range.global, local));
    for (size_t i = 0; i < n_args; i++)
        if (has_buffer(&args[i]))
            TRY(ss_buffer_after_use(args[i].span.buffer));
out:
    return st;
}
