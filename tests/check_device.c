#define _GNU_SOURCE /* sets of cores */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/signals.h"
#include "device/embedded.h"
#include "device/gemm.h"
#include "device/opencl.h"
#include "device/quirks.h"
#include "device/selftest.h"
#include "device/threads.h"
#include "support/device.h"

static struct ss_device *device;
static struct ss_text said; /* by the code under test, while caught */

static void open_device(void)
{
    ss_text_init(&said);
    ok(ss_device_open(getenv("SLICESCORE_DEVICE"), &device));
    device->info.fma = true; /* folders of the tests' own have no device/no_fma.clh */
}

static void close_device(void)
{
    ss_device_free(device);
    ss_text_release(&said);
}

static void keep_text(void *context, enum ss_level level, const char *text)
{
    (void)context;
    ss_text_addf(&said, "%d %s\n", (int)level, text);
}

static void catch_text(void)
{
    ss_text_clear(&said);
    ss_sink_set(keep_text, NULL);
}

static void said_part(const char *part)
{
    ss_sink_set(NULL, NULL);
    ck_assert_msg(strstr(said.data, part) != NULL, "'%s' is not in: %s", part, said.data);
}

/* ---- kernels ---- */

static struct ss_kernel *sum_kernel(long group)
{
    const struct ss_define define = {"GROUP", group};
    struct ss_kernel *k = NULL;

    ok(ss_device_kernel(device, "device/selftest.cl", "selftest_sum", &define, 1, &k));
    return k;
}

START_TEST(a_program_is_built_once_for_each_set_of_defines)
{
    struct ss_kernel *const first = sum_kernel(8);
    const size_t builds = ss_device_builds(device, NULL);
    double seconds = -1.0;

    ck_assert_ptr_eq(sum_kernel(8), first);
    ck_assert_uint_eq(ss_device_builds(device, &seconds), builds);
    ck_assert(seconds > 0.0);
    ck_assert_ptr_ne(sum_kernel(4), first);
    ck_assert_uint_eq(ss_device_builds(device, NULL), builds + 1);
}
END_TEST

/* ---- signals ---- */

static volatile sig_atomic_t signals_taken;
static atomic_bool enough_signals;

static void take_signal(int number)
{
    (void)number;
    signals_taken++;
}

static void *send_signals(void *context)
{
    (void)context;
    while (!enough_signals) {
        kill(getpid(), SIGTERM);
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
    return NULL;
}

/* LLVM, inside PoCL, would remove the files of a build at a signal and fail it. */
START_TEST(a_signal_fails_no_build_and_comes_to_the_handler_it_had)
{
    enum { BUILDS = 8 };
    struct sigaction mine = {.sa_handler = take_signal, .sa_flags = SA_RESTART}, before, after;
    struct ss_signals held;
    pthread_t sender;

    sigemptyset(&mine.sa_mask);
    sigaction(SIGTERM, &mine, &before);
    enough_signals = false;
    signals_taken = 0;
    ss_signals_hold(&held); /* else it takes them itself */
    ck_assert_int_eq(pthread_create(&sender, NULL, send_signals, NULL), 0);
    ss_signals_release(&held);
    for (long i = 0; i < BUILDS; i++)
        sum_kernel(100 + i);
    enough_signals = true;
    pthread_join(sender, NULL);
    sigaction(SIGTERM, &before, &after);
    ck_assert(after.sa_handler == take_signal);
    ck_assert_int_gt(signals_taken, 0);
}
END_TEST

START_TEST(what_is_not_there_is_an_error_that_names_it)
{
    struct ss_kernel *k = NULL;

    catch_text();
    ck_assert_int_eq(ss_device_kernel(device, "device/none.cl", "x", NULL, 0, &k), SS_ERR_INTERNAL);
    said_part("device/none.cl");
    catch_text();
    ck_assert_int_eq(ss_device_kernel(device, "device/selftest.cl", "none", NULL, 0, &k), SS_ERR_DEVICE);
    said_part("clCreateKernel: CL_INVALID_KERNEL_NAME (-46), none on ");
    ck_assert_ptr_null(k);
}
END_TEST

START_TEST(a_launch_with_the_wrong_number_of_arguments_is_refused)
{
    struct ss_kernel *const k = sum_kernel(8);
    const struct ss_arg args[] = {ss_arg_u32(1), ss_arg_buffer(NULL)};

    catch_text();
    ck_assert_int_eq(ss_launch(k, (struct ss_range){.global = {8}, .local = {8}}, args, 2), SS_ERR_INTERNAL);
    said_part("selftest_sum takes 4 arguments, 2 given");
}
END_TEST

START_TEST(a_failed_launch_names_call_code_kernel_and_device)
{
    struct ss_kernel *const k = sum_kernel(8);
    struct ss_buffer *b = NULL;

    ok(ss_buffer_create(device, 64, &b));
    const struct ss_arg args[] = {ss_arg_u32(0), ss_arg_buffer(b), ss_arg_buffer(b), ss_arg_buffer(b)};
    catch_text();
    ck_assert_int_eq(ss_launch(k, (struct ss_range){.global = {1u << 20}, .local = {1u << 20}}, args, 4),
                     SS_ERR_DEVICE);
    said_part("clEnqueueNDRangeKernel: CL_INVALID_WORK_");
    said_part("selftest_sum on ");
    said_part(ss_device_info(device)->name);
    ss_buffer_free(b);
}
END_TEST

START_TEST(a_launch_over_nothing_does_nothing)
{
    ok(ss_launch(sum_kernel(8), (struct ss_range){.global = {0}}, NULL, 0));
}
END_TEST

START_TEST(a_structure_of_another_size_than_the_kernels_is_refused)
{
    struct ss_kernel *const k = sum_kernel(8);
    const struct ss_arg args[] = {ss_arg_struct("0123456789ab", 12), ss_arg_buffer(NULL), ss_arg_buffer(NULL),
                                  ss_arg_buffer(NULL)};

    catch_text();
    ck_assert_int_eq(ss_launch(k, (struct ss_range){.global = {8}, .local = {8}}, args, 4), SS_ERR_DEVICE);
    said_part("clSetKernelArg: CL_INVALID_ARG_SIZE");
}
END_TEST

/* Where a driver has a thread on each core but one, the thread that waits works on that one meanwhile. */
START_TEST(a_wait_leaves_this_thread_the_cores_it_had)
{
    const bool works = ss_quirk_of(ss_device_info(device))->flags & SS_QUIRK_WAITER_WORKS;
    const uint32_t n = 1 << 16;
    struct ss_buffer *b = NULL;
    cpu_set_t before, after;
    float x;

    ck_assert_int_eq(sched_getaffinity(0, sizeof(before), &before), 0);
    ok(ss_buffer_create(device, n * sizeof(float), &b));
    for (int i = 0; i < 3; i++) {
        ok(ss_span_zero(ss_span_of(b), n));
        ok(ss_launch(
            sum_kernel(8), (struct ss_range){.global = {n}, .local = {8}},
            (const struct ss_arg[]){ss_arg_u32(0), ss_arg_buffer(b), ss_arg_buffer(b), ss_arg_buffer(b)}, 4));
        ok(ss_device_finish(device));
        ok(ss_span_read(ss_span_of(b), &x, 1));
    }
    ck_assert_int_eq(sched_getaffinity(0, sizeof(after), &after), 0);
    ck_assert(CPU_EQUAL(&before, &after));
    ck_assert_int_eq(device->waiter_core,
                     works ? ss_threads_left_core() : -1); /* not all runs bind threads */
    ss_buffer_free(b);
}
END_TEST

static void write_kernel(const char *folder, const char *name, const char *text)
{
    char *path = NULL;

    ok(ss_path_join(folder, name, &path));
    ok(ss_file_write(path, text, strlen(text)));
    free(path);
}

static void remove_file(const char *folder, const char *name)
{
    char *path = NULL;

    ok(ss_path_join(folder, name, &path));
    unlink(path);
    free(path);
}

/* Each item writes how many groups its launch had. */
START_TEST(more_groups_than_gpus_take_are_launched_in_parts)
{
    enum { N = 2 * 65535 + 3, MOST = 65535 };
    char folder[] = "/tmp/ss-check-device-XXXXXX";
    struct ss_kernel *k = NULL;
    struct ss_device *d = NULL;
    struct ss_buffer *b = NULL;
    float *groups = NULL;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    setenv("SLICESCORE_CL_DIR", folder, 1);
    write_kernel(folder, "groups.cl",
                 "kernel void groups(global float *x, const uint along)\n"
                 "{\n    x[get_global_id(along)] += (float)get_num_groups(along);\n}\n");
    ok(ss_device_open(getenv("SLICESCORE_DEVICE"), &d));
    ss_device_take_gpu_kernels(d, true);
    ok(ss_device_kernel(d, "groups.cl", "groups", NULL, 0, &k));
    ok(ss_buffer_create(d, N * sizeof(float), &b));
    ok(ss_allocate(N, &groups));
    for (uint32_t along = 1; along < (test_small() ? 2 : 3); along++) {
        const size_t n[3] = {1, along == 1 ? N : 1, along == 2 ? N : 1};
        const struct ss_arg args[] = {ss_arg_buffer(b), ss_arg_u32(along)};
        ok(ss_span_zero(ss_span_of(b), N));
        ok(ss_launch(k, (struct ss_range){{n[0], n[1], n[2]}, {1, 1, 1}}, args, SS_COUNT(args)));
        ok(ss_span_read(ss_span_of(b), groups, N));
        for (size_t i = 0; i < N; i++)
            ck_assert_msg(groups[i] == (i < 2 * MOST ? MOST : N - 2 * MOST), "item %zu along %u: %g", i,
                          along, (double)groups[i]);
    }
    free(groups);
    ss_buffer_free(b);
    ss_device_free(d);
    unsetenv("SLICESCORE_CL_DIR");
    remove_file(folder, "groups.cl");
    rmdir(folder);
}
END_TEST

START_TEST(a_failed_build_shows_log_and_numbered_lines_of_the_folder_in_the_environment)
{
    char folder[] = "/tmp/ss-check-device-XXXXXX";
    struct ss_kernel *k = NULL;
    struct ss_device *d = NULL;
    float x = 0.0f;
    struct ss_buffer *b = NULL;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    setenv("SLICESCORE_CL_DIR", folder, 1);
    write_kernel(folder, "one.clh", "#define ONE 1.0f\n");
    write_kernel(folder, "good.cl",
                 "#include \"one.clh\"\nkernel void f(global float *x)\n{\n    *x = ONE;\n}\n");
    write_kernel(folder, "bad.cl",
                 "/* far */\n\n\n\n\nkernel void f(global float *x)\n{\n    *x = nonsense;\n}\n");
    write_kernel(folder, "loop.cl", "#include \"loop.cl\"\n");
    ok(ss_device_open(getenv("SLICESCORE_DEVICE"), &d));
    ok(ss_device_kernel(d, "good.cl", "f", NULL, 0, &k));
    ok(ss_buffer_create(d, sizeof(x), &b));
    const struct ss_arg arg = ss_arg_buffer(b);
    ok(ss_launch(k, (struct ss_range){.global = {1}}, &arg, 1));
    ok(ss_span_read(ss_span_of(b), &x, 1));
    ck_assert(x == 1.0f);
    catch_text();
    ck_assert_int_eq(ss_device_kernel(d, "bad.cl", "f", NULL, 0, &k), SS_ERR_BUILD);
    said_part("   8      *x = nonsense;");
    ck_assert_ptr_null(strstr(said.data, "/* far */"));
    said_part("CL_BUILD_PROGRAM_FAILURE");
    catch_text();
    ck_assert_int_eq(ss_device_kernel(d, "loop.cl", "f", NULL, 0, &k), SS_ERR_INTERNAL);
    said_part("too deep");
    catch_text();
    ck_assert_int_eq(ss_device_kernel(d, "none.cl", "f", NULL, 0, &k), SS_ERR_FILE);
    said_part("none.cl");
    unsetenv("SLICESCORE_CL_DIR");
    ss_buffer_free(b);
    ss_device_free(d);
    static const char *const names[] = {"one.clh", "good.cl", "bad.cl", "loop.cl"};
    for (size_t i = 0; i < SS_COUNT(names); i++)
        remove_file(folder, names[i]);
    rmdir(folder);
}
END_TEST

/* Drivers' compilers warn people of what they cannot change: PoCL's on stderr, at every first build.
 * Oclgrind's cannot be told not to. */
START_TEST(a_build_shows_no_warning_of_the_compiler)
{
    char folder[] = "/tmp/ss-check-device-XXXXXX", text[256], *path = NULL, *said_aside = NULL;
    struct ss_kernel *k = NULL;
    struct ss_device *d = NULL;
    size_t size = 0;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    setenv("SLICESCORE_CL_DIR", folder, 1);
    /* the folder's name makes it another source each time: no driver has it compiled already */
    snprintf(text, sizeof(text), "#warning %s\nkernel void f(global float *x)\n{\n    *x = 1.0f;\n}\n",
             folder);
    write_kernel(folder, "warns.cl", text);
    ok(ss_device_open(getenv("SLICESCORE_DEVICE"), &d));
    ok(ss_path_join(folder, "stderr", &path));

    const int kept = dup(STDERR_FILENO), aside = open(path, O_CREAT | O_WRONLY, 0600);
    ck_assert(kept >= 0 && aside >= 0 && dup2(aside, STDERR_FILENO) >= 0);
    const enum ss_status st = ss_device_kernel(d, "warns.cl", "f", NULL, 0, &k);
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(aside);

    unsetenv("SLICESCORE_CL_DIR");
    ok(st);
    ok(ss_file_read(path, 1 << 16, &said_aside, &size));
    if (!ss_device_info(d)->unfinished)
        ck_assert_str_eq(said_aside, "");
    ss_device_free(d);
    free(said_aside);
    unlink(path);
    free(path);
    remove_file(folder, "warns.cl");
    rmdir(folder);
}
END_TEST

/* ---- binaries kept ---- */

static size_t files_in(const char *folder, char *first, size_t size)
{
    DIR *const d = opendir(folder);
    size_t n = 0;

    if (!d)
        return 0;
    for (struct dirent *e; (e = readdir(d));)
        if (strstr(e->d_name, ".bin")) {
            n++;
            snprintf(first, size, "%s/%s", folder, e->d_name);
        }
    closedir(d);
    return n;
}

static void build_and_run(void)
{
    const struct ss_define define = {"GROUP", 16};
    struct ss_device *d = NULL;
    struct ss_kernel *k = NULL;

    ok(ss_device_open(getenv("SLICESCORE_DEVICE"), &d));
    ok(ss_device_kernel(d, "device/selftest.cl", "selftest_sum", &define, 1, &k));
    ss_device_free(d);
}

static void damage(const char *path, long at)
{
    FILE *const f = fopen(path, "r+b");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fseek(f, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    const int c = fgetc(f);
    ck_assert_int_eq(fseek(f, -1, SEEK_CUR), 0);
    ck_assert_int_ne(fputc(c ^ 1, f), EOF);
    ck_assert_int_eq(fclose(f), 0);
}

/* An entry: magic (8 bytes), key (16), size (8) and check (8) of the binary that follows. */
static bool is_sound(const char *data, size_t size)
{
    uint64_t told[2];

    memcpy(told, data + 24, sizeof(told));
    return size > 40 && told[0] == size - 40 && told[1] == XXH3_64bits(data + 40, size - 40);
}

/* Each kind of damage must lead to a fresh entry, not to an error and not to the damaged binary. */
START_TEST(binaries_are_kept_only_where_the_driver_keeps_none_and_a_bad_one_is_a_miss)
{
    char root[] = "/tmp/ss-check-cache-XXXXXX", folder[128], path[512] = "";
    const bool keeps = ss_quirk_of(ss_device_info(device))->flags & SS_QUIRK_KEEP_BINARIES;
    char *data = NULL, *old = getenv("XDG_CACHE_HOME") ? strdup(getenv("XDG_CACHE_HOME")) : NULL;
    size_t size;
    struct stat s;

    ck_assert_ptr_nonnull(mkdtemp(root));
    setenv("XDG_CACHE_HOME", root, 1);
    snprintf(folder, sizeof(folder), "%s/slicescore/kernels", root);
    build_and_run();
    ck_assert_uint_eq(files_in(folder, path, sizeof(path)), keeps);
    if (keeps) {
        ck_assert(stat(folder, &s) == 0 && (s.st_mode & 0777) == 0700);
        ok(ss_file_read(path, 1u << 26, &data, &size));
        ck_assert(is_sound(data, size));
        static const long places[] = {0, 9, 26, 34, -1};
        for (size_t i = 0; i < SS_COUNT(places) + 1; i++) {
            free(data);
            if (i < SS_COUNT(places))
                damage(path, places[i]);
            else
                ck_assert_int_eq(truncate(path, (off_t)size / 2), 0);
            build_and_run();
            ok(ss_file_read(path, 1u << 26, &data, &size));
            ck_assert_msg(is_sound(data, size), "damage %zu", i);
        }
        ck_assert(unlink(path) == 0 && mkfifo(path, 0600) == 0); /* nobody waits for one who writes */
        build_and_run();
        ck_assert(lstat(path, &s) == 0 && S_ISREG(s.st_mode));
        ck_assert_int_eq(chmod(folder, 0777), 0); /* others could write: not to be trusted */
        unlink(path);
        build_and_run();
        ck_assert_uint_eq(files_in(folder, path, sizeof(path)), 0);
        free(data);
    }
    unlink(path);
    rmdir(folder);
    snprintf(folder, sizeof(folder), "%s/slicescore", root);
    rmdir(folder);
    rmdir(root);
    if (old)
        setenv("XDG_CACHE_HOME", old, 1);
    else
        unsetenv("XDG_CACHE_HOME");
    free(old);
}
END_TEST

/* ---- self-test ---- */

static bool broken_ran, broken_full;

static enum ss_status broken(struct ss_device *d, bool full, struct ss_selftest *t)
{
    bool passed = true;
    enum ss_status st = SS_OK;

    (void)d;
    broken_ran = true;
    broken_full = full;
    TRY(ss_selftest_add(t, "broken", "only", NAN, 1.0, &passed));
    ck_assert(!passed);
    st = SS_FAIL(SS_ERR_SELFTEST, "broken");
out:
    return st;
}

START_TEST(the_device_answers_its_self_test_and_a_family_of_another_room_is_run_with_it)
{
    const struct ss_selftest_family more = {"broken", broken};
    struct ss_selftest t = {0};

    ok(ss_selftest_device(device, !test_small(), NULL, 0, &t));
    ck_assert_uint_ge(t.count, test_small() ? 2 : 3);
    ck_assert_str_eq(t.rows[t.count - 1].family, "matrix product");
    ck_assert_str_eq(t.rows[t.count - 1].plan, ss_gemm_backend(device));
    ck_assert(t.rows[0].passed && t.rows[0].error == 0.0);
    ss_selftest_release(&t);
    catch_text();
    ck_assert_int_eq(ss_selftest_device(device, false, &more, 1, &t), SS_ERR_SELFTEST);
    said_part("broken");
    ck_assert(broken_ran && !broken_full);
    ck_assert(!t.rows[t.count - 1].passed && t.rows[0].passed);
    ss_selftest_release(&t);
}
END_TEST

/* The kernels below `folder`, with a fault in what fast products on CPUs and on GPUs are made of. */
static void write_faulty_kernels(const char *folder)
{
    static const struct {
        const char *file, *right, *wrong;
    } faults[] = {{"device/register_tile.clh", "fma(u, v[j], sum[i][j])", "fma(u, 2.0f * v[j], sum[i][j])"},
                  {"device/tiles.clh", "fma((float4)(x[i]), y[j]", "fma((float4)(x[i]), 2.0f * y[j]"}};
    size_t n_faults = 0;

    for (const struct ss_embedded *e = ss_embedded; e->name; e++) {
        const char *rest = e->text;
        char *path = NULL, *where = NULL;
        struct ss_text t;
        ss_text_init(&t);
        for (size_t i = 0; i < SS_COUNT(faults); i++) {
            const char *const at =
                strcmp(e->name, faults[i].file) == 0 ? strstr(rest, faults[i].right) : NULL;
            if (!at)
                continue;
            ss_text_add_bytes(&t, rest, (size_t)(at - rest));
            ss_text_add(&t, faults[i].wrong);
            rest = at + strlen(faults[i].right);
            n_faults++;
        }
        ss_text_add(&t, rest);
        ok(ss_path_join(folder, e->name, &path));
        ok(ss_path_folder(path, &where));
        ok(ss_folder_create(where));
        ok(ss_file_write(path, t.data, t.length));
        free(path);
        free(where);
        ss_text_release(&t);
    }
    ck_assert_uint_eq(n_faults, SS_COUNT(faults));
}

/* A driver that computes wrong, played by kernels that do: only the plain product is left right. */
START_TEST(a_product_that_comes_out_wrong_is_set_aside_for_a_simpler_one)
{
    char folder[] = "/tmp/ss-check-device-XXXXXX", command[64], wrong[96];
    struct ss_selftest t = {0};
    struct ss_device *d = NULL;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    write_faulty_kernels(folder);
    setenv("SLICESCORE_CL_DIR", folder, 1);
    ok(ss_device_open(getenv("SLICESCORE_DEVICE"), &d));
    ss_gemm_choose(d, SS_GEMM_OWN);
    const bool has_simpler = strcmp(ss_gemm_backend(d), "own") == 0;
    snprintf(wrong, sizeof(wrong), "computes the matrix product '%s' wrong",
             has_simpler ? "own-simple" : ss_gemm_backend(d));
    catch_text();
    const enum ss_status st = ss_selftest_device(d, false, NULL, 0, &t);
    said_part(wrong);
    said_part("set aside for 'plain'");
    ok(st);
    ck_assert_uint_eq(t.count, has_simpler ? 4 : 3); /* random numbers, then each backend tried */
    ck_assert(!t.rows[1].passed && t.rows[1].error > 0.0 && t.rows[t.count - 1].passed);
    ck_assert_str_eq(ss_gemm_backend(d), "plain");
    ss_selftest_release(&t);
    ss_device_free(d);
    unsetenv("SLICESCORE_CL_DIR");
    snprintf(command, sizeof(command), "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(setting_aside_ends_with_plain)
{
    struct ss_device *d = NULL;

    ok(ss_device_open(getenv("SLICESCORE_DEVICE"), &d));
    ss_gemm_choose(d, SS_GEMM_CLBLAST);
    ck_assert_str_eq(ss_gemm_backend(d), "clblast");
    ck_assert(ss_gemm_set_aside(d));
    ck_assert_str_eq(ss_gemm_backend(d), "plain");
    ck_assert(!ss_gemm_set_aside(d));
    ss_gemm_choose(d, SS_GEMM_OWN);
    ck_assert_str_eq(ss_gemm_backend(d), "plain");
    ss_device_free(d);
    ss_device_free(NULL);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("device");
    TCase *const c = tcase_create("device");

    tcase_set_timeout(c, 300);
    tcase_add_unchecked_fixture(c, open_device, close_device);
    tcase_add_test(c, a_signal_fails_no_build_and_comes_to_the_handler_it_had); /* the first build */
    tcase_add_test(c, a_program_is_built_once_for_each_set_of_defines);
    tcase_add_test(c, what_is_not_there_is_an_error_that_names_it);
    tcase_add_test(c, a_launch_with_the_wrong_number_of_arguments_is_refused);
    tcase_add_test(c, a_failed_launch_names_call_code_kernel_and_device);
    tcase_add_test(c, a_launch_over_nothing_does_nothing);
    tcase_add_test(c, a_structure_of_another_size_than_the_kernels_is_refused);
    tcase_add_test(c, a_wait_leaves_this_thread_the_cores_it_had);
    tcase_add_test(c, more_groups_than_gpus_take_are_launched_in_parts);
    tcase_add_test(c, a_failed_build_shows_log_and_numbered_lines_of_the_folder_in_the_environment);
    tcase_add_test(c, a_build_shows_no_warning_of_the_compiler);
    tcase_add_test(c, binaries_are_kept_only_where_the_driver_keeps_none_and_a_bad_one_is_a_miss);
    tcase_add_test(c, the_device_answers_its_self_test_and_a_family_of_another_room_is_run_with_it);
    tcase_add_test(c, a_product_that_comes_out_wrong_is_set_aside_for_a_simpler_one);
    tcase_add_test(c, setting_aside_ends_with_plain);
    suite_add_tcase(s, c);
    return run_device_suite(s);
}
