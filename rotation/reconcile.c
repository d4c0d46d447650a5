/* reconcile: settles what a crash left, and compares the token's objects with the rows.
 *
 * Destructions that had begun are finished. Versions that never were finished are undone unless
 * somebody has claimed their key, for the gateway may be making keys already. Objects that no row
 * knows are named in the log and left alone: they may be another program's. */
#include <string.h>

#include "base/encoding.h"
#include "base/log.h"
#include "base/mem.h"
#include "rotation/making.h"
#include "rotation/moving.h"

#define PAGE      1000
#define NAMED_MAX 20

/* One reconcile of one token. */
struct pass {
    const struct rotation *rotation;
    struct token *token;
    const struct moment *moment;
    int64_t deadline_ns;
    struct reconcile_report report;
};

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

static void report_orphan(const struct pass *pass, const struct token_object *object)
{
    CLEANUP(buf_clear) struct buf hex = {0};
    struct err err = hex_encode(span_of(object->cka_id, object->cka_id_len), &hex);
    log_warning("rotation", "token %s holds an object that no key knows, CKA_ID %.*s",
                token_name(pass->token), err.code == ERR_OK ? (int)hex.len : 0,
                hex.data != NULL ? (const char *)hex.data : "");
}

static bool same_id(const struct token_object *a, const struct token_object *b)
{
    return span_equal(span_of(a->cka_id, a->cka_id_len), span_of(b->cka_id, b->cka_id_len));
}

/* Both halves of a pair are one. */
static void report_orphans(struct pass *pass, const struct inventory *inventory)
{
    for (size_t i = 0; i < inventory->count; i++) {
        const struct inventory_entry *entry = &inventory->entries[i];
        bool again = i > 0 && same_id(&entry->object, &inventory->entries[i - 1].object);
        if (entry->status == INVENTORY_OURS || again) {
            continue;
        }
        pass->report.orphans++;
        if (pass->report.orphans <= NAMED_MAX) {
            report_orphan(pass, &entry->object);
        }
    }
}

static void report_missing(struct pass *pass, const struct inventory *inventory)
{
    pass->report.missing = inventory->missing_count;
    for (size_t i = 0; i < inventory->missing_count && i < NAMED_MAX; i++) {
        log_error("rotation", "%s@%u: its material is not on the token %s",
                  inventory->missing[i].key, inventory->missing[i].version,
                  token_name(pass->token));
    }
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
    CLEANUP(inventory_clear) struct inventory inventory = {0};
    struct pass pass = {
        .rotation = rotation, .token = token, .moment = moment, .deadline_ns = deadline_ns};
    TRY(for_each_key(&pass, finish_destructions));
    TRY(for_each_key(&pass, undo_key));
    TRY(rotation_inventory(rotation, token, moment, deadline_ns, &inventory));
    report_orphans(&pass, &inventory);
    report_missing(&pass, &inventory);
    report_rest(&pass);
    *out = pass.report;
    return err_ok();
}
