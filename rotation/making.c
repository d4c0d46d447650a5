/* making: the steps between a reserved row and a version that others may use.
 *
 * The row is there before the object and goes after it, so at every moment an object of ours has a
 * row that names its CKA_ID, and a crash anywhere leaves a pending row that reconcile undoes. The
 * last step, activation or publication, is one transaction: before it nothing happened, after it
 * all did, and what was published is never undone. The caller has claimed the key, so nobody else
 * makes or undoes its versions meanwhile. */
#include "rotation/making.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "rotation/first_use.h"

/* A failed making often has used up its deadline or lost its worker; time for a new worker. */
#define UNDO_MS   3000
#define NS_PER_MS 1000000

struct err making_cka_id(const struct approval_rule *approval, uint8_t out[MAKING_CKA_ID_LEN])
{
    uint8_t random[UUID_LEN];
    struct span group = approval->group != NULL ? span_text(approval->group) : span_of(NULL, 0);
    ENSURE(approval->m <= UINT8_MAX, ERR_INVALID_FIELD, "a key can demand 255 approvals at most");
    random_bytes(random, sizeof(random));
    approval_cka_id(group, (uint8_t)approval->m, random, out);
    return err_ok();
}

/* NAME@N, its last TOKEN_TEXT_MAX bytes when it is longer. Free with mem_free. */
static char *label_of(const struct making *making)
{
    CLEANUP(mem_free_at)
    char *whole = mem_format("%.*s@%u", (int)making->name.len, (const char *)making->name.data,
                             making->number);
    size_t len = strlen(whole);
    return mem_text(len > TOKEN_TEXT_MAX ? whole + (len - TOKEN_TEXT_MAX) : whole);
}

/* The same moment, by as much later as the making took: what is shown now is shown from now on. */
static struct moment moment_now(const struct making *making)
{
    struct moment moment = *making->moment;
    int64_t passed = (clock_mono_ns() - making->started_ns) / NS_PER_MS;
    moment.now += passed;
    moment.calm += passed;
    moment.lived += passed;
    return moment;
}

static struct err find_version(const struct making *making, const struct key **out_key,
                               const struct version **out_version)
{
    CLEANUP(key_release_at) const struct key *key = keystore_find_any(making->store, making->name);
    ENSURE(key != NULL, ERR_NOT_FOUND, "there is no such key");
    const struct version *version = key_version(key, making->number);
    ENSURE(version != NULL, ERR_NOT_FOUND, "the key has no version %u", making->number);
    *out_version = version;
    *out_key = TAKE(key);
    return err_ok();
}

/* Material that is there already is looked at again: only now does it get its identity. */
static struct err adopt(const struct making *making, struct token_key *key, struct buf *public_key)
{
    uint8_t id[TOKEN_CKA_ID_MAX];
    memcpy(id, key->cka_id, key->cka_id_len);
    struct token_selector which = {.cka_id = span_of(id, key->cka_id_len)};
    uint32_t attributes = 0; /* judged, and kept with the row, when it was reserved */
    return token_adopt(making->token, &which, key, making->deadline_ns, &attributes, public_key);
}

static struct err generate(const struct making *making, struct token_key *key,
                           struct buf *public_key)
{
    CLEANUP(mem_free_at) char *label = label_of(making);
    return token_generate(making->token, key, label, making->deadline_ns, public_key);
}

static struct err record_and_check(const struct making *making, const struct token_key *key,
                                   struct span public_key, uint32_t approvals)
{
    TRY(keystore_record_material(making->store, making->name, making->number,
                                 span_of(key->identity, key->identity_len), public_key));
    failpoint_hit(FAILPOINT_RECORDED);
    struct first_use use = {.token = making->token,
                            .key = key,
                            .public_key = public_key,
                            .approvals = approvals,
                            .deadline_ns = making->deadline_ns};
    TRY(first_use_check(&use));
    failpoint_hit(FAILPOINT_CHECKED);
    return err_ok();
}

/* There is no moment without a primary: both versions move in one transaction. The primary is
 * looked up only now, for the key may have changed while its next version was made. */
static struct err activate(const struct making *making)
{
    CLEANUP(key_release_at) const struct key *key = keystore_find_any(making->store, making->name);
    ENSURE(key != NULL, ERR_NOT_FOUND, "there is no such key");
    uint32_t primary = key->primary;
    struct moment moment = moment_now(making);
    int64_t lived = moment.lived;
    struct version_move moves[2] = {
        {.number = making->number, .from = VERSION_PENDING, .to = VERSION_ACTIVE, .lived = lived},
        {.number = primary, .from = VERSION_ACTIVE, .to = VERSION_RETIRING, .lived = lived},
    };
    failpoint_hit(FAILPOINT_PROMOTING);
    TRY(keystore_move(making->store, making->name, moves, primary == 0 ? 1 : 2, moment.now));
    failpoint_hit(FAILPOINT_PROMOTED);
    return err_ok();
}

static struct err publish(const struct making *making, const struct key *key)
{
    struct publication publication = {.promote_at =
                                          plan_promote_at(key, making->haste, making->moment),
                                      .lived = making->moment->lived};
    TRY(keystore_publish(making->store, making->name, making->number, &publication,
                         making->moment->now));
    failpoint_hit(FAILPOINT_PUBLISHED);
    return err_ok();
}

/* Drops the row alone: there is no object with this CKA_ID, or it is not ours. */
static struct err disown(const struct making *making)
{
    return keystore_drop_pending(making->store, making->name, making->number);
}

static struct err undo_failed(const struct making *making,
                              struct err (*undo)(const struct making *), struct err err)
{
    struct err undone = undo(making);
    if (undone.code != ERR_OK) {
        log_warning("rotation", "%.*s@%u stays pending until it can be undone: %s",
                    (int)making->name.len, (const char *)making->name.data, making->number,
                    undone.detail);
    }
    return err;
}

struct err making_finish(const struct making *making)
{
    CLEANUP(key_release_at) const struct key *key = NULL;
    const struct version *version = NULL;
    TRY(find_version(making, &key, &version));
    assert(key != NULL && version != NULL);
    struct token_key token_key = {0};
    rotation_token_key(key, version, &token_key);

    failpoint_hit(FAILPOINT_RESERVED);
    CLEANUP(buf_clear) struct buf public_key = {0};
    struct err err = (version->adopted ? adopt : generate)(making, &token_key, &public_key);
    if (err.code != ERR_OK) {
        bool nothing_made = err.code == ERR_CONFLICT || err.code == ERR_OVERLOADED;
        return undo_failed(making, nothing_made ? disown : making_undo, err);
    }
    failpoint_hit(FAILPOINT_GENERATED);
    err = record_and_check(making, &token_key, buf_span(&public_key), key->facts.approval.m);
    if (err.code == ERR_OK) {
        err = making->end == MAKING_ACTIVE ? activate(making) : publish(making, key);
    }
    return err.code == ERR_OK ? err : undo_failed(making, making_undo, err);
}

struct err making_undo(const struct making *making)
{
    CLEANUP(key_release_at) const struct key *key = NULL;
    const struct version *version = NULL;
    TRY(find_version(making, &key, &version));
    assert(key != NULL && version != NULL);
    ENSURE(making_is_unfinished(version), ERR_INVALID_STATE, "version %u is finished",
           making->number);
    if (version->adopted) {
        return disown(making); /* its material was there before us and stays */
    }
    /* A commit that failed may still be on the disk. Only once the store takes writes again is it
     * certain that the activation is not there, and that the material may go. */
    TRY(keystore_check(making->store));
    struct err err = token_destroy(making->token, span_of(version->cka_id, version->cka_id_len),
                                   clock_deadline(UNDO_MS));
    if (err.code == ERR_APPROVAL_REQUIRED) {
        /* No quorum decides about a version that never was; its row must not block the start. */
        log_warning("rotation",
                    "%.*s@%u: its material stays on the token as an object that no key knows, "
                    "because only a quorum destroys it: %s",
                    (int)making->name.len, (const char *)making->name.data, making->number,
                    err.detail);
    } else if (err.code != ERR_OK && err.code != ERR_NOT_FOUND) {
        return err;
    }
    return keystore_drop_pending(making->store, making->name, making->number);
}

bool making_is_unfinished(const struct version *version)
{
    return version->state == VERSION_PENDING && version->published_at == 0;
}

struct err making_undo_unfinished(const struct making *making, size_t *out_count)
{
    CLEANUP(key_release_at) const struct key *key = keystore_find_any(making->store, making->name);
    *out_count = 0;
    for (size_t i = 0; key != NULL && i < key->version_count; i++) {
        if (making_is_unfinished(&key->versions[i])) {
            struct making one = *making;
            one.number = key->versions[i].number;
            TRY(making_undo(&one));
            (*out_count)++;
        }
    }
    return err_ok();
}
