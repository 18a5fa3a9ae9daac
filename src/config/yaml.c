#include "config/yaml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/checked.h"
#include "base/text.h"

/* Nodes and texts live in chunks that never move and go all at once. */
struct ss_yaml_chunk {
    struct ss_yaml_chunk *next;
    size_t used, size;
    max_align_t bytes[];
};

struct reader {
    yaml_parser_t parser;
    const struct ss_document *document;
    struct ss_problems *problems;
    struct ss_yaml *tree;
    size_t skipped; /* characters before what libyaml sees, on the first line */
    size_t nodes;
    bool stopped; /* nothing more will be read */
    enum ss_status fault;
};

static void *take(struct reader *r, size_t n)
{
    enum { CHUNK = 16 << 10 };
    struct ss_yaml_chunk *chunk = r->tree->chunks;

    n = ss_round_up(n, sizeof(max_align_t));
    if (!chunk || chunk->size - chunk->used < n) {
        const size_t size = n > CHUNK ? n : CHUNK;
        chunk = calloc(1, sizeof(*chunk) + size);
        if (!chunk) {
            r->fault = SS_FAIL_MEMORY(size);
            r->stopped = true;
            return NULL;
        }
        chunk->size = size;
        chunk->next = r->tree->chunks;
        r->tree->chunks = chunk;
    }
    void *const p = (char *)chunk->bytes + chunk->used;
    chunk->used += n;
    return p;
}

void ss_yaml_release(struct ss_yaml *y)
{
    while (y->chunks) {
        struct ss_yaml_chunk *const next = y->chunks->next;
        free(y->chunks);
        y->chunks = next;
    }
    y->root = NULL;
}

static struct ss_place place_of(const struct reader *r, yaml_mark_t mark)
{
    return (struct ss_place){.document = r->document,
                             .line = mark.line + 1,
                             .column = mark.column + 1 + (mark.line == 0 ? r->skipped : 0)};
}

/* libyaml counts the reader's problems in bytes from the start of its input. */
static struct ss_place place_of_byte(const struct reader *r, size_t skip, size_t offset)
{
    struct ss_place place = {.document = r->document, .line = 1, .column = 1};
    const char *const text = r->document->text;

    for (size_t i = 0; i < skip + offset && i < r->document->size; i++) {
        if (text[i] == '\n') {
            place.line++;
            place.column = 1;
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

/* A problem found at the end of the text is shown after the last thing written, not on an empty line below.
 */
static struct ss_place place_of_problem(const struct reader *r, size_t skip)
{
    const struct ss_place place = place_of(r, r->parser.problem_mark);
    size_t end = r->document->size;

    while (end > skip && strchr(" \t\r\n", r->document->text[end - 1]))
        end--;
    const struct ss_place last = place_of_byte(r, skip, end - skip);
    const bool past = place.line > last.line || (place.line == last.line && place.column > last.column);
    return past ? last : place;
}

/* libyaml's words are about tokens; what a newcomer did is nearly always one of these. */
static const char *syntax_hint(const struct reader *r)
{
    const char *const problem = r->parser.problem ? r->parser.problem : "";
    const struct ss_place at = place_of(r, r->parser.problem_mark);
    const char *line = r->document->text;

    for (size_t i = 1; i < at.line && line; i++) {
        line = strchr(line, '\n');
        line += line != NULL;
    }
    if (line && line[strspn(line, " ")] == '\t')
        return "a tab stands here: YAML indents by spaces only";
    if (strstr(problem, "mapping values"))
        return "two ':' on one line? put text that holds ': ' in quotes, and each key on a line of its own";
    if (strstr(problem, "',' or"))
        return "is a ',' or a closing bracket missing on this line or above?";
    if (strstr(problem, "cannot start any token"))
        return "text that starts with @, `, % or a tab needs quotes";
    if (strstr(problem, "expected key") || strstr(problem, "block end"))
        return "keys of one block start in the same column; is this line indented like those above it?";
    if (strstr(problem, "end of stream"))
        return "a quote or a bracket is opened but not closed";
    return NULL;
}

static void stop_by_parser(struct reader *r, size_t skip)
{
    const yaml_parser_t *const parser = &r->parser;

    r->stopped = true;
    if (parser->error == YAML_MEMORY_ERROR) {
        r->fault = SS_FAIL(SS_ERR_MEMORY, "%s: out of memory while reading", r->document->name);
        return;
    }
    if (parser->error == YAML_READER_ERROR) {
        ss_problems_add(r->problems, place_of_byte(r, skip, parser->problem_offset), NULL,
                        "an experiment file is UTF-8 text", "not text: %s",
                        parser->problem ? parser->problem : "bad encoding");
        return;
    }
    ss_problems_add(r->problems, place_of_problem(r, skip), NULL, syntax_hint(r), "not valid YAML: %s",
                    parser->problem ? parser->problem : "unknown reason");
}

static bool next_event(struct reader *r, yaml_event_t *event)
{
    if (r->stopped)
        return false;
    if (!yaml_parser_parse(&r->parser, event)) {
        stop_by_parser(r, (size_t)(r->parser.input.string.start - (const unsigned char *)r->document->text));
        return false;
    }
    return true;
}

static void refuse(struct reader *r, yaml_mark_t mark, const char *hint, const char *what)
{
    ss_problems_add(r->problems, place_of(r, mark), NULL, hint, "%s", what);
}

static struct ss_yaml_node *new_node(struct reader *r, enum ss_yaml_kind kind, const yaml_event_t *event)
{
    if (r->nodes++ == SS_YAML_MAX_NODES) {
        ss_problems_add(r->problems, place_of(r, event->start_mark), NULL, NULL,
                        "more than %d keys and values in one file", SS_YAML_MAX_NODES);
        r->stopped = true;
        return NULL;
    }
    struct ss_yaml_node *const node = take(r, sizeof(*node));
    if (!node)
        return NULL;
    node->kind = kind;
    node->place = place_of(r, event->start_mark);
    node->text = "";
    return node;
}

static bool is_null(const char *s)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    for (size_t i = 0; i < SS_COUNT(words); i++)
        if (strcmp(s, words[i]) == 0)
            return true;
    return false;
}

static struct ss_yaml_node *scalar(struct reader *r, const yaml_event_t *event)
{
    const char *const value = (const char *)event->data.scalar.value;
    const size_t length = event->data.scalar.length;
    struct ss_yaml_node *const node = new_node(r, SS_YAML_SCALAR, event);

    if (!node)
        return NULL;
    if (length > SS_YAML_MAX_SCALAR) {
        ss_problems_add(r->problems, node->place, NULL, NULL, "a value of %zu bytes; at most %d are allowed",
                        length, SS_YAML_MAX_SCALAR);
        node->bad = true;
        return node;
    }
    if (memchr(value, '\0', length)) {
        ss_problems_add(r->problems, node->place, NULL, NULL, "a zero byte inside text");
        node->bad = true;
        return node;
    }
    char *const text = take(r, length + 1);
    if (!text)
        return NULL;
    memcpy(text, value, length);
    node->text = text;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (!node->quoted && is_null(text))
        node->kind = SS_YAML_NULL;
    return node;
}

static struct ss_yaml_node *parse_node(struct reader *r, yaml_event_t *event, size_t depth);

static void append(struct ss_yaml_node *parent, struct ss_yaml_node **last, struct ss_yaml_node *node)
{
    if (*last)
        (*last)->next = node;
    else
        parent->first = node;
    *last = node;
    parent->count++;
}

static void parse_items(struct reader *r, struct ss_yaml_node *parent, size_t depth)
{
    struct ss_yaml_node *last = NULL;
    yaml_event_t event;

    while (next_event(r, &event)) {
        const bool end = event.type == YAML_SEQUENCE_END_EVENT;
        struct ss_yaml_node *const item = end ? NULL : parse_node(r, &event, depth);
        yaml_event_delete(&event);
        if (end)
            return;
        if (item)
            append(parent, &last, item);
    }
}

static uint32_t digest(const char *s)
{
    uint32_t h = 2166136261u; /* FNV-1a: only to make unequal keys cheap to tell apart */

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

/* The digests of a mapping's keys so far; `find` is linear but over 32-bit words, and there are at most 5000.
 */
struct seen {
    uint32_t *digests;
    struct ss_yaml_node **nodes;
    size_t count, capacity;
};

static const struct ss_yaml_node *find_seen(const struct seen *seen, const char *key)
{
    const uint32_t wanted = digest(key);

    for (size_t i = 0; i < seen->count; i++)
        if (seen->digests[i] == wanted && strcmp(seen->nodes[i]->key, key) == 0)
            return seen->nodes[i];
    return NULL;
}

static bool add_seen(struct seen *seen, struct ss_yaml_node *node)
{
    if (seen->count == seen->capacity) {
        const size_t capacity = seen->capacity ? 2 * seen->capacity : 16;
        uint32_t *const digests = realloc(seen->digests, capacity * sizeof(*digests));
        if (digests)
            seen->digests = digests;
        struct ss_yaml_node **const nodes = realloc(seen->nodes, capacity * sizeof(struct ss_yaml_node *));
        if (nodes)
            seen->nodes = nodes;
        if (!digests || !nodes)
            return false;
        seen->capacity = capacity;
    }
    seen->digests[seen->count] = digest(node->key);
    seen->nodes[seen->count++] = node;
    return true;
}

/* One entry; what is wrong with it is told, and the entry then left out. */
static struct ss_yaml_node *parse_entry(struct reader *r, yaml_event_t *key_event, struct seen *seen,
                                        size_t depth)
{
    struct ss_yaml_node *const key = parse_node(r, key_event, depth);
    yaml_event_t event;

    if (!key || !next_event(r, &event))
        return NULL;
    struct ss_yaml_node *const node = parse_node(r, &event, depth);
    yaml_event_delete(&event);
    if (!node || key->bad)
        return NULL;
    if (key->kind != SS_YAML_SCALAR) {
        ss_problems_add(r->problems, key->place, NULL, NULL, "a key must be a word, not %s",
                        ss_yaml_describe(key));
        return NULL;
    }
    const struct ss_yaml_node *const before = find_seen(seen, key->text);
    if (before) {
        char shown[SS_SHOWN_SIZE];
        ss_problems_add(r->problems, key->place, NULL, NULL, "duplicate key '%s': first given on line %zu",
                        ss_shown(key->text, shown), before->key_place.line);
        return NULL;
    }
    node->key = key->text;
    node->key_place = key->place;
    if (!add_seen(seen, node)) {
        r->fault = SS_FAIL_MEMORY(seen->capacity * sizeof(*seen->nodes));
        r->stopped = true;
    }
    return node;
}

static void parse_entries(struct reader *r, struct ss_yaml_node *parent, size_t depth)
{
    struct ss_yaml_node *last = NULL;
    struct seen seen = {0};
    yaml_event_t event;
    bool end = false;

    while (!end && next_event(r, &event)) {
        end = event.type == YAML_MAPPING_END_EVENT;
        struct ss_yaml_node *const entry = end ? NULL : parse_entry(r, &event, &seen, depth);
        yaml_event_delete(&event);
        if (entry)
            append(parent, &last, entry);
    }
    free(seen.digests);
    free(seen.nodes);
}

static void refuse_extras(struct reader *r, const yaml_event_t *event, const yaml_char_t *anchor,
                          const yaml_char_t *tag)
{
    if (anchor)
        refuse(r, event->start_mark, "text that starts with & needs quotes",
               "anchors (&name) are not allowed");
    if (tag)
        refuse(r, event->start_mark, "text that starts with ! needs quotes", "tags (!name) are not allowed");
}

/* `event` stays the caller's to delete. NULL once stopped. */
static struct ss_yaml_node *parse_node(struct reader *r, yaml_event_t *event, size_t depth)
{
    struct ss_yaml_node *node = NULL;

    switch (event->type) {
    case YAML_ALIAS_EVENT:
        refuse(r, event->start_mark, "write the value out; text that starts with * needs quotes",
               "aliases (*name) are not allowed");
        node = new_node(r, SS_YAML_NULL, event);
        if (node)
            node->bad = true;
        return node;
    case YAML_SCALAR_EVENT:
        refuse_extras(r, event, event->data.scalar.anchor, event->data.scalar.tag);
        return scalar(r, event);
    case YAML_SEQUENCE_START_EVENT:
        refuse_extras(r, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
        node = new_node(r, SS_YAML_SEQUENCE, event);
        break;
    case YAML_MAPPING_START_EVENT:
        refuse_extras(r, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        node = new_node(r, SS_YAML_MAPPING, event);
        break;
    default:
        r->fault = SS_FAIL(SS_ERR_INTERNAL, "%s: event %d where a value begins", r->document->name,
                           (int)event->type);
        r->stopped = true;
    }
    if (!node)
        return NULL;
    if (depth == SS_YAML_MAX_DEPTH) {
        ss_problems_add(r->problems, node->place, NULL, NULL, "nested deeper than %d levels",
                        SS_YAML_MAX_DEPTH);
        r->stopped = true;
        return NULL;
    }
    if (node->kind == SS_YAML_SEQUENCE) {
        node->flow = event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
        parse_items(r, node, depth + 1);
    } else {
        node->flow = event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
        parse_entries(r, node, depth + 1);
    }
    return node;
}

static void parse_stream(struct reader *r)
{
    yaml_event_t event;
    size_t documents = 0;

    while (next_event(r, &event)) {
        const yaml_event_type_t type = event.type;
        if (type == YAML_DOCUMENT_START_EVENT) {
            if (event.data.document_start.tag_directives.start !=
                event.data.document_start.tag_directives.end)
                refuse(r, event.start_mark, NULL, "tag directives (%TAG) are not allowed");
            if (documents++) {
                refuse(r, event.start_mark, "one file is one experiment",
                       "a second document (---) is not allowed");
                r->stopped = true;
            }
        } else if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_END_EVENT &&
                   type != YAML_STREAM_END_EVENT) {
            r->tree->root = parse_node(r, &event, 0);
        }
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT)
            return;
    }
    r->tree->root = NULL;
}

enum ss_status ss_yaml_parse(const struct ss_document *document, size_t skip, struct ss_problems *problems,
                             struct ss_yaml *out)
{
    struct reader r = {.document = document, .problems = problems, .tree = out, .fault = SS_OK};

    *out = (struct ss_yaml){0};
    if (!yaml_parser_initialize(&r.parser))
        return SS_FAIL(SS_ERR_MEMORY, "%s: out of memory for a parser", document->name);
    if (skip == 0 && document->size >= 3 && memcmp(document->text, "\xef\xbb\xbf", 3) == 0)
        skip = 3; /* a byte order mark; it has no column */
    else
        for (size_t i = 0; i < skip; i++)
            r.skipped += ((unsigned char)document->text[i] & 0xc0) != 0x80;
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)document->text + skip,
                                 document->size - skip);
    parse_stream(&r);
    yaml_parser_delete(&r.parser);
    return r.fault;
}

const char *ss_yaml_describe(const struct ss_yaml_node *node)
{
    double x;

    switch (node->kind) {
    case SS_YAML_NULL:
        return "nothing";
    case SS_YAML_SEQUENCE:
        return "a list";
    case SS_YAML_MAPPING:
        return "a block of keys";
    case SS_YAML_SCALAR:
        break;
    }
    return node->quoted ? "text in quotes" : ss_text_number(node->text, &x) ? "a number" : "text";
}
