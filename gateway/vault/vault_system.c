/* What is not about a key: random bytes, hashes, and the state of the gateway in the words of a
 * Vault server, which has a seal where we have tokens. */
#include <ctype.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/mem.h"
#include "gateway/ops/data_ops.h"
#include "gateway/ops/verbs.h"
#include "gateway/vault/vault.h"

#define RANDOM_DEFAULT 32

/* --- random --- */

static bool is_number(struct span text)
{
    return text.len > 0 && isdigit(text.data[0]) != 0;
}

/* `random/BYTES`, `random/SOURCE`, `random/SOURCE/BYTES`, or `bytes` in the body; every source is
 * the token. */
static struct err read_bytes(const struct call *call, int64_t *out)
{
    struct span text = is_number(call->arguments[0]) ? call->arguments[0] : call->arguments[1];
    const struct loose_field field = {"bytes", LOOSE_INTEGER, 0, out, NULL};
    *out = RANDOM_DEFAULT;
    TRY(loose_read(call->json.root, &field, 1));
    if (text.len == 0) {
        return err_ok();
    }
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        ENSURE(isdigit(text.data[i]) != 0 && *out < 1 << 20, ERR_INVALID_FIELD,
               "error parsing url-set byte count: it is no number, or too large");
        *out = *out * 10 + (text.data[i] - '0');
    }
    return err_ok();
}

static struct err read_format(const struct call *call, bool otherwise_hex, bool *out_hex)
{
    struct span format = {0};
    const struct loose_field field = {"format", LOOSE_TEXT, 0, &format, NULL};
    TRY(loose_read(call->json.root, &field, 1));
    ENSURE(format.len == 0 || span_is(format, "hex") || span_is(format, "base64"),
           ERR_INVALID_FIELD, "unsupported encoding format: it must be \"hex\" or \"base64\"");
    *out_hex = format.len == 0 ? otherwise_hex : span_is(format, "hex");
    return err_ok();
}

static void put_encoded(struct json_writer *writer, const char *name, struct span bytes, bool hex)
{
    if (hex) {
        json_put_hex(writer, name, bytes);
    } else {
        json_put_bytes(writer, name, bytes);
    }
}

static struct err random_read(struct batch *batch, struct item *item)
{
    int64_t bytes = 0;
    bool hex = false;
    TRY(read_bytes(batch->call, &bytes));
    TRY(read_format(batch->call, false, &hex));
    return random_ask(item, bytes);
}

static void random_write(const struct batch *batch, const struct item *item,
                         struct json_writer *writer)
{
    bool hex = false;
    struct err err = read_format(batch->call, false, &hex);
    if (err.code == ERR_OK) { /* it was read before */
        put_encoded(writer, "random_bytes", buf_span(&item->token.output), hex);
    }
}

struct err vault_random(struct call *call)
{
    static const struct words words = {random_read, random_write};
    return verb_random(call, &words);
}

/* --- hash --- */

static struct err read_digest(const struct call *call, enum digest *out)
{
    struct span name = call->arguments[0];
    const struct loose_field field = {"algorithm", LOOSE_TEXT, 0, &name, NULL};
    if (name.len == 0) {
        TRY(loose_read(call->json.root, &field, 1));
    }
    *out = DIGEST_SHA256;
    return name.len == 0 ? err_ok() : vault_hash_by_name(name, out);
}

struct err vault_hash(struct call *call)
{
    CLEANUP(buf_clear) struct buf input = {0};
    uint8_t digest[DIGEST_MAX];
    enum digest hash;
    bool hex = true, present = false;
    const struct loose_field field = {"input", LOOSE_BYTES, MESSAGE_MAX, &input, &present};
    TRY(read_digest(call, &hash));
    TRY(read_format(call, true, &hex));
    TRY(loose_read(call->json.root, &field, 1));
    ENSURE(present, ERR_INVALID_FIELD, "missing input to hash");
    digest_of(hash, buf_span(&input), digest);
    struct json_writer writer = vault_begin(call);
    put_encoded(&writer, "sum", span_of(digest, digest_len(hash)), hex);
    return vault_end(call, &writer, NULL);
}

/* --- the gateway --- */

/* A Vault server is sealed while it has no key; so is the gateway while a token does not serve. */
static bool is_sealed(const struct call *call)
{
    const struct gateway *gateway = call->gateway;
    for (size_t i = 0; i < gateway->token_count; i++) {
        struct token_status status = {0};
        token_status(gateway->tokens[i], &status);
        if (status.state != TOKEN_READY) {
            return true;
        }
    }
    return false;
}

static struct err reply_state(struct call *call, int status,
                              void (*put)(struct json_writer *writer))
{
    bool sealed = is_sealed(call);
    struct json_writer writer = call_reply_json(call, sealed ? status : 200);
    json_begin_object(&writer, NULL);
    json_put_flag(&writer, "initialized", true);
    json_put_flag(&writer, "sealed", sealed);
    json_put_text(&writer, "version", "hsmgate-" HSMGATE_VERSION);
    json_put_text(&writer, "cluster_name", "hsmgate");
    put(&writer);
    json_end_object(&writer);
    return json_finish(&writer);
}

static void put_health(struct json_writer *writer)
{
    json_put_flag(writer, "standby", false);
    json_put_flag(writer, "performance_standby", false);
    json_put_text(writer, "replication_performance_mode", "disabled");
    json_put_text(writer, "replication_dr_mode", "disabled");
    json_put_integer(writer, "server_time_utc", clock_wall_ms() / 1000);
}

static void put_seal(struct json_writer *writer)
{
    json_put_text(writer, "type", "pkcs11");
    json_put_integer(writer, "t", 1);
    json_put_integer(writer, "n", 1);
    json_put_integer(writer, "progress", 0);
    json_put_text(writer, "nonce", "");
    json_put_flag(writer, "migration", false);
    json_put_flag(writer, "recovery_seal", false);
    json_put_text(writer, "storage_type", "hsmgate");
}

struct err vault_health(struct call *call)
{
    return reply_state(call, 503, put_health);
}

struct err vault_seal_status(struct call *call)
{
    return reply_state(call, 200, put_seal);
}

/* What has no state of ours in it is one object of constants. */
static struct err reply_constant(struct call *call, void (*put)(struct json_writer *writer))
{
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    put(&writer);
    json_end_object(&writer);
    return json_finish(&writer);
}

static void put_init(struct json_writer *writer)
{
    json_put_flag(writer, "initialized", true);
}

struct err vault_init(struct call *call)
{
    return reply_constant(call, put_init);
}

/* Each gateway serves alone. */
static void put_leader(struct json_writer *writer)
{
    json_put_flag(writer, "ha_enabled", false);
    json_put_flag(writer, "is_self", true);
    json_put_text(writer, "leader_address", "");
    json_put_text(writer, "leader_cluster_address", "");
    json_put_flag(writer, "performance_standby", false);
}

struct err vault_leader(struct call *call)
{
    return reply_constant(call, put_leader);
}

struct err vault_mounts(struct call *call)
{
    const struct config *config = call->gateway->config;
    struct json_writer writer = vault_begin(call);
    for (size_t i = 0; i < config->vault_mount_count; i++) {
        char name[NAME_MAX_LEN + 2];
        snprintf(name, sizeof(name), "%s/", config->vault_mounts[i].mount);
        json_begin_object(&writer, name);
        json_put_text(&writer, "type", "transit");
        json_put_text(&writer, "accessor", config->vault_mounts[i].mount);
        json_put_text(&writer, "description", "keys of the namespace in a PKCS#11 token");
        json_begin_object(&writer, "config");
        json_put_integer(&writer, "default_lease_ttl", 0);
        json_put_integer(&writer, "max_lease_ttl", 0);
        json_put_flag(&writer, "force_no_cache", false);
        json_end_object(&writer);
        json_put_null(&writer, "options");
        json_put_flag(&writer, "local", true);
        json_put_flag(&writer, "seal_wrap", false);
        json_end_object(&writer);
    }
    return vault_end(call, &writer, NULL);
}
