/* Public halves of keys, for everybody who verifies: JSON Web Key Sets (RFC 7517 §5) and the
 * discovery document that points to them (OpenID Connect Discovery 1.0 §3), and one key's public
 * half for callers with a grant.
 *
 * A set holds the versions that sign, signed not long ago or will sign soon, so that a cached copy
 * is never too old: max-age is at most half of the smallest publish_ahead. */
#include "base/mem.h"
#include "base/public_key.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/key_view.h"
#include "gateway/query.h"

#define LIST_CHUNK     256
#define DISCOVERY_TAIL "/.well-known/openid-configuration"

/* --- caching --- */

/* RFC 9110 §13.1.2: a list of tags or `*`, compared weakly. */
static bool etag_listed(struct span if_none_match, const char *etag)
{
    if (if_none_match.len == 0) {
        return false;
    }
    return span_is(if_none_match, "*") ||
           memmem(if_none_match.data, if_none_match.len, etag, strlen(etag)) != NULL;
}

/* Tag and age of the finished body; 304 without it when the client has it already. */
static void finish_public(struct call *call, int64_t max_age_s)
{
    struct reply *reply = &call->exchange->reply;
    uint8_t digest[DIGEST_MAX];
    digest_of(DIGEST_SHA256, buf_span(&reply->body), digest);
    reply->etag[0] = '"';
    for (size_t i = 0; i < SHA256_LEN / 2; i++) {
        snprintf(reply->etag + 1 + 2 * i, 3, "%02x", digest[i]);
    }
    memcpy(reply->etag + 1 + SHA256_LEN, "\"", 2);
    reply->public_max_age_s = max_age_s > 0 ? (unsigned)max_age_s : 0;
    if (etag_listed(call->exchange->request.if_none_match, reply->etag)) {
        reply->status = 304;
        buf_reset(&reply->body);
    }
}

/* --- walking the keys of a namespace --- */

/* A key that has, or will have, a place in key sets. */
static bool is_published(const struct key *key)
{
    return key->purpose == PURPOSE_SIGN;
}

typedef struct err key_visit(void *context, const struct key *key);

static struct err visit_chunk(const struct key **keys, size_t count, struct span namespace,
                              key_visit *visit, void *context)
{
    for (size_t i = 0; i < count; i++) {
        struct span name = span_text(keys[i]->name);
        if (is_published(keys[i]) && span_equal(name_namespace(name), namespace)) {
            TRY(visit(context, keys[i]));
        }
    }
    return err_ok();
}

/* Every published key directly in the namespace, by name. */
static struct err visit_namespace(struct keystore *store, struct span namespace, key_visit *visit,
                                  void *context)
{
    char prefix[NAME_MAX_LEN + 2];
    char after[NAME_MAX_LEN + 1] = "";
    size_t count = LIST_CHUNK;
    snprintf(prefix, sizeof(prefix), "%.*s/", (int)namespace.len, (const char *)namespace.data);
    while (count == LIST_CHUNK) {
        const struct key **keys = keystore_list(store, span_text(prefix), span_text(after),
                                                LIST_CHUNK, LIST_USABLE, &count);
        struct err err = visit_chunk(keys, count, namespace, visit, context);
        if (count > 0) {
            snprintf(after, sizeof(after), "%s", keys[count - 1]->name);
        }
        keystore_list_free(keys, count);
        TRY(err);
    }
    return err_ok();
}

/* --- key sets --- */

struct key_set {
    struct json_writer *writer;
    int64_t max_age_s;
    size_t keys;
};

static struct err put_key(void *context, const struct key *key)
{
    struct key_set *set = context;
    for (size_t i = 0; i < key->version_count; i++) {
        const struct version *version = &key->versions[i];
        if (version->published_at != 0 && lifecycle_published(version->state)) {
            TRY(key_view_put_jwk(set->writer, key, version));
        }
    }
    set->keys++;
    set->max_age_s = plan_cache_age(&key->facts.rotation, set->max_age_s);
    return err_ok();
}

static struct err put_named(struct call *call, struct span name, struct key_set *set)
{
    TRY(name_check(name));
    CLEANUP(key_release_at) const struct key *key = keystore_find(call->gateway->store, name);
    return key != NULL && is_published(key) ? put_key(set, key) : err_ok();
}

static struct err put_set(struct call *call, struct key_set *set)
{
    struct span target = call->target;
    if (target.data[target.len - 1] != '/') {
        return put_named(call, target, set);
    }
    target.len--;
    TRY(name_check_namespace(target));
    return visit_namespace(call->gateway->store, target, put_key, set);
}

/* What the audit record says of the document. */
static struct err note_target(struct call *call)
{
    struct json_writer writer = json_writer_on(&call->detail);
    json_begin_object(&writer, NULL);
    json_put_span(&writer, "document", call->target);
    json_end_object(&writer);
    return json_finish(&writer);
}

struct err op_jwks(struct call *call)
{
    struct json_writer writer = call_reply_json(call, 200);
    struct key_set set = {.writer = &writer, .max_age_s = call->gateway->config->jwks_max_age_s};
    json_begin_object(&writer, NULL);
    json_begin_array(&writer, "keys");
    TRY(put_set(call, &set));
    json_end_array(&writer);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    TRY(note_target(call));
    ENSURE(set.keys > 0, ERR_NOT_FOUND, "No key that signs is published under this name.");
    call->exchange->reply.content_type = "application/jwk-set+json";
    finish_public(call, set.max_age_s);
    return err_ok();
}

/* --- discovery --- */

struct discovery {
    uint32_t schemes; /* 1u << enum scheme */
    int64_t max_age_s;
};

static struct err note_scheme(void *context, const struct key *key)
{
    struct discovery *discovery = context;
    discovery->schemes |= 1u << scheme_default(key->algorithm);
    discovery->max_age_s = plan_cache_age(&key->facts.rotation, discovery->max_age_s);
    return err_ok();
}

static void put_one_text_array(struct json_writer *writer, const char *name, const char *text)
{
    json_begin_array(writer, name);
    json_put_text(writer, NULL, text);
    json_end_array(writer);
}

static void put_discovery(struct json_writer *writer, const char *public_url, struct span namespace,
                          const struct discovery *discovery)
{
    char url[1024];
    json_begin_object(writer, NULL);
    snprintf(url, sizeof(url), "%s/oidc/%.*s", public_url, (int)namespace.len,
             (const char *)namespace.data);
    json_put_text(writer, "issuer", url);
    snprintf(url, sizeof(url), "%s/jwks/%.*s/", public_url, (int)namespace.len,
             (const char *)namespace.data);
    json_put_text(writer, "jwks_uri", url);
    put_one_text_array(writer, "response_types_supported", "id_token");
    put_one_text_array(writer, "subject_types_supported", "public");
    json_begin_array(writer, "id_token_signing_alg_values_supported");
    for (unsigned i = 0; i < SCHEME_COUNT; i++) {
        if ((discovery->schemes & (1u << i)) != 0) {
            json_put_text(writer, NULL, scheme_info((enum scheme)i)->name);
        }
    }
    json_end_array(writer);
    json_end_object(writer);
}

struct err op_oidc(struct call *call)
{
    const struct config *config = call->gateway->config;
    size_t tail = sizeof(DISCOVERY_TAIL) - 1;
    struct span namespace = call->target;
    struct discovery discovery = {.max_age_s = config->jwks_max_age_s};
    ENSURE(namespace.len > tail &&
               memcmp(namespace.data + namespace.len - tail, DISCOVERY_TAIL, tail) == 0,
           ERR_NOT_FOUND, "Nothing is served under this path.");
    namespace.len -= tail;
    TRY(name_check_namespace(namespace));
    TRY(note_target(call));
    TRY(visit_namespace(call->gateway->store, namespace, note_scheme, &discovery));
    ENSURE(discovery.schemes != 0, ERR_NOT_FOUND, "No key that signs is in this namespace.");
    struct json_writer writer = call_reply_json(call, 200);
    put_discovery(&writer, config->public_url, namespace, &discovery);
    TRY(json_finish(&writer));
    finish_public(call, discovery.max_age_s);
    return err_ok();
}

/* --- one public half --- */

static struct err write_pem(struct call *call, const struct version *version)
{
    call->exchange->reply.content_type = "application/x-pem-file";
    return public_key_pem(version->public_key, &call->exchange->reply.body);
}

static struct err write_der(struct call *call, const struct version *version)
{
    call->exchange->reply.content_type = "application/octet-stream";
    return buf_append(&call->exchange->reply.body, version->public_key);
}

static struct err write_jwk(struct call *call, const struct version *version)
{
    struct json_writer writer = call_reply_json(call, 200);
    TRY(key_view_put_jwk(&writer, call->key, version));
    call->exchange->reply.content_type = "application/jwk+json";
    return json_finish(&writer);
}

static const struct {
    const char *name;
    struct err (*write)(struct call *call, const struct version *version);
} formats[] = {{"pem", write_pem}, {"der", write_der}, {"jwk", write_jwk}};

struct err op_key_public(struct call *call)
{
    char format[8] = "pem";
    const struct query_field fields[] = {{"format", format, sizeof(format)}};
    TRY(query_read(call->exchange->request.query, fields, ARRAY_LEN(fields)));
    const struct version *version = call->version_asked != 0
                                        ? key_version(call->key, call->version_asked)
                                        : key_primary(call->key);
    ENSURE(version != NULL, ERR_NOT_FOUND, "The key has no such version.");
    ENSURE(version->public_key.len > 0, ERR_UNSUPPORTED_OPERATION, "A %s key has no public half.",
           algorithm_info(call->key->algorithm)->name);
    call->version = version->number;
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (strcmp(format, formats[i].name) == 0) {
            call->exchange->reply.status = 200;
            return formats[i].write(call, version);
        }
    }
    return err_new(ERR_INVALID_FIELD, __func__, "format must be pem, der or jwk.");
}
