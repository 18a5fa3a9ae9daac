#include "device/tiles.h"

#include <stdio.h>

#include "base/checked.h"

enum { MOST_SIDE = 16, LINE_PADDING = 4 };

static bool is_power(uint32_t n)
{
    return n && (n & (n - 1)) == 0;
}

void ss_tiles_choose(const struct ss_device *d, size_t rows, size_t columns, size_t local_bytes, bool large,
                     struct ss_tiles *out)
{
    const struct ss_device_info *const info = ss_device_info(d);
    struct ss_tiles t = {.group_m = MOST_SIDE, .group_n = MOST_SIDE, .depth = 8, .buffers = 2};

    while (t.group_m * t.group_n > info->max_work_group && t.group_m * t.group_n > 1) {
        if (t.group_m >= t.group_n)
            t.group_m /= 2;
        else
            t.group_n /= 2;
    }
    t.item_m = rows <= t.group_m ? 1 : rows <= 2 * (size_t)t.group_m ? 2 : 4;
    while (t.group_m * t.item_m < 4)
        t.item_m *= 2;
    /* 8 columns an item spill where it has 128 registers (Intel; AMD's gfx1100 in clang 15) and a kernel
     * holds much besides the product. */
    t.item_n = large || columns <= 4 * (size_t)t.group_n ? 4 : 8;
    while (t.depth * t.item_m < t.group_n || t.depth * t.item_n < t.group_m)
        t.depth *= 2;
    if (ss_tiles_local_bytes(&t) + local_bytes > info->local_memory)
        t.buffers = 1;
    *out = t;
}

const char *ss_tiles_wrong(const struct ss_device *d, const struct ss_tiles *t)
{
    const struct ss_device_info *const info = ss_device_info(d);
    const size_t items = ss_tiles_items(t);

    if (!is_power(t->group_m) || !is_power(t->group_n) || !is_power(t->depth) || t->depth > items)
        return "sides of groups and slices are powers of two";
    if ((t->item_m != 1 && t->item_m != 2 && t->item_m != 4 && t->item_m != 8) ||
        (t->item_n != 4 && t->item_n != 8) || t->buffers < 1 || t->buffers > 2)
        return "items take 1, 2, 4 or 8 rows and 4 or 8 columns";
    if (ss_tiles_rows(t) % 4)
        return "tiles have 4 rows or more, so that lines in local memory are aligned";
    if (t->depth * t->item_m < t->group_n || t->depth * t->item_n < t->group_m)
        return "slices are too thin to give each item a share";
    if (items > info->max_work_group)
        return "groups are larger than the device's";
    if (ss_tiles_local_bytes(t) > info->local_memory)
        return "tiles do not fit in local memory";
    return NULL;
}

size_t ss_tiles_items(const struct ss_tiles *t)
{
    return (size_t)t->group_m * t->group_n;
}

size_t ss_tiles_rows(const struct ss_tiles *t)
{
    return (size_t)t->group_m * t->item_m;
}

size_t ss_tiles_columns(const struct ss_tiles *t)
{
    return (size_t)t->group_n * t->item_n;
}

size_t ss_tiles_local_bytes(const struct ss_tiles *t)
{
    return t->buffers * (size_t)t->depth * (ss_tiles_rows(t) + ss_tiles_columns(t) + 2 * LINE_PADDING) *
           sizeof(float);
}

void ss_tiles_near(const struct ss_tiles *t, struct ss_tiles out[SS_TILES_NEAR])
{
    for (size_t i = 0; i < SS_TILES_NEAR; i++)
        out[i] = *t;
    out[0].item_n = 12 - t->item_n; /* 4 or 8 */
    out[1].item_m = t->item_m == 8 ? 4 : 8;
    out[2].depth *= 2;
    out[3].buffers = 3 - t->buffers;
    out[4].group_m /= 2;
    out[5].group_n /= 2;
    out[6].group_m /= 2;
    out[6].group_n /= 2;
}

void ss_tiles_text(const struct ss_tiles *t, char *text, size_t size)
{
    snprintf(text, size, "tiles of %zu x %zu, %zu items, %u deep, %u at once", ss_tiles_rows(t),
             ss_tiles_columns(t), ss_tiles_items(t), t->depth, t->buffers);
}

/* Digits: powers of two by their exponents. */
enum { DIGIT = 16, DIGITS = 6 };

static uint32_t exponent_of(uint32_t n)
{
    uint32_t e = 0;

    while (n >> (e + 1))
        e++;
    return e;
}

int32_t ss_tiles_number(const struct ss_tiles *t)
{
    const uint32_t digits[DIGITS] = {t->group_m, t->group_n, t->item_m, t->item_n, t->depth, t->buffers};
    uint32_t n = 0;

    for (size_t i = 0; i < DIGITS; i++)
        n = n * DIGIT + exponent_of(digits[i]);
    return (int32_t)n; /* not 0: items take 4 columns at least */
}

bool ss_tiles_of_number(const struct ss_device *d, int32_t number, struct ss_tiles *out)
{
    uint32_t digits[DIGITS], n = (uint32_t)number;

    for (size_t i = DIGITS; i-- > 0; n /= DIGIT)
        digits[i] = 1u << n % DIGIT;
    const struct ss_tiles t = {digits[0], digits[1], digits[2], digits[3], digits[4], digits[5]};
    if (number <= 0 || n || ss_tiles_wrong(d, &t))
        return false;
    *out = t;
    return true;
}

void ss_tiles_defines(const struct ss_device *d, const struct ss_tiles *t,
                      struct ss_define out[SS_TILES_DEFINES])
{
    const struct ss_define all[SS_TILES_DEFINES] = {{"GROUP_M", t->group_m},
                                                    {"GROUP_N", t->group_n},
                                                    {"ITEM_M", t->item_m},
                                                    {"ITEM_N", t->item_n},
                                                    {"DEPTH", t->depth},
                                                    {"BUFFERS", t->buffers},
                                                    {"SUB_GROUP", ss_device_info(d)->sub_group}};

    for (size_t i = 0; i < SS_TILES_DEFINES; i++)
        out[i] = all[i];
}

enum ss_status ss_partials_sum(struct ss_device *d, struct ss_buffer *parts, size_t n_parts, size_t part_size,
                               size_t rows, size_t columns, struct ss_span to, size_t ld, bool accumulate)
{
    enum { ELEMENTS = 32, PARALLEL = 8 }; /* cl/device/partials.cl */
    const struct ss_arg args[] = {ss_arg_u32((uint32_t)(rows * columns)),
                                  ss_arg_u32((uint32_t)columns),
                                  ss_arg_u32((uint32_t)ld),
                                  ss_arg_u32((uint32_t)n_parts),
                                  ss_arg_u32((uint32_t)part_size),
                                  ss_arg_u32(accumulate),
                                  ss_arg_buffer(parts),
                                  ss_arg_span(to)};
    struct ss_kernel *k = NULL;
    enum ss_status st = SS_OK;

    TRY(ss_device_kernel(d, "device/partials.cl", "partials_sum", NULL, 0, &k));
    TRY(ss_launch(k, (struct ss_range){.global = {rows * columns, PARALLEL}, .local = {ELEMENTS, PARALLEL}},
                  args, SS_COUNT(args)));
out:
    return st;
}
