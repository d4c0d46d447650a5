/* use_note: what a verb does to a version, as retirement has to know it.
 *
 * Only what succeeded is noted: a forged ciphertext that names an old version, or a signature that
 * is not valid, must not keep that version alive. */
#include "gateway/ops/use_note.h"

#include "base/log.h"
#include "base/mem.h"

static struct err note(const struct batch *batch, const struct version *version,
                       const struct use *use)
{
    struct call *call = batch->call;
    struct err err = keystore_note_use(call->gateway->store, version, use);
    if (err.code != ERR_OK && use->jwt_expires_at == 0) {
        /* in memory it is noted, and the store is written again when it can be */
        log_warning("pipeline", "a use of %s@%u is not on disk yet: %s", call->key->name,
                    version->number, err.detail);
        return err_ok();
    }
    return err;
}

static struct use use_of(const struct batch *batch, enum use_kind kind)
{
    return (struct use){
        .kind = kind, .principal = span_text(batch->call->principal), .now = batch->call->now_ms};
}

static struct err note_rewrap(const struct batch *batch, const struct item *item)
{
    const struct version *from = key_version(batch->call->key, item->from_version);
    struct use opened = use_of(batch, USE_OPEN);
    struct use protected = use_of(batch, USE_PROTECT);
    bool moved = from != NULL && from->number != item->version->number;
    opened.rewrapped = moved ? 1 : 0;
    if (moved) { /* a ciphertext that stays needs nobody's old version */
        TRY(note(batch, from, &opened));
    }
    return note(batch, item->version, &protected);
}

static struct err note_item(const struct batch *batch, const struct item *item)
{
    enum verb_use how = batch->verb->use;
    if (how == VERB_REWRAPS) {
        return note_rewrap(batch, item);
    }
    struct use use =
        use_of(batch, how == VERB_OPENS || how == VERB_CHECKS ? USE_OPEN : USE_PROTECT);
    use.jwt_expires_at = how == VERB_SIGNS_JWT ? item->expires_at : 0;
    use.raw_signature = how == VERB_SIGNS;
    return note(batch, item->version, &use);
}

/* Uses of one version in one batch differ only in what a rewrap counts and when a JWT expires. */
static bool says_the_same(enum verb_use how, const struct version *a, const struct version *b)
{
    return a == b && how != VERB_REWRAPS && how != VERB_SIGNS_JWT;
}

struct err use_note_batch(const struct batch *batch)
{
    enum verb_use how = batch->verb->use;
    const struct version *noted = NULL;
    for (size_t i = 0; how != VERB_USES_NOTHING && i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        bool counts = item->err.code == ERR_OK && item->version != NULL &&
                      (how != VERB_CHECKS || item->valid);
        if (counts && !says_the_same(how, item->version, noted)) {
            TRY(note_item(batch, item));
            noted = item->version;
        }
    }
    return err_ok();
}
