/* reconcile: settles what a crash left, and compares the token's objects with the rows.
 *
 * Destructions that had begun are finished. Versions that never were finished are undone unless
 * somebody has claimed their key, for the gateway may be making keys already. Objects that no row
 * knows are named in the log and left alone: they may be another program's. Rows are read after the
 * inventory, so that an object made meanwhile is no orphan; rows made after the start are not
 * missed. */
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/log.h"
#include "base/mem.h"
#include "rotation/making.h"
#include "rotation/moving.h"

#define PAGE      1000
#define NAMED_MAX 20

struct object {
    uint8_t cka_id[TOKEN_CKA_ID_MAX];
    size_t cka_id_len;
    bool known;
};

/* The token's objects by CKA_ID, both halves of a pair as one. */
struct inventory {
    struct object *objects;
    size_t count;
};

static void inventory_clear(struct inventory *inventory)
{
    mem_free(inventory->objects);
}

static int compare_objects(const void *a, const void *b)
{
    const struct object *left = a;
    const struct object *right = b;
    if (left->cka_id_len != right->cka_id_len) {
        return left->cka_id_len < right->cka_id_len ? -1 : 1;
    }
    return memcmp(left->cka_id, right->cka_id, left->cka_id_len);
}

static struct err inventory_read(struct token *token, int64_t deadline_ns, struct inventory *out)
{
    CLEANUP(mem_free_at) struct token_object *listed = NULL;
    size_t count = 0;
    TRY(token_inventory(token, deadline_ns, &listed, &count));
    out->objects = mem_array(count, sizeof(*out->objects));
    for (size_t i = 0; i < count; i++) {
        out->objects[i].cka_id_len = listed[i].cka_id_len;
        memcpy(out->objects[i].cka_id, listed[i].cka_id, listed[i].cka_id_len);
    }
    qsort(out->objects, count, sizeof(*out->objects), compare_objects);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || compare_objects(&out->objects[out->count - 1], &out->objects[i]) != 0) {
            out->objects[out->count] = out->objects[i];
            out->count++;
        }
    }
    return err_ok();
}

static struct object *inventory_find(const struct inventory *inventory,
                                     const struct version *version)
{
    struct object wanted = {.cka_id_len = version->cka_id_len};
    memcpy(wanted.cka_id, version->cka_id, version->cka_id_len);
    return inventory->count == 0 ? NULL
                                 : bsearch(&wanted, inventory->objects, inventory->count,
                                           sizeof(wanted), compare_objects);
}

/* One reconcile of one token. */
struct pass {
    const struct rotation *rotation;
    struct token *token;
    const struct moment *moment;
    int64_t deadline_ns;
    struct inventory inventory;
    struct reconcile_report report;
};

static void pass_clear(struct pass *pass)
{
    inventory_clear(&pass->inventory);
}

/* Calls `visit` for every key of the token, page by page. */
static struct err for_each_key(struct pass *pass,
                               struct err (*visit)(struct pass *, const struct key *))
{
    CLEANUP(mem_free_at) char *after = mem_text("");
    struct err err = err_ok();
    size_t count = PAGE;
    while (count == PAGE && err.code == ERR_OK) {
        const struct key **keys = keystore_list(pass->rotation->store, span_of(NULL, 0),
                                                span_text(after), PAGE, LIST_EVERYTHING, &count);
        for (size_t i = 0; i < count && err.code == ERR_OK; i++) {
            if (strcmp(keys[i]->token, token_name(pass->token)) == 0) {
                err = visit(pass, keys[i]);
            }
        }
        if (count > 0) {
            mem_free(after);
            after = mem_text(keys[count - 1]->name);
        }
        keystore_list_free(keys, count);
    }
    return err;
}

static bool has_unfinished(const struct key *key)
{
    for (size_t i = 0; i < key->version_count; i++) {
        if (making_is_unfinished(&key->versions[i])) {
            return true;
        }
    }
    return false;
}

/* A failure here is said and left for the next reconcile, so that the rest is settled. */
static struct err finish_destructions(struct pass *pass, const struct key *key)
{
    for (size_t i = 0; i < key->version_count; i++) {
        const struct version *version = &key->versions[i];
        if (version->state != VERSION_DESTROY_SCHEDULED || !version->destroying) {
            continue;
        }
        struct err err =
            moving_destroy(pass->rotation, key, version, NULL, pass->moment, pass->deadline_ns);
        if (err.code != ERR_OK) {
            log_warning("rotation", "%s@%u: its destruction cannot be finished: %s", key->name,
                        version->number, err.detail);
            continue;
        }
        log_warning("rotation", "%s@%u: finished its destruction", key->name, version->number);
        pass->report.destroyed++;
    }
    return err_ok();
}

static struct err undo_key(struct pass *pass, const struct key *key)
{
    struct making making = {.store = pass->rotation->store,
                            .token = pass->token,
                            .name = span_text(key->name),
                            .moment = pass->moment};
    if (!has_unfinished(key) || keystore_claim(making.store, making.name).code != ERR_OK) {
        return err_ok();
    }
    size_t undone = 0;
    struct err err = making_undo_unfinished(&making, &undone);
    keystore_unclaim(making.store, making.name);
    if (undone > 0) {
        log_warning("rotation", "%s: undid %zu versions that were never finished", key->name,
                    undone);
    }
    if (err.code != ERR_OK) {
        /* The rest is settled all the same; the next reconcile or rotation tries this one again. */
        log_warning("rotation", "%s: an unfinished version cannot be undone: %s", key->name,
                    err.detail);
    }
    pass->report.undone += undone;
    return err_ok();
}

static bool wants_material(const struct version *version)
{
    return !making_is_unfinished(version) && version->state != VERSION_DESTROYED &&
           !version->destroying;
}

static struct err match_key(struct pass *pass, const struct key *key)
{
    for (size_t i = 0; i < key->version_count; i++) {
        const struct version *version = &key->versions[i];
        struct object *object = inventory_find(&pass->inventory, version);
        if (object != NULL) {
            object->known = true;
            continue;
        }
        if (!wants_material(version) || version->created_at >= pass->moment->now) {
            continue;
        }
        pass->report.missing++;
        if (pass->report.missing <= NAMED_MAX) {
            log_error("rotation", "%s@%u: its material is not on the token %s", key->name,
                      version->number, token_name(pass->token));
        }
    }
    return err_ok();
}

static void report_orphan(struct pass *pass, const struct object *object)
{
    pass->report.orphans++;
    if (pass->report.orphans > NAMED_MAX) {
        return;
    }
    CLEANUP(buf_clear) struct buf hex = {0};
    struct err err = hex_encode(span_of(object->cka_id, object->cka_id_len), &hex);
    log_warning("rotation", "token %s holds an object that no key knows, CKA_ID %.*s",
                token_name(pass->token), err.code == ERR_OK ? (int)hex.len : 0,
                hex.data != NULL ? (const char *)hex.data : "");
}

static void report_rest(const struct pass *pass)
{
    const struct reconcile_report *report = &pass->report;
    if (report->orphans > NAMED_MAX || report->missing > NAMED_MAX) {
        log_warning("rotation",
                    "token %s: %zu objects without a key, %zu versions without material",
                    token_name(pass->token), report->orphans, report->missing);
    }
}

struct err rotation_reconcile(const struct rotation *rotation, struct token *token,
                              const struct moment *moment, int64_t deadline_ns,
                              struct reconcile_report *out)
{
    CLEANUP(pass_clear)
    struct pass pass = {
        .rotation = rotation, .token = token, .moment = moment, .deadline_ns = deadline_ns};
    TRY(for_each_key(&pass, finish_destructions));
    TRY(for_each_key(&pass, undo_key));
    TRY(inventory_read(token, deadline_ns, &pass.inventory));
    TRY(for_each_key(&pass, match_key));
    for (size_t i = 0; i < pass.inventory.count; i++) {
        if (!pass.inventory.objects[i].known) {
            report_orphan(&pass, &pass.inventory.objects[i]);
        }
    }
    report_rest(&pass);
    *out = pass.report;
    return err_ok();
}
