/* Answers and refusals as Vault's HTTP API words them: an envelope with `data`, or a list of
 * errors. The content type is compared with `==` by some clients, so it has no parameters. */
#include "base/encoding.h"
#include "base/mem.h"
#include "gateway/problem.h"
#include "gateway/vault/vault.h"

#define PREFIX_MAX 24

/* --- the envelope --- */

struct json_writer vault_envelope(struct call *call)
{
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "request_id", call->exchange->request.id);
    json_put_text(&writer, "lease_id", "");
    json_put_flag(&writer, "renewable", false);
    json_put_integer(&writer, "lease_duration", 0);
    return writer;
}

struct json_writer vault_begin(struct call *call)
{
    struct json_writer writer = vault_envelope(call);
    json_begin_object(&writer, "data");
    return writer;
}

struct err vault_end(const struct call *call, struct json_writer *writer, const char *warning)
{
    const struct gateway *gateway = call->gateway;
    bool mounted = vault_mount(gateway, &call->exchange->request) != NULL;
    json_end_object(writer);
    json_put_null(writer, "wrap_info");
    if (warning != NULL) {
        json_begin_array(writer, "warnings");
        json_put_text(writer, NULL, warning);
        json_end_array(writer);
    } else {
        json_put_null(writer, "warnings");
    }
    json_put_null(writer, "auth");
    json_put_text(writer, "mount_type", mounted ? "transit" : "system");
    json_end_object(writer);
    return json_finish(writer);
}

struct err vault_nothing(struct call *call)
{
    struct reply *reply = &call->exchange->reply;
    buf_clear(&reply->body);
    reply->status = 204;
    reply->content_type = NULL;
    return err_ok();
}

void vault_put_text(struct json_writer *writer, const char *name, uint32_t version,
                    struct span bytes, enum signature_encoding encoding)
{
    char prefix[PREFIX_MAX];
    CLEANUP(buf_clear) struct buf text = {.max = BUF_MAX_DEFAULT};
    snprintf(prefix, sizeof(prefix), "vault:v%u:", version);
    struct err err = buf_append_text(&text, prefix);
    if (err.code == ERR_OK) {
        err = encoding == ENCODING_JOSE ? base64url_encode(bytes, &text)
                                        : base64_encode(bytes, &text);
    }
    if (err.code != ERR_OK) {
        writer->err = err;
        return;
    }
    json_put_span(writer, name, buf_span(&text));
}

/* --- refusals --- */

/* A write to what is not there is a bad request, a read is not found; neither is an unknown path.
 */
static int status_of(const struct exchange *exchange, const struct route *route,
                     const struct err *err)
{
    int status = problem_status(err->code);
    bool reads = exchange->request.method == METHOD_GET || exchange->request.method == METHOD_LIST;
    switch (status) {
    case 401:
        return 403;
    case 404:
        return reads || route == NULL ? 404 : 400;
    case 409:
    case 415:
        return 400;
    default:
        return status;
    }
}

/* Clients look for `permission denied`, and take an empty list for nothing there. */
static void put_errors(struct json_writer *writer, const struct route *route, int status,
                       const struct err *err)
{
    json_begin_array(writer, "errors");
    if (status == 403) {
        CLEANUP(buf_clear) struct buf text = {.max = BUF_MAX_DEFAULT};
        struct err made = buf_printf(&text, "permission denied: %s", problem_detail(err));
        json_put_span(writer, NULL,
                      made.code == ERR_OK ? buf_span(&text) : span_text("permission denied"));
    } else if (status != 404 || route == NULL) {
        json_put_text(writer, NULL, problem_detail(err));
    }
    json_end_array(writer);
}

void vault_refuse(struct exchange *exchange, const struct route *route, const struct err *err)
{
    struct reply *reply = &exchange->reply;
    /* sets what all refusals have, and then the body is ours */
    problem_reply(reply, err, exchange->request.id);
    buf_reset(&reply->body);
    reply->status = status_of(exchange, route, err);
    reply->content_type = "application/json";
    struct json_writer writer = json_writer_on(&reply->body);
    json_begin_object(&writer, NULL);
    put_errors(&writer, route, reply->status, err);
    json_end_object(&writer);
    struct err written = json_finish(&writer);
    if (written.code != ERR_OK) {
        buf_reset(&reply->body);
    }
}

/* --- items --- */

struct err vault_reply_one(const struct batch *batch, const struct item *item)
{
    struct json_writer writer = vault_begin(batch->call);
    batch->verb->words->write(batch, item, &writer);
    if (item->reference.len > 0) {
        json_put_span(&writer, "reference", item->reference);
    }
    return vault_end(batch->call, &writer, NULL);
}

static void write_item(const struct batch *batch, const struct item *item,
                       struct json_writer *writer)
{
    json_begin_object(writer, NULL);
    if (item->err.code == ERR_OK) {
        batch->verb->words->write(batch, item, writer);
    } else {
        json_put_text(writer, "error", problem_detail(&item->err));
    }
    json_put_span(writer, "reference", item->reference);
    json_end_object(writer);
}

/* A status that may have a body and says nothing of the gateway or of the caller's rights. */
static bool may_choose(int64_t status)
{
    bool good = status >= 200 && status <= 299 && status != 204 && status != 205;
    return good || (status >= 400 && status <= 499 && status != 401 && status != 403);
}

/* Ciphertexts: 400 when an item could not be done, or what the caller chose instead while others
 * could; signatures and MACs: 200, whatever became of the items. */
static struct err batch_status(const struct batch *batch, int *out)
{
    enum verb_use use = batch->verb->use;
    bool ciphertexts = use == VERB_PROTECTS || use == VERB_OPENS || use == VERB_REWRAPS;
    int worst = 0;
    size_t failed = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->items[i].err.code != ERR_OK) {
            bool ours = problem_status(batch->items[i].err.code) >= 500;
            worst = ours && worst != 400 ? 500 : 400;
            failed++;
        }
    }
    *out = !ciphertexts || failed == 0 ? 200 : worst;
    int64_t wanted = 0;
    const struct loose_field field = {"partial_failure_response_code", LOOSE_INTEGER, 0, &wanted,
                                      NULL};
    TRY(loose_read(batch->call->json.root, &field, 1));
    bool partly = failed > 0 && failed < batch->count;
    if (ciphertexts && partly && may_choose(wanted)) {
        *out = (int)wanted;
    }
    return err_ok();
}

struct err vault_reply_many(const struct batch *batch)
{
    int status = 200;
    TRY(batch_status(batch, &status));
    struct json_writer writer = vault_begin(batch->call);
    batch->call->exchange->reply.status = status;
    json_begin_array(&writer, "batch_results");
    for (size_t i = 0; i < batch->count; i++) {
        write_item(batch, &batch->items[i], &writer);
    }
    json_end_array(&writer);
    return vault_end(batch->call, &writer, NULL);
}
