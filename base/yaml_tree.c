/* The shape of a YAML file by libyaml: syntax, duplicate names, and the line of each option.
 *
 * libcyaml knows lines only while it fails, and only those of its own errors; checks that run
 * after loading ask here. The walk visits each node once; more visits than nodes mean aliases,
 * which are refused, so neither a cycle nor a bomb of aliases gets further. */
#include "base/yaml_inner.h"

#include <stdarg.h>
#include <yaml.h>

#include "base/mem.h"

#define DEPTH_MAX 16

/* Every step returns false to stop: at a problem, or where the wanted option stands. */
struct walk {
    yaml_document_t *document;
    const char *wanted;  /* or NULL */
    const char *pattern; /* or NULL; `[]` stands for any entry */
    unsigned found_line;
    void (*each)(void *arg, unsigned entry, struct span name,
                 struct span value); /* for the pairs at the pattern */
    void *arg;
    ptrdiff_t visits;
    unsigned depth;
    struct yaml_problem *problem;
};

/* A name, or an entry's number in a sequence, and its line. */
struct place {
    char option[YAML_PART_MAX];
    size_t line;
};

static bool walk_node(struct walk *walk, int index, const struct place *place);

static bool __attribute__((format(printf, 4, 5)))
fail(struct yaml_problem *problem, const char *option, size_t line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(problem->reason, sizeof(problem->reason), format, args);
    va_end(args);
    (void)snprintf(problem->option, sizeof(problem->option), "%s", option);
    problem->line = (unsigned)line;
    return false;
}

static struct place member_of(const struct place *parent, const yaml_node_t *key)
{
    struct place place = {.line = key->start_mark.line + 1};
    int shown = key->data.scalar.length < 64 ? (int)key->data.scalar.length : 64;
    (void)snprintf(place.option, sizeof(place.option), "%.180s%s%.*s", parent->option,
                   parent->option[0] != '\0' ? "." : "", shown,
                   (const char *)key->data.scalar.value);
    return place;
}

static bool same_name(const yaml_node_t *a, const yaml_node_t *b)
{
    return span_equal(span_of(a->data.scalar.value, a->data.scalar.length),
                      span_of(b->data.scalar.value, b->data.scalar.length));
}

/* Whether the pair's name is text and stands nowhere before it in the mapping. */
static bool check_name(struct walk *walk, const yaml_node_t *mapping, const yaml_node_pair_t *pair,
                       const struct place *parent)
{
    const yaml_node_t *key = yaml_document_get_node(walk->document, pair->key);
    if (key->type != YAML_SCALAR_NODE) {
        return fail(walk->problem, parent->option, key->start_mark.line + 1,
                    "an option's name is not text");
    }
    const yaml_node_pair_t *before = mapping->data.mapping.pairs.start;
    for (; before < pair; before++) {
        if (same_name(yaml_document_get_node(walk->document, before->key), key)) {
            struct place place = member_of(parent, key);
            return fail(walk->problem, place.option, place.line, "given twice");
        }
    }
    return true;
}

static bool walk_mapping(struct walk *walk, const yaml_node_t *node, const struct place *parent)
{
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        if (!check_name(walk, node, pair, parent)) {
            return false;
        }
        walk->visits++; /* the name is a node too */
        struct place place = member_of(parent, yaml_document_get_node(walk->document, pair->key));
        if (!walk_node(walk, pair->value, &place)) {
            return false;
        }
    }
    return true;
}

static bool walk_sequence(struct walk *walk, const yaml_node_t *node, const struct place *parent)
{
    const yaml_node_item_t *item = node->data.sequence.items.start;
    for (unsigned i = 0; item + i < node->data.sequence.items.top; i++) {
        const yaml_node_t *entry = yaml_document_get_node(walk->document, item[i]);
        struct place place = {.line = entry->start_mark.line + 1};
        (void)snprintf(place.option, sizeof(place.option), "%.240s[%u]", parent->option, i);
        if (!walk_node(walk, item[i], &place)) {
            return false;
        }
    }
    return true;
}

/* Whether the option is one that the pattern means, and the number of its entry. */
static bool pattern_means(const char *pattern, const char *option, unsigned *out_entry)
{
    const char *hole = strstr(pattern, "[]");
    if (hole == NULL) {
        return strcmp(pattern, option) == 0;
    }
    const size_t before = (size_t)(hole - pattern) + 1;
    char *end = NULL;
    if (strncmp(pattern, option, before) != 0) {
        return false;
    }
    *out_entry = (unsigned)strtoul(option + before, &end, 10);
    return strcmp(hole + 1, end) == 0;
}

static bool give_pairs(struct walk *walk, const yaml_node_t *node, const struct place *place,
                       unsigned entry)
{
    if (node->type != YAML_MAPPING_NODE) {
        return fail(walk->problem, place->option, place->line, "must be NAME: VALUE pairs");
    }
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(walk->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(walk->document, pair->value);
        if (name->type != YAML_SCALAR_NODE || value->type != YAML_SCALAR_NODE) {
            return fail(walk->problem, place->option, name->start_mark.line + 1,
                        "a pair's name and value must be text");
        }
        walk->each(walk->arg, entry, span_of(name->data.scalar.value, name->data.scalar.length),
                   span_of(value->data.scalar.value, value->data.scalar.length));
    }
    return true;
}

static bool walk_node(struct walk *walk, int index, const struct place *place)
{
    const yaml_node_t *node = yaml_document_get_node(walk->document, index);
    if (walk->wanted != NULL && strcmp(place->option, walk->wanted) == 0) {
        walk->found_line = (unsigned)place->line;
        return false;
    }
    if (++walk->visits > walk->document->nodes.top - walk->document->nodes.start) {
        return fail(walk->problem, place->option, place->line, "aliases are not supported");
    }
    if (walk->depth >= DEPTH_MAX) {
        return fail(walk->problem, place->option, place->line, "nested too deep");
    }
    unsigned entry = 0;
    if (walk->pattern != NULL && pattern_means(walk->pattern, place->option, &entry) &&
        !give_pairs(walk, node, place, entry)) {
        return false;
    }
    walk->depth++;
    bool go_on = true;
    if (node->type == YAML_MAPPING_NODE) {
        go_on = walk_mapping(walk, node, place);
    } else if (node->type == YAML_SEQUENCE_NODE) {
        go_on = walk_sequence(walk, node, place);
    }
    walk->depth--;
    return go_on;
}

static bool parse(yaml_parser_t *parser, yaml_document_t *out_document,
                  struct yaml_problem *problem)
{
    if (yaml_parser_load(parser, out_document) == 1) {
        return true;
    }
    const char *reason = parser->problem != NULL ? parser->problem : "not YAML";
    if (parser->error == YAML_READER_ERROR) { /* which has an offset and no line */
        return fail(problem, "", 0, "%s at byte %zu", reason, parser->problem_offset);
    }
    return fail(problem, "", parser->problem_mark.line + 1, "%s", reason);
}

static bool check_single(yaml_parser_t *parser, struct yaml_problem *problem)
{
    CLEANUP(yaml_document_delete) yaml_document_t second = {0};
    if (!parse(parser, &second, problem)) {
        return false;
    }
    const yaml_node_t *root = yaml_document_get_root_node(&second);
    return root == NULL ||
           fail(problem, "", root->start_mark.line + 1, "more than one document in the file");
}

/* Runs the walk over the one document of the text. */
static bool walk_text(struct span text, struct walk *walk)
{
    CLEANUP(yaml_parser_delete) yaml_parser_t parser = {0};
    if (yaml_parser_initialize(&parser) != 1) {
        mem_exhausted(); /* it only allocates */
    }
    yaml_parser_set_input_string(&parser, text.data, text.len);
    CLEANUP(yaml_document_delete) yaml_document_t document = {0};
    if (!parse(&parser, &document, walk->problem)) {
        return false;
    }
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    if (root == NULL) {
        return fail(walk->problem, "", 0, "the file is empty");
    }
    walk->document = &document;
    struct place whole = {.line = root->start_mark.line + 1};
    bool ok = walk_node(walk, 1, &whole) && check_single(&parser, walk->problem);
    walk->document = NULL; /* it ends here */
    return ok;
}

bool yaml_tree_check(struct span text, struct yaml_problem *out_problem)
{
    struct walk walk = {.problem = out_problem};
    return walk_text(text, &walk);
}

unsigned yaml_tree_line(struct span text, const char *option)
{
    struct yaml_problem ignored;
    struct walk walk = {.problem = &ignored, .wanted = option};
    (void)walk_text(text, &walk);
    return walk.found_line;
}

bool yaml_tree_pairs(struct span text, const char *option,
                     void (*each)(void *arg, unsigned entry, struct span name, struct span value),
                     void *arg, struct yaml_problem *out_problem)
{
    struct walk walk = {.problem = out_problem, .pattern = option, .each = each, .arg = arg};
    return walk_text(text, &walk);
}
