#include "device/peak.h"

#include "base/checked.h"
#include "base/clock.h"

/* On a CPU several groups a core: one that a neighbour holds up gets fewer of them. On a GPU enough to fill
 * every scheduler. */
enum {
    CHAINS = 12,
    TRIES = 5,
    CPU_GROUPS = 8,
    GPU_GROUPS = 16,
    GPU_GROUP = 256,
    FIRST_ROUNDS = 1 << 10,
    MOST_ROUNDS = 1 << 30
};
static const double WANTED_SECONDS = 4e-3;

struct ss_peak {
    struct ss_device *device;
    struct ss_kernel *kernel;
    struct ss_buffer *out;
    struct ss_range range;
    uint32_t width, rounds;
};

static enum ss_status launch(struct ss_peak *p, double *seconds)
{
    /* a fixed point of 1: chains stay finite however long they are */
    const struct ss_arg args[] = {ss_arg_u32(p->rounds), ss_arg_f32(0.5f), ss_arg_f32(0.5f),
                                  ss_arg_buffer(p->out)};
    enum ss_status st = SS_OK;

    TRY(ss_device_finish(p->device));
    const double from = ss_clock_seconds();
    TRY(ss_launch(p->kernel, p->range, args, SS_COUNT(args)));
    TRY(ss_device_finish(p->device));
    *seconds = ss_clock_seconds() - from;
out:
    return st;
}

/* The shortest of a few: one that something else held up would end the search with far too few rounds. */
static enum ss_status calibrate(struct ss_peak *p)
{
    double seconds = 0;
    enum ss_status st = SS_OK;

    TRY(launch(p, &seconds)); /* the first launch of a kernel may compile */
    for (p->rounds = FIRST_ROUNDS; p->rounds < MOST_ROUNDS; p->rounds *= 2) {
        double shortest = WANTED_SECONDS;
        for (int i = 0; i < TRIES && !(shortest < WANTED_SECONDS); i++) {
            TRY(launch(p, &seconds));
            shortest = seconds < shortest ? seconds : shortest;
        }
        if (!(shortest < WANTED_SECONDS))
            break;
    }
out:
    return st;
}

enum ss_status ss_peak_create(struct ss_device *d, struct ss_peak **out)
{
    const bool cpu = ss_device_is_cpu(d);
    const size_t units = ss_device_info(d)->compute_units ? ss_device_info(d)->compute_units : 1;
    struct ss_peak *p = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_allocate(1, &p));
    p->device = d;
    p->width = ss_device_vector_width(d);
    p->rounds = FIRST_ROUNDS;
    p->range.local[0] = cpu ? 1 : GPU_GROUP;
    if (p->range.local[0] > ss_device_info(d)->max_work_group)
        p->range.local[0] = ss_device_info(d)->max_work_group;
    p->range.global[0] = units * p->range.local[0] * (cpu ? CPU_GROUPS : GPU_GROUPS);
    const struct ss_define width = {"WIDTH", (long)p->width};
    TRY(ss_device_kernel(d, "device/peak.cl", "peak_fma", &width, 1, &p->kernel));
    TRY(ss_buffer_create(d, p->range.global[0] * sizeof(float), &p->out));
    TRY(calibrate(p));
    *out = p;
    p = NULL;
out:
    ss_peak_free(p);
    return st;
}

void ss_peak_free(struct ss_peak *p)
{
    if (!p)
        return;
    ss_buffer_free(p->out);
    free(p);
}

enum ss_status ss_peak_measure(struct ss_peak *p, double *gflops)
{
    double seconds = 0;
    enum ss_status st = SS_OK;

    TRY(launch(p, &seconds));
    const double operations =
        2.0 * CHAINS * (double)p->width * (double)p->rounds * (double)p->range.global[0];
    *gflops = seconds > 0 ? 1e-9 * operations / seconds : 0;
out:
    return st;
}
