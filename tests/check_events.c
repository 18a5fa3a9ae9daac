#include <check.h>
#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "run/events.h"
#include "run/resolved.h"
#include "tests/support/scratch.h"

START_TEST(the_checksum_is_that_of_rfc_3720)
{
    unsigned char bytes[32] = {0};

    ck_assert_uint_eq(ss_crc32c("123456789", 9), 0xe3069283);
    ck_assert_uint_eq(ss_crc32c(bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, 32);
    ck_assert_uint_eq(ss_crc32c(bytes, 32), 0x62a8ab43);
    for (size_t i = 0; i < 32; i++)
        bytes[i] = (unsigned char)i;
    ck_assert_uint_eq(ss_crc32c(bytes, 32), 0x46dd794e);
    ck_assert_uint_eq(ss_crc32c("", 0), 0);
}
END_TEST

/* ---- a reader of its own: framing, then the fields that matter ---- */

struct record {
    double wall;
    uint64_t step;
    bool version, start;
    char tag[40]; /* of the first scalar */
    double value;
    size_t scalars;
};

static uint64_t number(const unsigned char *s, size_t n)
{
    uint64_t v = 0;

    while (n-- > 0)
        v = v << 8 | s[n];
    return v;
}

static uint32_t mask(uint32_t crc)
{
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static uint64_t varint(const unsigned char **s)
{
    uint64_t v = 0;

    for (unsigned shift = 0;; shift += 7) {
        v |= (uint64_t)(**s & 127) << shift;
        if (*(*s)++ < 128)
            return v;
    }
}

static void read_value(const unsigned char *s, struct record *r)
{
    float value;

    ck_assert_uint_eq(*s++, 0x0a);
    const size_t n = (size_t)varint(&s);
    if (r->scalars++ == 0) {
        memcpy(r->tag, s, n);
        r->tag[n] = '\0';
        ck_assert_uint_eq(s[n], 0x15);
        memcpy(&value, s + n + 1, 4);
        r->value = (double)value;
    }
}

static struct record read_message(const unsigned char *s, const unsigned char *end)
{
    struct record r = {0};

    while (s < end) {
        const unsigned key = *s++;
        size_t n;
        switch (key) {
        case 0x09:
            memcpy(&r.wall, s, 8);
            s += 8;
            break;
        case 0x10:
            r.step = varint(&s);
            break;
        case 0x1a:
        case 0x3a:
            n = (size_t)varint(&s);
            r.version = r.version || (key == 0x1a && n == 13 && memcmp(s, "brain.Event:2", n) == 0);
            r.start = r.start || (key == 0x3a && n == 2 && memcmp(s, "\x08\x01", n) == 0);
            s += n;
            break;
        case 0x2a: {
            n = (size_t)varint(&s);
            for (const unsigned char *const stop = s + n; s < stop;) {
                ck_assert_uint_eq(*s++, 0x0a);
                const size_t length = (size_t)varint(&s);
                read_value(s, &r);
                s += length;
            }
            break;
        }
        default:
            ck_abort_msg("field %u", key);
        }
    }
    ck_assert_ptr_eq(s, end);
    return r;
}

static size_t read_file(const char *path, struct record *out)
{
    char *data = NULL;
    size_t size = 0, n = 0;

    ck_assert_int_eq(ss_file_read(path, 1 << 20, &data, &size), SS_OK);
    const unsigned char *s = (const unsigned char *)data, *const end = s + size;
    while (s < end) {
        const size_t length = (size_t)number(s, 8);
        ck_assert_uint_eq(number(s + 8, 4), mask(ss_crc32c(s, 8)));
        ck_assert_uint_eq(number(s + 12 + length, 4), mask(ss_crc32c(s + 12, length)));
        out[n++] = read_message(s + 12, s + 12 + length);
        s += 12 + length + 4;
    }
    ck_assert_ptr_eq(s, end);
    free(data);
    return n;
}

static struct ss_events *open_events(uint64_t step)
{
    struct ss_events *e = NULL;

    ck_assert_msg(ss_events_open(scratch_path(""), step, &e) == SS_OK, "%s", scratch_said());
    return e;
}

static void add_steps(struct ss_events *e, uint64_t first, uint64_t last)
{
    for (uint64_t i = first; i <= last; i += 10)
        ss_events_add(e, i, (const struct ss_scalar[]){{"loss", (double)i / 8}, {"none", NAN}, {"norm", 2}},
                      3);
    ck_assert_int_eq(ss_events_status(e), SS_OK);
}

static void find_files(glob_t *g, size_t wanted)
{
    const char *const pattern = scratch_path("events.out.tfevents.*.slicescore*");

    ck_assert_int_eq(glob(pattern, 0, NULL, g), wanted ? 0 : GLOB_NOMATCH);
    ck_assert_uint_eq(g->gl_pathc, wanted);
}

START_TEST(a_file_tells_its_version_then_steps_times_and_scalars)
{
    struct record r[8];
    const double now = ss_clock_wall();
    struct ss_events *const e = open_events(0);
    glob_t g = {0};

    add_steps(e, 10, 300);
    ss_events_free(e);
    find_files(&g, 1);
    static struct record all[40];
    ck_assert_uint_eq(read_file(g.gl_pathv[0], all), 31);
    memcpy(r, all, sizeof(r));
    ck_assert(r[0].version && r[0].step == 0);
    ck_assert_uint_eq(all[30].step, 300); /* two bytes of a varint */
    ck_assert_uint_eq(r[1].step, 10);
    ck_assert_str_eq(r[1].tag, "loss");
    ck_assert_double_eq(r[1].value, 1.25);
    ck_assert_uint_eq(r[1].scalars, 2);
    ck_assert_double_ge(r[1].wall, now);
    ck_assert_double_le(r[1].wall, ss_clock_wall());
    globfree(&g);
}
END_TEST

START_TEST(a_resumed_session_tells_no_step_twice)
{
    struct ss_events *e = open_events(0);
    struct record r[16];
    size_t seen[8] = {0};
    glob_t g = {0};

    add_steps(e, 10, 50);
    ss_events_free(e);
    find_files(&g, 1);
    FILE *const f = fopen(g.gl_pathv[0], "ab"); /* a record cut short by a crash */
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite("\x20\0\0\0\0", 1, 5, f), 5);
    fclose(f);
    globfree(&g);

    e = open_events(30);
    add_steps(e, 40, 70);
    ss_events_free(e);
    find_files(&g, 2);
    for (size_t i = 0; i < 2; i++) {
        const size_t n = read_file(g.gl_pathv[i], r);
        ck_assert(r[0].version);
        if (i == 1)
            ck_assert(r[1].start && r[1].step == 31);
        for (size_t k = 1 + i; k < n; k++)
            seen[r[k].step / 10]++;
    }
    for (size_t i = 1; i <= 7; i++)
        ck_assert_uint_eq(seen[i], 1);
    globfree(&g);
}
END_TEST

START_TEST(beginning_anew_leaves_nothing_of_before)
{
    struct ss_events *e = open_events(0);
    struct record r[8];
    glob_t g = {0};

    add_steps(e, 10, 20);
    ss_events_free(e);
    e = open_events(0);
    ss_events_free(e);
    find_files(&g, 1);
    ck_assert_uint_eq(read_file(g.gl_pathv[0], r), 1);
    globfree(&g);
    ck_assert_int_eq(ss_events_open("/no/such", 0, &e), SS_ERR_FILE);
}
END_TEST

START_TEST(a_resolved_file_is_taken_apart_into_keys_values_and_origins)
{
    struct ss_resolved r;

    ck_assert_int_eq(ss_resolved_parse("name: \"a  # b\"                  # x.yaml:1\n"
                                       "train:\n"
                                       "  checkpoint:\n"
                                       "    every: 500   # default\n"
                                       "  steps: 5  # override\n"
                                       "# a remark\n"
                                       "seed: 1\n"
                                       "broken\n",
                                       &r),
                     SS_OK);
    ck_assert_uint_eq(r.count, 4);
    ck_assert_str_eq(r.keys[0].value, "\"a  # b\"");
    ck_assert_str_eq(r.keys[0].origin, "x.yaml:1");
    ck_assert_str_eq(r.keys[1].key, "train.checkpoint.every");
    ck_assert_str_eq(r.keys[1].value, "500");
    ck_assert_str_eq(r.keys[2].key, "train.steps");
    ck_assert_str_eq(r.keys[2].origin, "override");
    ck_assert_str_eq(ss_resolved_value(&r, "seed"), "1");
    ck_assert_str_eq(r.keys[3].origin, "");
    ck_assert_ptr_null(ss_resolved_value(&r, "train"));
    ss_resolved_release(&r);
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("events");
    TCase *const c = tcase_create("events");

    tcase_add_checked_fixture(c, scratch_set_up, scratch_tear_down);
    tcase_add_test(c, the_checksum_is_that_of_rfc_3720);
    tcase_add_test(c, a_file_tells_its_version_then_steps_times_and_scalars);
    tcase_add_test(c, a_resumed_session_tells_no_step_twice);
    tcase_add_test(c, beginning_anew_leaves_nothing_of_before);
    tcase_add_test(c, a_resolved_file_is_taken_apart_into_keys_values_and_origins);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
