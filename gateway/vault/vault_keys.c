/* Keys under a mount: made, shown, listed, and their public halves. A key is made by the native
 * operation, from a body that says the same in our words. */
#include "gateway/vault/vault_keys.h"
#include "base/clock.h"
#include "base/mem.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/key_walk.h"

#define TYPE_DEFAULT   "aes256-gcm96"
#define ROTATE_LEAST_S INT64_C(3600)
#define HMAC_KEY_BYTES 32
#define NUMBER_MAX     12

struct err vault_take_body(struct call *call, struct span text)
{
    json_clear(&call->json);
    return json_parse(text, &call->json);
}

struct err vault_reply_key(struct call *call, const char *warning)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(call->gateway->store, call->target);
    ENSURE(key != NULL, ERR_INTERNAL, "The key is gone right after its change.");
    buf_reset(&call->exchange->reply.body);
    struct json_writer writer = vault_begin(call);
    TRY(vault_put_key(call, &writer, key));
    return vault_end(call, &writer, warning);
}

/* --- create --- */

struct wanted {
    enum algorithm algorithm;
    int64_t rotate_s;
};

static struct err read_wanted(const struct call *call, struct wanted *out)
{
    struct span type = {0};
    int64_t key_size = 0;
    const struct loose_field fields[] = {
        {"type", LOOSE_TEXT, 0, &type, NULL},
        {"key_size", LOOSE_INTEGER, 0, &key_size, NULL},
        {"auto_rotate_period", LOOSE_SECONDS, 0, &out->rotate_s, NULL},
    };
    TRY(vault_refuse_flags(call->json.root));
    TRY(loose_read(call->json.root, fields, ARRAY_LEN(fields)));
    ENSURE(vault_type_algorithm(type.len > 0 ? type : span_text(TYPE_DEFAULT), &out->algorithm),
           ERR_INVALID_FIELD,
           "unknown key type: it is aes256-gcm96, ecdsa-p256, ecdsa-p384, ecdsa-p521, ed25519, "
           "rsa-2048, rsa-3072, rsa-4096 or hmac");
    ENSURE(key_size == 0 || (out->algorithm == ALGORITHM_HMAC_SHA256 && key_size == HMAC_KEY_BYTES),
           ERR_INVALID_FIELD, "key_size is %d for type hmac, and is left out for others",
           HMAC_KEY_BYTES);
    ENSURE(out->rotate_s == 0 || out->rotate_s >= ROTATE_LEAST_S, ERR_INVALID_FIELD,
           "auto rotate period must be 0 to disable or at least an hour");
    return err_ok();
}

static struct err native_body(const struct call *call, const struct wanted *wanted, struct buf *out)
{
    char period[CLOCK_TEXT_MAX];
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    json_put_span(&writer, "name", call->target);
    json_put_text(&writer, "algorithm", algorithm_info(wanted->algorithm)->name);
    json_put_text(&writer, "owner", call->principal);
    if (wanted->rotate_s != 0) {
        clock_format_duration(wanted->rotate_s, period);
        json_begin_object(&writer, "rotation");
        json_put_text(&writer, "every", period);
        json_end_object(&writer);
    }
    json_end_object(&writer);
    return json_finish(&writer);
}

/* A key that is there stays as it is. */
static struct err reply_existing(struct call *call)
{
    char warning[NAME_MAX_LEN + 32], name[NAME_MAX_LEN + 1];
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(call->gateway->store, call->target);
    ENSURE(key != NULL, ERR_INTERNAL, "The key is gone.");
    ENSURE(!vault_key_is_gone(key), ERR_CONFLICT,
           "the name belongs to a key that was deleted: cancel that, or take another name");
    snprintf(warning, sizeof(warning), "key %s already existed",
             (const char *)vault_key_name(call, key, name).data);
    return vault_reply_key(call, warning);
}

static bool exists(const struct call *call)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(call->gateway->store, call->target);
    return key != NULL;
}

struct err vault_key_create(struct call *call)
{
    struct wanted wanted = {0};
    CLEANUP(buf_clear) struct buf body = {.max = BUF_MAX_DEFAULT};
    TRY(pipeline_grant(call, call->route->operation, call->target));
    TRY(read_wanted(call, &wanted));
    if (exists(call)) {
        return reply_existing(call);
    }
    TRY(native_body(call, &wanted, &body));
    TRY(vault_take_body(call, buf_span(&body)));
    struct span name = call->target;
    struct err err = op_key_create(call);
    call->target = name; /* not the one in the body, which goes */
    TRY(err);
    return vault_reply_key(call, NULL);
}

/* --- read, list --- */

struct err vault_key_read(struct call *call)
{
    ENSURE(!vault_key_is_gone(call->key), ERR_NOT_FOUND, "There is no key with this name.");
    struct json_writer writer = vault_begin(call);
    TRY(vault_put_key(call, &writer, call->key));
    return vault_end(call, &writer, NULL);
}

struct listing {
    struct call *call;
    struct json_writer *writer;
    size_t count;
};

/* Keys of the namespace itself, not those further down. */
static bool is_listed(const struct key *key, void *context)
{
    char text[NAME_MAX_LEN + 1];
    const struct listing *listing = context;
    struct span name = vault_key_name(listing->call, key, text);
    return memchr(name.data, '/', name.len) == NULL && !vault_key_is_gone(key);
}

static struct err put_name(const struct key *key, void *context)
{
    char text[NAME_MAX_LEN + 1];
    struct listing *listing = context;
    json_put_span(listing->writer, NULL, vault_key_name(listing->call, key, text));
    listing->count++;
    return err_ok();
}

/* `after` and `limit`, as OpenBao's clients page: names in the order of ours, a limit of 0 or less
 * is none. */
static struct err read_page(const struct call *call, struct span prefix, struct key_walk *walk)
{
    const struct request *request = &call->exchange->request;
    struct span after = vault_parameter(request, "after");
    struct span limit = vault_parameter(request, "limit");
    int64_t most = 0;
    CLEANUP(buf_clear) struct buf name = {.max = NAME_MAX_LEN};
    if (after.len > 0) {
        TRY(buf_append(&name, prefix));
        TRY(vault_name_encode(after, &name));
        memcpy(walk->after, name.data, name.len);
        walk->after[name.len] = '\0';
    }
    bool negative = limit.len > 0 && limit.data[0] == '-';
    struct span digits = negative ? span_of(limit.data + 1, limit.len - 1) : limit;
    ENSURE(limit.len == 0 || loose_digits(digits, &most), ERR_INVALID_FIELD,
           "limit must be a whole number");
    walk->most = most > 0 && !negative ? (size_t)most : SIZE_MAX;
    return err_ok();
}

struct err vault_key_list(struct call *call)
{
    char prefix[NAME_MAX_LEN + 2];
    const struct config_mount *mount = vault_mount(call->gateway, &call->exchange->request);
    snprintf(prefix, sizeof(prefix), "%s/", mount->namespace);
    struct json_writer writer = vault_begin(call);
    struct listing listing = {.call = call, .writer = &writer};
    struct key_walk walk = {
        .prefix = span_text(prefix), .listed = is_listed, .visit = put_name, .context = &listing};
    TRY(read_page(call, span_text(prefix), &walk));
    json_begin_array(&writer, "keys");
    TRY(key_walk(call, &walk));
    json_end_array(&writer);
    ENSURE(listing.count > 0, ERR_NOT_FOUND, "There are no keys.");
    return vault_end(call, &writer, NULL);
}

/* --- export --- */

/* What is exported of a version; `out` stays empty when it has none. */
typedef struct err exporter(const struct key *key, const struct version *version, struct buf *out);

static struct err export_public(const struct key *key, const struct version *version,
                                struct buf *out)
{
    return version->public_key.len > 0 ? vault_public_text(key, version, out) : err_ok();
}

static struct err export_chain(const struct key *key, const struct version *version,
                               struct buf *out)
{
    (void)key;
    return version->certificates != NULL ? buf_append_text(out, version->certificates) : err_ok();
}

static bool is_asked(const struct call *call, const struct version *version)
{
    char number[NUMBER_MAX];
    struct span asked = call->arguments[0];
    uint32_t shown = version->number;
    if (span_is(asked, "latest")) {
        return shown == vault_latest(call->key);
    }
    snprintf(number, sizeof(number), "%u", shown);
    return asked.len == 0 || span_is(asked, number);
}

static struct err put_exported(struct json_writer *writer, const struct key *key,
                               const struct version *version, exporter *of, size_t *count)
{
    char number[NUMBER_MAX];
    CLEANUP(buf_clear) struct buf text = {.max = BUF_MAX_DEFAULT};
    TRY(of(key, version, &text));
    if (text.len > 0) {
        snprintf(number, sizeof(number), "%u", version->number);
        json_put_span(writer, number, buf_span(&text));
        *count += 1;
    }
    return err_ok();
}

static struct err export(struct call *call, exporter *of)
{
    size_t count = 0;
    char name[NAME_MAX_LEN + 1];
    const struct key *key = call->key;
    ENSURE(!vault_key_is_gone(key), ERR_NOT_FOUND, "There is no key with this name.");
    ENSURE(key->purpose == PURPOSE_SIGN || key->purpose == PURPOSE_DECRYPT,
           ERR_UNSUPPORTED_OPERATION, "the key has no public half");
    struct json_writer writer = vault_begin(call);
    json_put_span(&writer, "name", vault_key_name(call, key, name));
    json_put_text(&writer, "type", vault_type_name(key->algorithm));
    json_begin_object(&writer, "keys");
    for (size_t i = 0; i < key->version_count; i++) {
        if (is_asked(call, &key->versions[i])) {
            TRY(put_exported(&writer, key, &key->versions[i], of, &count));
        }
    }
    json_end_object(&writer);
    ENSURE(count > 0, ERR_NOT_FOUND, "The key has none, or no such version.");
    return vault_end(call, &writer, NULL);
}

struct err vault_export_public(struct call *call)
{
    return export(call, export_public);
}

struct err vault_export_chain(struct call *call)
{
    return export(call, export_chain);
}

struct err vault_never(struct call *call)
{
    (void)call;
    return err_new(ERR_UNSUPPORTED_OPERATION, __func__,
                   "private and secret keys never leave the token: export/public-key/NAME gives "
                   "the public half");
}

struct err vault_no_import(struct call *call)
{
    (void)call;
    return err_new(ERR_UNSUPPORTED_OPERATION, __func__,
                   "keys are made in the token and do not come from elsewhere: an operator adopts "
                   "one that the token has already");
}
