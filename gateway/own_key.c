/* Keys of the gateway's own are made when they are first needed. */
#include "gateway/own_key.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

static struct err record_made(const struct gateway *gateway, const struct own_key *wanted)
{
    struct audit_record record = {.time = clock_wall_ms(),
                                  .kind = "system",
                                  .operation = span_text("create"),
                                  .key = span_text(wanted->name),
                                  .version = 1,
                                  .outcome = "ok"};
    return audit_write(gateway->audit, &record);
}

static struct err make(const struct gateway *gateway, const struct own_key *wanted,
                       int64_t deadline_ns)
{
    const char *name = gateway->config->default_token;
    struct token *token = gateway_token(gateway, name);
    ENSURE(token != NULL, ERR_CONFIG, "there is no default token");
    bool able = token_supports(token, wanted->algorithm, wanted->purpose);
    struct key_spec spec = {
        .name = wanted->name,
        .algorithm = able ? wanted->algorithm : wanted->otherwise,
        .purpose = wanted->purpose,
        .token = name,
        .facts = {.owner = "hsmgate",
                  .description = wanted->description,
                  .classification = CLASS_INTERNAL},
    };
    struct moment moment;
    rotation_moment(&gateway->rotation, &moment);
    TRY(rotation_create_key(&gateway->rotation, &spec, &moment, deadline_ns));
    log_info("gateway", "made the key %s (%s) on token %s", wanted->name,
             algorithm_info(spec.algorithm)->name, name);
    return record_made(gateway, wanted);
}

struct err own_key_get(const struct gateway *gateway, const struct own_key *wanted,
                       int64_t deadline_ns, const struct key **out)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(gateway->store, span_text(wanted->name));
    if (key == NULL) {
        TRY(make(gateway, wanted, deadline_ns));
        key = keystore_find(gateway->store, span_text(wanted->name));
    }
    ENSURE(key != NULL && key_primary(key) != NULL, ERR_INVALID_STATE,
           "the key %s has no active version", wanted->name);
    *out = TAKE(key);
    return err_ok();
}

void own_key_item_clear(struct token_item *item)
{
    buf_clear(&item->output);
    buf_clear(&item->extra);
    buf_clear(&item->plaintext);
}
