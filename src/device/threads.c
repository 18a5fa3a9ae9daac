/* threads.c - Linux alone says what threads there are; elsewhere none are known and nothing is done. */
#define _GNU_SOURCE /* sets of cores */

#include "device/threads.h"

#include <dirent.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

static int by_size(const void *a, const void *b)
{
    const pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

    return x < y ? -1 : x > y;
}

void ss_threads_list(struct ss_threads *out)
{
    DIR *const tasks = opendir("/proc/self/task");

    out->n = 0;
    for (const struct dirent *e; tasks && (e = readdir(tasks));) {
        const long id = strtol(e->d_name, NULL, 10); /* 0: . and .. */
        if (id > 0 && out->n == SS_MOST_THREADS) {
            out->n = 0;
            break;
        }
        if (id > 0)
            out->ids[out->n++] = (pid_t)id;
    }
    if (tasks)
        closedir(tasks);
    qsort(out->ids, out->n, sizeof(*out->ids), by_size);
}

void ss_threads_spread(const struct ss_threads *before)
{
    struct ss_threads now;
    cpu_set_t cores;
    size_t n = 0;

    ss_threads_list(&now);
    if (!before->n || sched_getaffinity(0, sizeof(cores), &cores) != 0)
        return;
    for (size_t i = 0; i < now.n; i++) /* what has come moves to the front */
        if (!bsearch(&now.ids[i], before->ids, before->n, sizeof(*before->ids), by_size))
            now.ids[n++] = now.ids[i];
    if (n != (size_t)CPU_COUNT(&cores))
        return;
    for (size_t core = 0; core < CPU_SETSIZE && n > 0; core++) {
        if (!CPU_ISSET(core, &cores))
            continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(core, &one);
        sched_setaffinity(now.ids[--n], sizeof(one), &one); /* if it fails, it moves as it did */
    }
}

int ss_threads_left_core(void)
{
    struct ss_threads now;
    cpu_set_t left, one;
    int core = 0;

    ss_threads_list(&now);
    if (!now.n || sched_getaffinity(0, sizeof(left), &left) != 0 || CPU_COUNT(&left) < 2)
        return -1;
    for (size_t i = 0; i < now.n; i++) {
        if (now.ids[i] == gettid() || sched_getaffinity(now.ids[i], sizeof(one), &one) != 0 ||
            CPU_COUNT(&one) != 1)
            continue;
        CPU_XOR(&one, &left, &one);
        CPU_AND(&left, &left, &one);
    }
    if (CPU_COUNT(&left) != 1)
        return -1;
    while (!CPU_ISSET((size_t)core, &left))
        core++;
    return core;
}

static _Thread_local cpu_set_t usual;

void ss_threads_keep(int core)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET((size_t)core, &one);
    if (sched_getaffinity(0, sizeof(usual), &usual) != 0 || sched_setaffinity(0, sizeof(one), &one) != 0)
        CPU_ZERO(&usual);
}

void ss_threads_let_go(void)
{
    if (CPU_COUNT(&usual))
        sched_setaffinity(0, sizeof(usual), &usual);
}
