/* Ranking and choice on lists made by hand; the drivers of this machine only in children of their own. */
#define _GNU_SOURCE /* sets of cores */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device/device.h"
#include "device/opencl.h"
#include "device/quirks.h"
#include "device/threads.h"

static char said[4096];

static void keep_text(void *context, enum ss_level level, const char *text)
{
    (void)context;
    (void)level;
    snprintf(said, sizeof(said), "%s", text);
}

static void setup(void)
{
    said[0] = '\0';
    ss_sink_set(keep_text, NULL);
}

static struct ss_device_info make(size_t platform, size_t index, const char *platform_name, const char *name,
                                  enum ss_device_type type)
{
    struct ss_device_info d = {
        .platform = platform, .index = index, .type = type, .compute_units = 8, .clock_mhz = 1000};

    snprintf(d.platform_name, sizeof(d.platform_name), "%s", platform_name);
    snprintf(d.name, sizeof(d.name), "%s", name);
    d.unfinished = (ss_quirk_of(&d)->flags & SS_QUIRK_UNFINISHED) != 0;
    return d;
}

static struct ss_device_list rank(struct ss_device_info *items, size_t n)
{
    struct ss_device_list list = {.items = items, .count = n};

    ss_device_list_rank(&list);
    return list;
}

static void finds(const struct ss_device_list *list, const char *choice, size_t want)
{
    size_t index = 99;

    ck_assert_msg(ss_device_list_find(list, choice, &index) == SS_OK, "%s: %s", choice ? choice : "NULL",
                  said);
    ck_assert_msg(index == want, "%s gives %zu, not %zu", choice ? choice : "NULL", index, want);
}

static void refuses(const struct ss_device_list *list, const char *choice, const char *part)
{
    size_t index = 99;

    ck_assert_msg(ss_device_list_find(list, choice, &index) == SS_ERR_NO_DEVICE, "%s gives %zu", choice,
                  index);
    ck_assert_uint_eq(index, 99);
    ck_assert_msg(strstr(said, part) != NULL, "'%s' is not in: %s", part, said);
}

/* ---- ranking ---- */

START_TEST(a_discrete_gpu_comes_before_an_integrated_one_an_accelerator_and_a_cpu)
{
    struct ss_device_info items[] = {
        make(0, 0, "Portable Computing Language", "pthread-x", SS_DEVICE_CPU),
        make(1, 0, "Maker", "board", SS_DEVICE_ACCELERATOR),
        make(2, 0, "Intel(R) OpenCL Graphics", "Iris", SS_DEVICE_GPU_INTEGRATED),
        make(3, 0, "NVIDIA CUDA", "H200", SS_DEVICE_GPU_DISCRETE),
    };

    for (size_t n = SS_COUNT(items); n > 0; n--) {
        const struct ss_device_list list = rank(items, n);
        ck_assert_uint_eq(list.chosen, n - 1);
        ck_assert_msg(strstr(list.reason, ss_device_type_name(items[n - 1].type)) != NULL, "%s", list.reason);
    }
    ck_assert_msg(strstr(rank(items, 1).reason, "the only device") != NULL, "%s", rank(items, 1).reason);
}
END_TEST

START_TEST(an_unfinished_driver_comes_last_even_for_a_gpu)
{
    struct ss_device_info items[] = {
        make(0, 0, "rusticl", "AMD Radeon", SS_DEVICE_GPU_DISCRETE),
        make(1, 0, "Clover", "AMD Radeon", SS_DEVICE_GPU_DISCRETE),
        make(2, 0, "rusticl", "llvmpipe (LLVM 15)", SS_DEVICE_CPU),
        make(3, 0, "Oclgrind", "Oclgrind Simulator", SS_DEVICE_CPU),
        make(4, 0, "Portable Computing Language", "pthread-x", SS_DEVICE_CPU),
    };
    const struct ss_device_list list = rank(items, 5), without = rank(items, 4);

    ck_assert_uint_eq(list.chosen, 4);
    ck_assert_msg(strstr(list.reason, "unfinished") != NULL, "%s", list.reason);
    ck_assert_uint_eq(without.chosen, 0);
}
END_TEST

START_TEST(of_two_cpu_drivers_the_one_that_measured_faster_is_taken)
{
    struct ss_device_info items[] = {
        make(0, 0, "Portable Computing Language", "pthread-x", SS_DEVICE_CPU),
        make(1, 0, "Intel(R) OpenCL", "Intel(R) Xeon(R)", SS_DEVICE_CPU),
    };
    const struct ss_device_list list = rank(items, 2);

    ck_assert_uint_eq(list.chosen, 1);
    ck_assert_msg(strstr(list.reason, "measured faster") != NULL, "%s", list.reason);
    /* its GPU driver has no such entry */
    items[1] = make(1, 0, "Intel(R) OpenCL Graphics", "Arc", SS_DEVICE_GPU_DISCRETE);
    ck_assert_int_eq(ss_quirk_of(&items[1])->preference, 0);
    ck_assert_uint_eq(ss_quirk_of(&items[1])->flags, 0);
}
END_TEST

START_TEST(of_two_gpus_of_one_platform_the_larger_and_of_equals_the_first_is_taken)
{
    struct ss_device_info items[] = {
        make(0, 0, "NVIDIA CUDA", "small", SS_DEVICE_GPU_DISCRETE),
        make(0, 1, "NVIDIA CUDA", "large", SS_DEVICE_GPU_DISCRETE),
        make(0, 2, "NVIDIA CUDA", "large", SS_DEVICE_GPU_DISCRETE),
    };

    items[0].compute_units = 4;
    const struct ss_device_list list = rank(items, 3), two = rank(items, 2);
    ck_assert_uint_eq(list.chosen, 1);
    ck_assert_msg(strstr(list.reason, "first of equals") != NULL, "%s", list.reason);
    ck_assert_msg(strstr(two.reason, "compute units") != NULL, "%s", two.reason);
}
END_TEST

START_TEST(quirks_match_whatever_the_case)
{
    ck_assert(ss_quirk_contains("Portable Computing", "COMPUTING"));
    ck_assert(ss_quirk_contains("x", ""));
    ck_assert(!ss_quirk_contains("x", "xy"));
    ck_assert(!ss_quirk_contains("", "x"));
}
END_TEST

/* ---- choice ---- */

static struct ss_device_list *mixed(void)
{
    static struct ss_device_info items[5];
    static struct ss_device_list list;

    items[0] = make(0, 0, "rusticl", "llvmpipe", SS_DEVICE_CPU);
    items[1] = make(1, 0, "Portable Computing Language", "pthread-Intel(R) Xeon(R)", SS_DEVICE_CPU);
    items[2] = make(2, 0, "NVIDIA CUDA", "NVIDIA H200", SS_DEVICE_GPU_DISCRETE);
    items[3] = make(2, 1, "NVIDIA CUDA", "NVIDIA T400", SS_DEVICE_GPU_DISCRETE);
    items[4] = make(12, 0, "Intel(R) OpenCL", "Intel(R) Xeon(R)", SS_DEVICE_CPU);
    snprintf(items[1].version, sizeof(items[1].version), "OpenCL 3.0 PoCL HSTR: pthread");
    snprintf(items[4].vendor, sizeof(items[4].vendor), "Intel(R) Corporation");
    list = rank(items, 5);
    return &list;
}

START_TEST(a_device_is_found_by_kind_number_or_part_of_a_name)
{
    const struct ss_device_list *const list = mixed();

    finds(list, NULL, 2);
    finds(list, "", 2);
    finds(list, "auto", 2);
    finds(list, "GPU", 2);
    finds(list, "cpu", 4); /* the best of its kind */
    finds(list, "2:1", 3);
    finds(list, "12:0", 4);
    finds(list, "t400", 3);
    finds(list, "h200", 2);
    finds(list, "pocl", 1); /* in its version alone */
    finds(list, "portable", 1);
    finds(list, "corporation", 4);
    finds(list, "LLVMPIPE", 0);
}
END_TEST

START_TEST(an_ambiguous_or_absent_device_is_an_error_that_lists_what_there_is)
{
    const struct ss_device_list *const list = mixed();

    refuses(list, "nvidia", "device 'nvidia' fits 2 devices");
    ck_assert_msg(strstr(said, "\n  2:0  NVIDIA H200, discrete GPU, on NVIDIA CUDA  (default)") != NULL, "%s",
                  said);
    ck_assert_msg(strstr(said, "\n  12:0  Intel(R) Xeon(R), CPU, on Intel(R) OpenCL") != NULL, "%s", said);
    refuses(list, "xeon", "fits 2 devices");
    refuses(list, "radeon", "device 'radeon' fits none of the 5 here");
    refuses(list, "accelerator", "fits none");
    refuses(list, "2:2", "fits none");
    refuses(list, "0:", "fits none");
    refuses(list, ":0", "fits none");
    refuses(list, "0:0x", "fits none");
    refuses(list, "-1:0", "fits none");
    refuses(list, "99999999999999999999999:0", "fits none");
    refuses(list, "gpu ", "fits none");
}
END_TEST

START_TEST(without_a_driver_the_message_names_the_package_of_each_vendor)
{
    struct ss_device_list list = {0};
    static const char *const packages[] = {"pocl-opencl-icd", "nvidia-opencl-icd", "intel-opencl-icd",
                                           "rocm-opencl-icd", "mesa-opencl-icd"};

    unsetenv("OCL_ICD_VENDORS");
    for (size_t i = 0; i < SS_COUNT(packages); i++)
        refuses(&list, NULL, packages[i]);
    ck_assert_msg(strstr(said, "no driver is installed") != NULL, "%s", said);
    ck_assert_msg(strstr(said, "OCL_ICD_VENDORS") == NULL, "%s", said);
    setenv("OCL_ICD_VENDORS", "/nowhere", 1);
    refuses(&list, "gpu", "OCL_ICD_VENDORS is set to '/nowhere'");
    list.n_empty = 1;
    snprintf(list.empty, sizeof(list.empty), "Clover");
    refuses(&list, "gpu", "the drivers installed (Clover) find none here");
}
END_TEST

/* ---- the drivers of this machine: OpenCL is first touched in the child that Check forked ---- */

START_TEST(no_platform_at_all_is_an_empty_list)
{
    char folder[] = "/tmp/ss-check-discovery-XXXXXX";
    struct ss_device_list list = {.count = 7};
    struct ss_device *d = NULL;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    setenv("OCL_ICD_VENDORS", folder, 1);
    ck_assert_int_eq(ss_device_list_make(&list), SS_OK);
    rmdir(folder);
    if (list.count && strcmp(list.items[0].platform_name, "Oclgrind") == 0) {
        printf("skipped: no platform at all (the simulator is always there)\n");
        ss_device_list_release(&list);
        return;
    }
    ck_assert_uint_eq(list.count, 0);
    ck_assert_uint_eq(list.n_empty, 0);
    ck_assert_int_eq(ss_device_open(NULL, &d), SS_ERR_NO_DEVICE);
    ck_assert_ptr_null(d);
    ck_assert_msg(strstr(said, "pocl-opencl-icd") != NULL, "%s", said);
    ss_device_list_release(&list);
}
END_TEST

START_TEST(a_platform_without_devices_is_passed_over_and_named)
{
    static const char icd[] = "/etc/OpenCL/vendors/mesa.icd";
    char folder[] = "/tmp/ss-check-discovery-XXXXXX", link[64];
    struct ss_device_list list = {0};

    if (access(icd, R_OK) != 0) {
        printf("skipped: a platform without devices (%s is not there)\n", icd);
        return;
    }
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(link, sizeof(link), "%s/mesa.icd", folder);
    ck_assert_int_eq(symlink(icd, link), 0);
    setenv("OCL_ICD_VENDORS", folder, 1);
    ck_assert_int_eq(ss_device_list_make(&list), SS_OK);
    unlink(link);
    rmdir(folder);
    if (!list.count) {
        ck_assert_uint_eq(list.n_empty, 1);
        ck_assert_str_eq(list.empty, "Clover");
    }
    ss_device_list_release(&list);
}
END_TEST

START_TEST(what_drivers_tell_is_complete_and_leads_back_to_them)
{
    struct ss_device_list list = {0};

    ck_assert_int_eq(ss_device_list_make(&list), SS_OK);
    ck_assert_uint_gt(list.count, 0);
    ck_assert_uint_lt(list.chosen, list.count);
    ck_assert_uint_gt(strlen(list.reason), 0);
    for (size_t i = 0; i < list.count; i++) {
        const struct ss_device_info *const d = &list.items[i];
        char address[64];
        cl_platform_id platform = NULL;
        cl_device_id id = NULL;
        ck_assert(d->name[0] && d->platform_name[0] && d->version[0]);
        ck_assert(d->memory && d->max_allocation && d->max_allocation <= d->memory);
        ck_assert(d->compute_units && d->max_work_group && d->native_float_width);
        snprintf(address, sizeof(address), "%zu:%zu", d->platform, d->index);
        finds(&list, address, i);
        ck_assert_int_eq(ss_device_ids(d, &platform, &id), SS_OK);
        ck_assert(platform && id);
    }
    struct ss_device_info gone = list.items[0];
    cl_platform_id platform = NULL;
    cl_device_id id = NULL;
    gone.index = 1000;
    ck_assert_int_eq(ss_device_ids(&gone, &platform, &id), SS_ERR_NO_DEVICE);
    gone.platform = 1000;
    ck_assert_int_eq(ss_device_ids(&gone, &platform, &id), SS_ERR_NO_DEVICE);
    ss_device_list_release(&list);
}
END_TEST

/* ---- threads of a driver ---- */

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void *wait_for_the_end(void *unused)
{
    pthread_mutex_lock(&held);
    pthread_mutex_unlock(&held);
    return unused;
}

/* How many threads beyond the first have just one core, no two the same; -1: two do. */
static int on_cores_of_their_own(void)
{
    struct ss_threads now;
    cpu_set_t all, one, common;
    int n = 0;

    CPU_ZERO(&all);
    ss_threads_list(&now);
    ck_assert_uint_gt(now.n, 0);
    for (size_t i = 1; i < now.n; i++) {
        ck_assert_int_eq(sched_getaffinity(now.ids[i], sizeof(one), &one), 0);
        if (CPU_COUNT(&one) != 1)
            continue;
        CPU_AND(&common, &all, &one);
        if (CPU_COUNT(&common))
            return -1;
        CPU_OR(&all, &all, &one);
        n++;
    }
    return n;
}

/* Cores for threads that wait until `held` is free; 0: too few for these tests. */
static int several_cores(cpu_set_t *cores, struct ss_threads *before)
{
    ck_assert_int_eq(sched_getaffinity(0, sizeof(*cores), cores), 0);
    if (CPU_COUNT(cores) < 2) {
        puts("skip: threads on cores of their own: there is one core");
        return 0;
    }
    pthread_mutex_lock(&held);
    ss_threads_list(before);
    return CPU_COUNT(cores);
}

START_TEST(as_many_new_threads_as_cores_get_one_each_and_fewer_stay_free)
{
    struct ss_threads before, none = {0};
    cpu_set_t cores;
    pthread_t t;
    const int n = several_cores(&cores, &before);

    if (!n)
        return;
    for (int i = 0; i < n; i++) {
        ss_threads_spread(&before);
        ck_assert_int_eq(on_cores_of_their_own(), 0);
        ck_assert_int_eq(pthread_create(&t, NULL, wait_for_the_end, NULL), 0);
    }
    ss_threads_spread(&none); /* nothing is known of before */
    ck_assert_int_eq(on_cores_of_their_own(), 0);
    ss_threads_spread(&before);
    ck_assert_int_eq(on_cores_of_their_own(), n);
    pthread_mutex_unlock(&held);
}
END_TEST

START_TEST(a_thread_that_waits_takes_the_one_core_that_is_left)
{
    struct ss_threads before;
    cpu_set_t cores, one, now;
    pthread_t t;
    int left = -1;

    if (!several_cores(&cores, &before))
        return;
    ck_assert_uint_eq(before.n, 1);
    for (size_t core = 0; core < CPU_SETSIZE; core++) {
        if (!CPU_ISSET(core, &cores))
            continue;
        if (left < 0) {
            left = (int)core;
            continue;
        }
        ck_assert_int_eq(ss_threads_left_core(), -1); /* several are left */
        ck_assert_int_eq(pthread_create(&t, NULL, wait_for_the_end, NULL), 0);
        CPU_ZERO(&one);
        CPU_SET(core, &one);
        ck_assert_int_eq(pthread_setaffinity_np(t, sizeof(one), &one), 0);
    }
    ck_assert_int_eq(ss_threads_left_core(), left);
    ss_threads_keep(left);
    ck_assert_int_eq(sched_getaffinity(0, sizeof(now), &now), 0);
    ck_assert_int_eq(CPU_COUNT(&now), 1);
    ck_assert(CPU_ISSET((size_t)left, &now));
    ck_assert_int_eq(sched_getcpu(), left);
    ss_threads_let_go();
    ck_assert_int_eq(sched_getaffinity(0, sizeof(now), &now), 0);
    ck_assert(CPU_EQUAL(&now, &cores));
    ck_assert_int_eq(pthread_create(&t, NULL, wait_for_the_end, NULL), 0);
    CPU_ZERO(&one);
    CPU_SET((size_t)left, &one);
    ck_assert_int_eq(pthread_setaffinity_np(t, sizeof(one), &one), 0);
    ck_assert_int_eq(ss_threads_left_core(), -1); /* none is */
    pthread_mutex_unlock(&held);
}
END_TEST

/* In a child of its own each, so that the driver starts anew. */
START_TEST(pocl_has_a_thread_on_each_core_unless_the_user_decides)
{
    struct ss_device_list list = {0};
    struct ss_threads before;
    cpu_set_t cores;

    unsetenv("POCL_AFFINITY");
    unsetenv("POCL_MAX_PTHREAD_COUNT");
    if (_i)
        setenv("POCL_AFFINITY", "0", 1);
    ss_threads_list(&before);
    ck_assert_int_eq(sched_getaffinity(0, sizeof(cores), &cores), 0);
    ck_assert_int_eq(ss_device_list_make(&list), SS_OK);
    if (list.count == 1 && before.n == 1 && CPU_COUNT(&cores) > 1 &&
        strcmp(list.items[0].platform_name, "Portable Computing Language") == 0)
        ck_assert_int_eq(on_cores_of_their_own(), _i ? 0 : CPU_COUNT(&cores));
    ss_device_list_release(&list);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("discovery");
    TCase *const c = tcase_create("discovery");

    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, NULL);
    tcase_add_test(c, a_discrete_gpu_comes_before_an_integrated_one_an_accelerator_and_a_cpu);
    tcase_add_test(c, an_unfinished_driver_comes_last_even_for_a_gpu);
    tcase_add_test(c, of_two_cpu_drivers_the_one_that_measured_faster_is_taken);
    tcase_add_test(c, of_two_gpus_of_one_platform_the_larger_and_of_equals_the_first_is_taken);
    tcase_add_test(c, quirks_match_whatever_the_case);
    tcase_add_test(c, a_device_is_found_by_kind_number_or_part_of_a_name);
    tcase_add_test(c, an_ambiguous_or_absent_device_is_an_error_that_lists_what_there_is);
    tcase_add_test(c, without_a_driver_the_message_names_the_package_of_each_vendor);
    tcase_add_test(c, no_platform_at_all_is_an_empty_list);
    tcase_add_test(c, a_platform_without_devices_is_passed_over_and_named);
    tcase_add_test(c, what_drivers_tell_is_complete_and_leads_back_to_them);
    tcase_add_test(c, as_many_new_threads_as_cores_get_one_each_and_fewer_stay_free);
    tcase_add_test(c, a_thread_that_waits_takes_the_one_core_that_is_left);
    tcase_add_loop_test(c, pocl_has_a_thread_on_each_core_unless_the_user_decides, 0, 2);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
