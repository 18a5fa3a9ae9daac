/* config/yaml.c: places, limits, what is refused, and input that means harm. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "config/yaml.h"
#include "tests/support/config_files.h"

static struct ss_config_said said;

static void set_up(void)
{
    config_files_set_up(&said);
}

static void tear_down(void)
{
    config_files_tear_down(&said);
}

/* Parses text; what it says is in said.text. */
static enum ss_status parse(const char *text, size_t size, struct ss_yaml *tree)
{
    const struct ss_document document = {.name = "t.yaml", .text = text, .size = size};
    struct ss_problems problems;

    ss_text_clear(&said.text);
    said.reports = 0;
    ss_problems_init(&problems);
    ck_assert_int_eq(ss_yaml_parse(&document, 0, &problems, tree), SS_OK);
    const enum ss_status st = ss_problems_report(&problems);
    ss_problems_release(&problems);
    return st;
}

static enum ss_status parse_only(const char *text)
{
    struct ss_yaml tree;
    const enum ss_status st = parse(text, strlen(text), &tree);

    ss_yaml_release(&tree);
    return st;
}

static void expect(const char *text, const char *wanted)
{
    ck_assert_int_eq(parse_only(text), SS_ERR_USAGE);
    ck_assert_msg(strstr(said.text.data, wanted), "%s\nsays:\n%s\nnot: %s", text, said.text.data, wanted);
}

START_TEST(every_node_knows_its_place)
{
    static const char text[] = "a: 1\n\"b c\": [x, \xc3\xa9\xc3\xa9, y]\nd:\n  e: ~\n  f: 'null'\n";
    struct ss_yaml tree;

    ck_assert_int_eq(parse(text, strlen(text), &tree), SS_OK);
    const struct ss_yaml_node *const a = tree.root->first, *const b = a->next, *const d = b->next;
    ck_assert_uint_eq(tree.root->count, 3);
    ck_assert_str_eq(a->key, "a");
    ck_assert_uint_eq(a->place.column, 4);
    ck_assert_str_eq(b->key, "b c");
    ck_assert_uint_eq(b->key_place.line, 2);
    ck_assert(b->kind == SS_YAML_SEQUENCE && b->flow && b->count == 3);
    ck_assert_uint_eq(b->first->next->place.column, 12);
    ck_assert_uint_eq(b->first->next->next->place.column, 16); /* characters, not bytes */
    ck_assert(d->kind == SS_YAML_MAPPING && !d->flow);
    ck_assert(d->first->kind == SS_YAML_NULL);
    ck_assert_uint_eq(d->first->place.line, 4);
    ck_assert(d->first->next->kind == SS_YAML_SCALAR && d->first->next->quoted);
    ck_assert_uint_eq(d->first->next->key_place.column, 3);
    ss_yaml_release(&tree);
}
END_TEST

START_TEST(a_byte_order_mark_is_skipped)
{
    static const char text[] = "\xef\xbb\xbf"
                               "a: 1\n";
    struct ss_yaml tree;

    ck_assert_int_eq(parse(text, strlen(text), &tree), SS_OK);
    ck_assert_str_eq(tree.root->first->key, "a");
    ck_assert_uint_eq(tree.root->first->key_place.column, 1);
    ss_yaml_release(&tree);
}
END_TEST

START_TEST(thirty_two_levels_are_allowed_and_not_one_more)
{
    char text[256] = "";

    for (int open = 0; open < 32; open++)
        strcat(text, "[");
    for (int close = 0; close < 32; close++)
        strcat(text, "]");
    ck_assert_int_eq(parse_only(text), SS_OK);
    memmove(text + 1, text, strlen(text) + 1);
    strcat(text, "]");
    expect(text, "t.yaml:1:33: nested deeper than 32 levels");
    expect("a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "t.yaml:1:35: nested deeper");
}
END_TEST

START_TEST(ten_thousand_nodes_are_allowed_and_not_one_more)
{
    struct ss_text t;

    ss_text_init(&t);
    ss_text_add(&t, "[");
    for (int i = 0; i < SS_YAML_MAX_NODES - 1; i++)
        ss_text_add(&t, "1,");
    ss_text_add(&t, "]");
    ck_assert_int_eq(parse_only(t.data), SS_OK);
    t.data[t.length - 1] = '1';
    ss_text_add(&t, "]");
    expect(t.data, "t.yaml:1:20000: more than 10000 keys and values");
    ss_text_release(&t);
}
END_TEST

START_TEST(a_scalar_of_64_kib_is_allowed_and_not_one_byte_more)
{
    struct ss_text t;

    ss_text_init(&t);
    ss_text_add(&t, "\na: ");
    for (int i = 0; i < SS_YAML_MAX_SCALAR; i++)
        ss_text_add(&t, "x");
    ck_assert_int_eq(parse_only(t.data), SS_OK);
    ss_text_add(&t, "x");
    expect(t.data, "t.yaml:2:4: a value of 65537 bytes; at most 65536");
    ss_text_release(&t);
}
END_TEST

START_TEST(a_file_of_one_mib_is_allowed_and_not_one_byte_more)
{
    static const char start[] = "data: {source: rings}\n#";
    struct ss_experiment *e = NULL;
    char *text = NULL;

    ck_assert_int_eq(ss_allocate(SS_YAML_MAX_BYTES + 1, &text), SS_OK);
    memset(text, 'x', SS_YAML_MAX_BYTES + 1);
    memcpy(text, start, strlen(start));
    ck_assert_int_eq(config_files_load_bytes(&said, text, SS_YAML_MAX_BYTES, NULL, &e), SS_OK);
    ss_experiment_free(e);
    ck_assert_int_eq(config_files_load_bytes(&said, text, SS_YAML_MAX_BYTES + 1, NULL, &e), SS_ERR_FILE);
    ck_assert_ptr_nonnull(strstr(said.text.data, "larger than the 1048576 bytes"));
    free(text);
}
END_TEST

START_TEST(what_an_experiment_has_no_use_for_is_refused_with_its_place)
{
    static const char *const cases[][2] = {
        {"a: &x 1\n", "t.yaml:1:4: anchors (&name) are not allowed\n    a: &x 1\n       ^\n"},
        {"a: [1,\n  &y [2]]\n", "t.yaml:2:3: anchors"},
        {"a: 1\nb: *x\n", "t.yaml:2:4: aliases (*name) are not allowed"},
        {"a: !!int 1\n", "t.yaml:1:4: tags (!name) are not allowed"},
        {"a: !x {b: 1}\n", "t.yaml:1:4: tags"},
        {"&k a: 1\n", "t.yaml:1:1: anchors"},
        {"%TAG ! tag:x,2000:\n---\na: 1\n", "t.yaml:1:1: tag directives"},
        {"a: 1\n---\nb: 2\n", "t.yaml:2:1: a second document (---) is not allowed"},
        {"a: 1\nb: 2\na: 3\n", "t.yaml:3:1: duplicate key 'a': first given on line 1\n    a: 3\n    ^\n"},
        {"a: {b: 1, c: 2, b: 3}\n", "t.yaml:1:17: duplicate key 'b'"},
        {"? [a]\n: 1\n", "t.yaml:1:3: a key must be a word, not a list"},
        {"~: 1\n", "t.yaml:1:1: a key must be a word, not nothing"},
        {"a: \"x\\0y\"\n", "t.yaml:1:4: a zero byte inside text"},
        {"a: [1, 2\nb: 3\n", "not valid YAML"},
        {"a: [1, 2\n\n\n",
         "t.yaml:1:9: not valid YAML: did not find expected ',' or ']'\n    a: [1, 2\n            ^\n"},
        {"a:\n\tb: 1\n", "t.yaml:2:1: not valid YAML"},
        {"a:\n\tb: 1\n", "a tab stands here"},
        {"a: b: c\n", "t.yaml:1:5: not valid YAML: mapping values are not allowed"},
        {"a: \"x\n", "not valid YAML"},
        {"a: @x\n", "needs quotes"},
    };

    for (size_t i = 0; i < SS_COUNT(cases); i++)
        expect(cases[i][0], cases[i][1]);
}
END_TEST

START_TEST(all_that_is_refused_is_told_at_once_in_order)
{
    ck_assert_int_eq(parse_only("a: *x\nb: !t 1\na: &y 2\n"), SS_ERR_USAGE);
    ck_assert_uint_eq(said.reports, 4);
    const char *const first = strstr(said.text.data, ":1:4: aliases"), *const second = strstr(said.text.data,
                                                                                              ":2:4: tags");
    const char *const third = strstr(said.text.data, ":3:1: duplicate"), *const fourth = strstr(
                                                                             said.text.data, ":3:4: anch");
    ck_assert(first && second && third && fourth && first < second && second < third && third < fourth);
}
END_TEST

START_TEST(what_is_not_utf_8_is_named_where_it_stands)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *wanted;
    } cases[] = {
        {"a: 1\nb: \xff\n", 9, "t.yaml:2:4: not text"},
        {"a: \xc3(\n", 6, "t.yaml:1:5: not text"},
        {"a: 1\nb: x\0y\n", 12, "t.yaml:2:5: not text"},
        {"a: \x1b[0m\n", 8, "t.yaml:1:4: not text"},
        {"\xff\xfe"
         "a\0:\0 \0001\0",
         10, "t.yaml:1:1: not text"},
        {"a: \xed\xa0\x80\n", 7, "t.yaml:1:4: not text"},
    };

    for (size_t i = 0; i < SS_COUNT(cases); i++) {
        struct ss_yaml tree;
        ck_assert_int_eq(parse(cases[i].bytes, cases[i].size, &tree), SS_ERR_USAGE);
        ss_yaml_release(&tree);
        ck_assert_msg(strstr(said.text.data, cases[i].wanted), "case %zu says %s", i, said.text.data);
        for (const char *s = said.text.data; *s; s++)
            ck_assert_msg(*s == '\n' || (*s >= 0x20 && *s < 0x7f), "byte %d reaches the terminal", *s);
    }
}
END_TEST

/* Each is met once as a whole file, from one CPU that others use too; figures of a quiet machine are below 10
 * ms. */
START_TEST(files_that_mean_harm_are_refused_within_100_ms)
{
    static const struct {
        const char *start, *unit;
        size_t size;
    } cases[] = {
        {"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
         "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f "
         "[*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
         "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: &h [*g,*g,*g,*g,*g,*g,*g,*g,*g]\ni: &i "
         "[*h,*h,*h,*h,*h,*h,*h,*h,*h]\n",
         "# ", 2000},
        {"", "[", 40000},
        {"", "[", 1000000},
        {"", "{", 1000000},
        {"", "- ", 1000000},
        {"", "? ", 1000000},
        {"", "a: [", 1000000},
        {"", "\"", 1000000},
        {"", "x", 1000000},
        {"", "\n", 1000000},
        {"", "!", 1000000},
        {"", "---\n", 1000000},
        {"", "&a ", 1000000},
        {"", "*a,", 1000000},
        {"[", "[],", 1000000},
        {"{", "a,", 1000000},
        {"data: {source: gaussian, covariance: [", "[],", 14000},
        {"\"", "\\x41", 1000000},
        {"", "a: 1\n", 1000000},
        {"model: {hidden: [", "a,", 19000},
        {"a: >\n", "  x\n", 1000000},
        {"a: ", "[? ", 10000},
        {"", "%YAML 1.1\n", 100000},
        {"", "#", 1000000},
    };

    for (size_t i = 0; i < SS_COUNT(cases); i++) {
        struct ss_experiment *e = NULL;
        struct ss_text t;
        ss_text_init(&t);
        ss_text_add(&t, cases[i].start);
        while (t.length + strlen(cases[i].unit) <= cases[i].size)
            ss_text_add(&t, cases[i].unit);
        const clock_t start = clock();
        ck_assert_int_eq(config_files_load_bytes(&said, t.data, t.length, NULL, &e), SS_ERR_USAGE);
        const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        ck_assert_msg(seconds < 0.1, "'%s' takes %g s", cases[i].unit, seconds);
        ck_assert_uint_lt(said.text.length, 40000);
        ss_text_release(&t);
    }
}
END_TEST

static const char valid[] =
    "name: wine\nseed: 7\ndata:\n  source: gmm\n  components: [{weight: 2, mean: [0, 1], covariance: "
    "[[1, 0], [0, 1]]}, {mean: [1, 1]}]\n  columns: {keep: [a, 'b c']}\n  transform: "
    "[standardize, {noise: 0.05}, {permute: [1, 0]}]\nmodel: {kind: energy, hidden: [32, 16]}\n"
    "objective: {kind: ssm_vr, count: 2}\ntrain: {steps: 10, checkpoint: {every: 5}}\n";

static unsigned next_random(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

START_TEST(no_mutation_of_a_valid_file_does_harm)
{
    static const char pieces[] = "[]{}:,-&*!|>'\"%@`#? \n\t\\0123456789.eE+~\x80\xff\xc3";
    unsigned state = 1;
    size_t loaded = 0, refused = 0;

    for (int round = 0; round < 4000; round++) {
        struct ss_experiment *e = NULL;
        char text[sizeof(valid) + 16];
        size_t size = strlen(valid);
        memcpy(text, valid, size);
        for (unsigned k = 1 + next_random(&state) % 4; k > 0; k--) {
            const size_t at = next_random(&state) % size;
            const char piece = pieces[next_random(&state) % (sizeof(pieces) - 1)];
            switch (next_random(&state) % 4) {
            case 0:
                text[at] = piece;
                break;
            case 1:
                memmove(text + at + 1, text + at, size - at);
                text[at] = piece;
                size++;
                break;
            case 2:
                memmove(text + at, text + at + 1, size - at - 1);
                size--;
                break;
            default:
                size = size - next_random(&state) % 3; /* truncation, a little at a time */
            }
        }
        const enum ss_status st = config_files_load_bytes(&said, text, size, NULL, &e);
        ck_assert_msg(st == SS_OK || st == SS_ERR_USAGE, "status %d of:\n%.*s", st, (int)size, text);
        ck_assert(st == SS_OK ? said.reports == 0 : said.reports > 0);
        loaded += st == SS_OK;
        refused += st != SS_OK;
        ss_experiment_free(e);
    }
    ck_assert_uint_gt(loaded, 100); /* else the mutations would only test the parser */
    ck_assert_uint_gt(refused, 100);
}
END_TEST

START_TEST(every_truncation_of_a_valid_file_is_loaded_or_refused)
{
    for (size_t size = 0; size <= strlen(valid); size++) {
        struct ss_experiment *e = NULL;
        const enum ss_status st = config_files_load_bytes(&said, valid, size, NULL, &e);
        ck_assert(st == SS_OK || (st == SS_ERR_USAGE && said.reports > 0));
        ss_experiment_free(e);
    }
}
END_TEST

int main(void)
{
    Suite *const s = suite_create("yaml");
    TCase *const c = tcase_create("yaml");

    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, every_node_knows_its_place);
    tcase_add_test(c, a_byte_order_mark_is_skipped);
    tcase_add_test(c, thirty_two_levels_are_allowed_and_not_one_more);
    tcase_add_test(c, ten_thousand_nodes_are_allowed_and_not_one_more);
    tcase_add_test(c, a_scalar_of_64_kib_is_allowed_and_not_one_byte_more);
    tcase_add_test(c, a_file_of_one_mib_is_allowed_and_not_one_byte_more);
    tcase_add_test(c, what_an_experiment_has_no_use_for_is_refused_with_its_place);
    tcase_add_test(c, all_that_is_refused_is_told_at_once_in_order);
    tcase_add_test(c, what_is_not_utf_8_is_named_where_it_stands);
    tcase_add_test(c, files_that_mean_harm_are_refused_within_100_ms);
    tcase_add_test(c, no_mutation_of_a_valid_file_does_harm);
    tcase_add_test(c, every_truncation_of_a_valid_file_is_loaded_or_refused);
    suite_add_tcase(s, c);
    SRunner *const r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
