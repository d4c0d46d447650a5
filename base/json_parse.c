/* JSON documents: from text to cJSON's tree and back to nothing.
 *
 * cJSON builds the tree after json_scan has accepted the text, out of a pile that belongs to the
 * document. Its look-ups take the first of several equal names, so documents with any are refused
 * here, in O(n log n) for big objects: the sender chooses n. Text may be plaintext or a token, so
 * clearing wipes it. */
#include "base/json_inner.h"

#include <cjson/cJSON.h>
#include <pthread.h>

#include "base/mem.h"

#define FEW 16 /* compared pair by pair */

static pthread_once_t hooks_once = PTHREAD_ONCE_INIT;

/* Where cJSON takes memory from while this thread parses: its hooks have no argument. */
static _Thread_local struct pile *parsing;

static void *take_node(size_t size)
{
    return pile_take(parsing, size);
}

/* The pile goes as a whole. */
static void keep_node(void *memory)
{
    (void)memory;
}

static void set_hooks(void)
{
    cJSON_Hooks hooks = {.malloc_fn = take_node, .free_fn = keep_node};
    cJSON_InitHooks(&hooks);
}

static int compare_names(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;
    return strcmp(*left, *right);
}

static const char *duplicate_of_few(const cJSON *object)
{
    for (const cJSON *a = object->child; a != NULL; a = a->next) {
        for (const cJSON *b = a->next; b != NULL; b = b->next) {
            if (strcmp(a->string, b->string) == 0) {
                return a->string;
            }
        }
    }
    return NULL;
}

static const char *duplicate_of_many(const cJSON *object, size_t count)
{
    CLEANUP(mem_free_at) const char **names = mem_array(count, sizeof(*names));
    size_t filled = 0;
    for (const cJSON *item = object->child; item != NULL; item = item->next) {
        names[filled++] = item->string;
    }
    qsort(names, count, sizeof(*names), compare_names);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) {
            return names[i];
        }
    }
    return NULL;
}

/* A name that stands twice in one object anywhere under `parent`, or NULL. */
static const char *find_duplicate(const cJSON *parent)
{
    size_t count = 0;
    for (const cJSON *item = parent->child; item != NULL; item = item->next) {
        const char *inner = item->child != NULL ? find_duplicate(item) : NULL;
        if (inner != NULL) {
            return inner;
        }
        count++;
    }
    if (!cJSON_IsObject(parent)) {
        return NULL;
    }
    return count <= FEW ? duplicate_of_few(parent) : duplicate_of_many(parent, count);
}

void json_clear(struct json *json)
{
    pile_clear(&json->nodes);
    json->root = NULL;
}

static void build_tree(struct span text, struct json *out)
{
    parsing = &out->nodes;
    cJSON *root = cJSON_ParseWithLength((const char *)text.data, text.len);
    parsing = NULL;
    out->root = (struct json_value *)(void *)root;
}

struct err json_parse(struct span text, struct json *out)
{
    TRY(json_scan(text));
    if (pthread_once(&hooks_once, set_hooks) != 0) {
        abort();
    }
    CLEANUP(json_clear) struct json parsed = {0};
    build_tree(text, &parsed);
    ENSURE(parsed.root != NULL, ERR_INVALID_JSON, "not JSON");
    const char *duplicate = find_duplicate((const cJSON *)(const void *)parsed.root);
    ENSURE(duplicate == NULL, ERR_DUPLICATE_FIELD, "field '%.64s' appears twice",
           json_shown_name(duplicate));
    *out = parsed;
    parsed = (struct json){0};
    return err_ok();
}
