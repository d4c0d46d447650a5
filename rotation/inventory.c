/* inventory: the token's objects beside the rows.
 *
 * The objects are listed first and the rows read after, so that an object made meanwhile is no
 * orphan; versions made after the moment that is given are not missing. An object whose CKA_ID has
 * our form and no row is an orphan of ours, whatever else it is somebody else's. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rotation/making.h"

#define PAGE      1000
#define FORM_BYTE 0x01 /* behind the UUID, see making_cka_id */

struct listing {
    const struct rotation *rotation;
    struct token *token;
    const struct moment *moment;
    struct inventory out;
};

static int compare_ids(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    if (a_len != b_len) {
        return a_len < b_len ? -1 : 1;
    }
    return a_len == 0 ? 0 : memcmp(a, b, a_len);
}

static int compare_entries(const void *a, const void *b)
{
    const struct token_object *left = &((const struct inventory_entry *)a)->object;
    const struct token_object *right = &((const struct inventory_entry *)b)->object;
    int order = compare_ids(left->cka_id, left->cka_id_len, right->cka_id, right->cka_id_len);
    return order != 0 ? order : (int)left->class - (int)right->class;
}

static struct err read_objects(struct listing *listing, int64_t deadline_ns)
{
    CLEANUP(mem_free_at) struct token_object *objects = NULL;
    size_t count = 0;
    TRY(token_inventory(listing->token, deadline_ns, &objects, &count));
    listing->out.entries = mem_array(count, sizeof(*listing->out.entries));
    listing->out.count = count;
    for (size_t i = 0; i < count; i++) {
        listing->out.entries[i].object = objects[i];
    }
    if (count > 0) {
        qsort(listing->out.entries, count, sizeof(*listing->out.entries), compare_entries);
    }
    return err_ok();
}

/* --- rows --- */

/* The first entry with the CKA_ID, or count. */
static size_t find_entry(const struct inventory *inventory, const struct version *version)
{
    size_t low = 0, high = inventory->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct token_object *object = &inventory->entries[middle].object;
        if (compare_ids(object->cka_id, object->cka_id_len, version->cka_id, version->cka_id_len) <
            0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool has_id(const struct inventory_entry *entry, const struct version *version)
{
    return compare_ids(entry->object.cka_id, entry->object.cka_id_len, version->cka_id,
                       version->cka_id_len) == 0;
}

static bool wants_material(const struct version *version)
{
    return !making_is_unfinished(version) && version->state != VERSION_DESTROYED &&
           !version->destroying;
}

static void add_missing(struct inventory *inventory, const struct key *key, uint32_t version)
{
    inventory->missing =
        mem_resize(inventory->missing, inventory->missing_count + 1, sizeof(*inventory->missing));
    inventory->missing[inventory->missing_count++] =
        (struct inventory_missing){.key = mem_text(key->name), .version = version};
}

static void match_version(struct listing *listing, const struct key *key,
                          const struct version *version)
{
    struct inventory *inventory = &listing->out;
    size_t first = find_entry(inventory, version);
    size_t at = first;
    for (; at < inventory->count && has_id(&inventory->entries[at], version); at++) {
        inventory->entries[at].status = INVENTORY_OURS;
        inventory->entries[at].key = mem_text(key->name);
        inventory->entries[at].version = version->number;
    }
    bool old = version->created_at < listing->moment->now;
    if (at == first && wants_material(version) && old) {
        add_missing(inventory, key, version->number);
    }
}

static void match_keys(struct listing *listing)
{
    CLEANUP(mem_free_at) char *after = mem_text("");
    size_t count = PAGE;
    while (count == PAGE) {
        const struct key **keys = keystore_list(listing->rotation->store, span_of(NULL, 0),
                                                span_text(after), PAGE, LIST_EVERYTHING, &count);
        for (size_t i = 0; i < count; i++) {
            bool here = strcmp(keys[i]->token, token_name(listing->token)) == 0;
            for (size_t v = 0; here && v < keys[i]->version_count; v++) {
                match_version(listing, keys[i], &keys[i]->versions[v]);
            }
        }
        if (count > 0) {
            mem_free(after);
            after = mem_text(keys[count - 1]->name);
        }
        keystore_list_free(keys, count);
    }
}

/* --- what no row knows --- */

static bool has_our_form(const struct token_object *object)
{
    return object->cka_id_len == MAKING_CKA_ID_LEN && object->cka_id[UUID_LEN] == FORM_BYTE;
}

static bool is_key_object(const struct token_object *object)
{
    return object->class == TOKEN_OBJECT_PRIVATE || object->class == TOKEN_OBJECT_SECRET;
}

static bool same_id(const struct inventory_entry *a, const struct inventory_entry *b)
{
    return compare_ids(a->object.cka_id, a->object.cka_id_len, b->object.cka_id,
                       b->object.cka_id_len) == 0;
}

/* How many objects of that kind bear the CKA_ID of the entry; they stand side by side. */
static size_t count_beside(const struct inventory *inventory, const struct inventory_entry *entry,
                           bool key_objects)
{
    size_t found = 0;
    size_t at = (size_t)(entry - inventory->entries);
    while (at > 0 && same_id(&inventory->entries[at - 1], entry)) {
        at--;
    }
    for (; at < inventory->count && same_id(&inventory->entries[at], entry); at++) {
        found += is_key_object(&inventory->entries[at].object) == key_objects ? 1 : 0;
    }
    return found;
}

/* NULL when it can be adopted. */
static const char *obstacle(const struct inventory *inventory, const struct inventory_entry *entry)
{
    const struct token_object *object = &entry->object;
    if (!is_key_object(object)) {
        return "it is no secret or private key";
    }
    if (!object->has_algorithm) {
        return "its algorithm is none of those that are served";
    }
    if (object->cka_id_len == 0) {
        return "it has no CKA_ID";
    }
    if (token_object_leaks(object)) {
        return "its uses give other keys away";
    }
    if (count_beside(inventory, entry, true) > 1) {
        return "another key has the same CKA_ID";
    }
    if (object->class == TOKEN_OBJECT_PRIVATE && count_beside(inventory, entry, false) != 1) {
        return "it has no public half with the same CKA_ID";
    }
    return NULL;
}

static void judge(struct inventory *inventory, struct inventory_entry *entry)
{
    if (entry->status == INVENTORY_OURS) {
        return;
    }
    if (has_our_form(&entry->object)) {
        entry->status = INVENTORY_ORPHAN;
        entry->why = "it was made here and no version has it";
        return;
    }
    entry->why = obstacle(inventory, entry);
    entry->status = entry->why == NULL ? INVENTORY_ADOPTABLE : INVENTORY_FOREIGN;
}

struct err rotation_inventory(const struct rotation *rotation, struct token *token,
                              const struct moment *moment, int64_t deadline_ns,
                              struct inventory *out)
{
    struct listing listing = {.rotation = rotation, .token = token, .moment = moment};
    TRY(read_objects(&listing, deadline_ns));
    match_keys(&listing);
    for (size_t i = 0; i < listing.out.count; i++) {
        judge(&listing.out, &listing.out.entries[i]);
    }
    *out = listing.out;
    return err_ok();
}

void inventory_clear(struct inventory *inventory)
{
    for (size_t i = 0; i < inventory->count; i++) {
        mem_free(inventory->entries[i].key);
    }
    for (size_t i = 0; i < inventory->missing_count; i++) {
        mem_free(inventory->missing[i].key);
    }
    mem_free(inventory->entries);
    mem_free(inventory->missing);
    *inventory = (struct inventory){0};
}

const char *inventory_status_name(enum inventory_status status)
{
    static const char *const names[] = {
        [INVENTORY_FOREIGN] = "foreign",
        [INVENTORY_OURS] = "ours",
        [INVENTORY_ADOPTABLE] = "adoptable",
        [INVENTORY_ORPHAN] = "orphan",
    };
    return names[status];
}
