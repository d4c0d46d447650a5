/* db_load: two queries in the order of names, merged: one gives keys, the other their versions.
 * 100 000 keys take well under a second, because nothing is looked up one by one. */
#include "keystore/db_load.h"

#include <string.h>

#include "base/mem.h"
#include "keystore/facts.h"
#include "keystore/key.h"
#include "keystore/uses.h"

static const char select_keys[] =
    "SELECT id, name, algorithm, purpose, token, owner, description, contact, classification,"
    " labels, rotation_every, rotation_overlap, rotation_publish_ahead, rotation_max_uses,"
    " jwt_max_ttl, jwt_issuer, jwt_audiences, approval_group, approval_m, created_at, next_version,"
    " rotation_mode, cached_until, frozen_at, frozen_by, frozen_reason FROM keys ORDER BY name";

static const char select_versions[] =
    "SELECT versions.key_id, versions.number, versions.state, versions.cka_id, versions.identity,"
    " versions.public_key, versions.created_at, versions.activated_at, versions.retired_at,"
    " versions.destroy_at, versions.published_at, versions.promote_at, versions.entered_at,"
    " versions.entered_lived, versions.disabled_from, versions.scheduled_from, versions.destroying,"
    " versions.adopted, versions.attributes, versions.count_unsure, versions.reason,"
    " versions.uses_reserved, versions.last_used_at, versions.protected_at, versions.protected_by,"
    " versions.opened_at, versions.opened_by, versions.jwt_expires_at, versions.raw_signature_at,"
    " versions.rewrapped, versions.recorded_since, versions.permission, versions.certificates"
    " FROM keys JOIN versions ON versions.key_id = keys.id ORDER BY keys.name, versions.number";

struct load {
    struct db_rows *keys;
    struct db_rows *versions;
    bool more_versions;           /* `versions` stands on a row not yet used */
    struct version *versions_now; /* of the key being read; grows to the longest */
    size_t count;
    size_t cap;
};

static void load_clear(struct load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        mem_free((void *)(uintptr_t)load->versions_now[i].public_key.data);
        mem_free((void *)(uintptr_t)load->versions_now[i].reason);
        mem_free((void *)(uintptr_t)load->versions_now[i].certificates);
        uses_release(load->versions_now[i].uses);
    }
    load->count = 0;
}

static void load_close(struct load *load)
{
    load_clear(load);
    mem_free(load->versions_now);
    db_rows_close_at(&load->keys);
    db_rows_close_at(&load->versions);
}

static struct err copy_bytes(struct span from, uint8_t *to, size_t max, size_t *out_len)
{
    ENSURE(from.len <= max, ERR_CORRUPT, "a stored version is damaged");
    if (from.len > 0) {
        memcpy(to, from.data, from.len);
    }
    *out_len = from.len;
    return err_ok();
}

static const char *copy_text(const char *text)
{
    return text != NULL ? mem_text(text) : NULL;
}

static struct err read_uuid(struct db_rows *rows, struct uuid *out)
{
    size_t len = 0;
    TRY(copy_bytes(db_bytes_at(rows, 0), out->bytes, UUID_LEN, &len));
    ENSURE(len == UUID_LEN, ERR_CORRUPT, "a stored key's id is damaged");
    return err_ok();
}

static struct err read_state(struct db_rows *rows, int column, enum version_state lowest,
                             enum version_state *out)
{
    int64_t state = db_integer_at(rows, column);
    ENSURE(state >= (int64_t)lowest && state < VERSION_STATE_END, ERR_CORRUPT,
           "a stored version has no known state");
    *out = (enum version_state)state;
    return err_ok();
}

static struct uses *read_uses(struct db_rows *rows, struct uuid key_id, uint32_t number)
{
    struct uses_row row = {
        .reserved = (uint64_t)db_integer_at(rows, 21),
        .last_used_at = db_integer_at(rows, 22),
        .kind_at = {[USE_PROTECT] = db_integer_at(rows, 23), [USE_OPEN] = db_integer_at(rows, 25)},
        .principals = {[USE_PROTECT] = db_text_at(rows, 24), [USE_OPEN] = db_text_at(rows, 26)},
        .jwt_expires_at = db_integer_at(rows, 27),
        .raw_signature_at = db_integer_at(rows, 28),
        .rewrapped = (uint64_t)db_integer_at(rows, 29),
        .recorded_since = db_integer_at(rows, 30)};
    return uses_load(key_id, number, &row);
}

static struct err read_states(struct db_rows *rows, struct version *out)
{
    const enum version_state none = (enum version_state)0;
    TRY(read_state(rows, 2, VERSION_PENDING, &out->state));
    TRY(read_state(rows, 14, none, &out->disabled_from));
    return read_state(rows, 15, none, &out->scheduled_from);
}

static struct err read_version(struct db_rows *rows, struct uuid key_id, struct version *out)
{
    struct version version = {.number = (uint32_t)db_integer_at(rows, 1),
                              .created_at = db_integer_at(rows, 6),
                              .activated_at = db_integer_at(rows, 7),
                              .retired_at = db_integer_at(rows, 8),
                              .destroy_at = db_integer_at(rows, 9),
                              .published_at = db_integer_at(rows, 10),
                              .promote_at = db_integer_at(rows, 11),
                              .entered_at = db_integer_at(rows, 12),
                              .entered_lived = db_integer_at(rows, 13),
                              .destroying = db_integer_at(rows, 16) != 0,
                              .adopted = db_integer_at(rows, 17) != 0,
                              .attributes = (uint32_t)db_integer_at(rows, 18),
                              .count_unsure = db_integer_at(rows, 19) != 0};
    TRY(read_states(rows, &version));
    TRY(copy_bytes(db_bytes_at(rows, 3), version.cka_id, CKA_ID_MAX, &version.cka_id_len));
    TRY(copy_bytes(db_bytes_at(rows, 4), version.identity, IDENTITY_MAX, &version.identity_len));
    struct span public_key = db_bytes_at(rows, 5);
    if (public_key.len > 0) {
        version.public_key = span_of(mem_copy(public_key.data, public_key.len), public_key.len);
    }
    size_t permission_len = 0;
    TRY(copy_bytes(db_bytes_at(rows, 31), version.permission.bytes, UUID_LEN, &permission_len));
    ENSURE(permission_len == 0 || permission_len == UUID_LEN, ERR_CORRUPT,
           "a stored version's permission is damaged");
    version.has_permission = permission_len > 0;
    version.reason = copy_text(db_text_at(rows, 20));
    version.certificates = copy_text(db_text_at(rows, 32));
    version.uses = read_uses(rows, key_id, version.number);
    *out = version;
    return err_ok();
}

/* The versions of the key from where the query stands. */
static struct err read_versions(struct load *load, struct uuid key_id)
{
    load_clear(load);
    while (load->more_versions) {
        struct uuid owner = {0};
        TRY(read_uuid(load->versions, &owner));
        if (!uuid_equal(owner, key_id)) {
            break;
        }
        if (load->count == load->cap) {
            load->cap = load->cap == 0 ? 16 : load->cap * 2;
            load->versions_now = mem_resize(load->versions_now, load->cap, sizeof(struct version));
        }
        TRY(read_version(load->versions, key_id, &load->versions_now[load->count]));
        load->count++;
        TRY(db_next(load->versions, &load->more_versions));
    }
    ENSURE(load->count > 0, ERR_CORRUPT, "a stored key has no version");
    return err_ok();
}

static struct err read_kind(struct db_rows *rows, struct key *key)
{
    ENSURE(algorithm_by_name(db_bytes_at(rows, 2), &key->algorithm) &&
               purpose_by_name(db_bytes_at(rows, 3), &key->purpose) &&
               classification_by_name(db_bytes_at(rows, 8), &key->facts.classification),
           ERR_CORRUPT, "a stored key has an unknown algorithm, purpose or classification");
    return err_ok();
}

/* The key's columns; its texts are borrowed from the row and from `text`. */
static struct err read_key(struct db_rows *rows, struct facts_text *text, struct key *out)
{
    struct key key = {.name = db_text_at(rows, 1),
                      .token = db_text_at(rows, 4),
                      .created_at = db_integer_at(rows, 19),
                      .next_version = (uint32_t)db_integer_at(rows, 20),
                      .cached_until = db_integer_at(rows, 22),
                      .frozen = {.at = db_integer_at(rows, 23),
                                 .by = db_text_at(rows, 24),
                                 .reason = db_text_at(rows, 25)}};
    bool automatic = db_integer_at(rows, 21) == ROTATION_AUTOMATIC;
    key.facts = (struct key_facts){
        .owner = db_text_at(rows, 5),
        .description = db_text_at(rows, 6),
        .contact = db_text_at(rows, 7),
        .rotation = {.every = db_integer_at(rows, 10),
                     .overlap = db_integer_at(rows, 11),
                     .publish_ahead = db_integer_at(rows, 12),
                     .max_uses = db_integer_at(rows, 13),
                     .mode = automatic ? ROTATION_AUTOMATIC : ROTATION_MANUAL},
        .jwt = {.max_ttl = db_integer_at(rows, 14), .issuer = db_text_at(rows, 15)},
        .approval = {.group = db_text_at(rows, 17), .m = (uint32_t)db_integer_at(rows, 18)}};
    TRY(read_uuid(rows, &key.id));
    TRY(read_kind(rows, &key));
    TRY(facts_read(db_bytes_at(rows, 9), db_bytes_at(rows, 16), text, &key.facts));
    *out = key;
    return err_ok();
}

static struct err load_key(struct load *load, struct directory *directory)
{
    CLEANUP(facts_text_clear) struct facts_text text = {0};
    struct key draft = {0};
    TRY(read_key(load->keys, &text, &draft));
    TRY(read_versions(load, draft.id));
    draft.versions = load->versions_now;
    draft.version_count = load->count;
    directory_put(directory, key_make(&draft));
    return err_ok();
}

struct err db_load_keys(struct db *db, struct directory *directory)
{
    CLEANUP(load_close) struct load load = {0};
    bool more = false;
    TRY(db_query(db, select_keys, NULL, 0, &load.keys));
    TRY(db_query(db, select_versions, NULL, 0, &load.versions));
    TRY(db_next(load.versions, &load.more_versions));
    TRY(db_next(load.keys, &more));
    while (more) {
        TRY(load_key(&load, directory));
        TRY(db_next(load.keys, &more));
    }
    return err_ok();
}
