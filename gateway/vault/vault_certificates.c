/* Certificates about a key: requests for one, which the key signs as it signs anything, and the
 * chain that comes back, which is kept with the version. */
#include <assert.h>

#include "base/certificate.h"
#include "base/mem.h"
#include "gateway/ops/data_ops.h"
#include "gateway/ops/signature.h"
#include "gateway/ops/verbs.h"
#include "gateway/vault/vault_keys.h"

/* --- csr --- */

static struct err read_template(const struct item *item, struct span *out)
{
    const struct loose_field field = {"csr", LOOSE_TEXT, CERTIFICATE_TEXT_MAX, out, NULL};
    *out = (struct span){0};
    return loose_read(item->object, &field, 1);
}

static struct err read_version(const struct item *item, uint32_t otherwise, int64_t *out)
{
    const struct loose_field field = {"version", LOOSE_INTEGER, 0, out, NULL};
    *out = 0;
    TRY(loose_read(item->object, &field, 1));
    *out = *out == 0 ? otherwise : *out;
    return err_ok();
}

static struct err csr_read(struct batch *batch, struct item *item)
{
    int64_t version = 0;
    const uint32_t latest = batch->version->number;
    struct certificate_request request = {.spki = batch->version->public_key};
    TRY(read_version(item, latest, &version));
    ENSURE(version == (int64_t)latest, ERR_INVALID_FIELD,
           "could not create the csr: only the latest version, %u, signs", latest);
    TRY(read_template(item, &request.template));
    item->scheme = scheme_default(batch->call->key->algorithm);
    item->encoding = ENCODING_DER;
    TRY(certificate_request_body(&request, &item->input));
    item_digest(item, buf_span(&item->input));
    signature_hash(item);
    return err_ok();
}

static struct err csr_text(const struct item *item, struct buf *out)
{
    struct certificate_request request = {.spki = item->version->public_key};
    TRY(read_template(item, &request.template));
    return certificate_request_pem(&request, item->scheme, buf_span(&item->output), out);
}

static void put_name(const struct call *call, struct json_writer *writer)
{
    char name[NAME_MAX_LEN + 1];
    json_put_span(writer, "name", vault_key_name(call, call->key, name));
    json_put_text(writer, "type", vault_type_name(call->key->algorithm));
}

static void csr_write(const struct batch *batch, const struct item *item,
                      struct json_writer *writer)
{
    CLEANUP(buf_clear) struct buf text = {.max = BUF_MAX_DEFAULT};
    struct err err = csr_text(item, &text);
    put_name(batch->call, writer);
    json_put_span(writer, "csr", buf_span(&text));
    if (err.code != ERR_OK) {
        writer->err = err;
    }
}

struct err vault_csr(struct call *call)
{
    static const struct words words = {csr_read, csr_write};
    return verb_sign(call, &words);
}

/* --- set-certificate --- */

static struct err note(struct call *call, const struct version *version, struct span chain)
{
    uint8_t digest[DIGEST_MAX];
    struct json_writer writer = json_writer_on(&call->detail);
    digest_of(DIGEST_SHA256, chain, digest);
    json_begin_object(&writer, NULL);
    json_put_integer(&writer, "version", version->number);
    json_put_hex(&writer, "certificates_sha256", span_of(digest, SHA256_LEN));
    json_end_object(&writer);
    return json_finish(&writer);
}

/* The version meant, and the chain as a text with its end, in `out`. */
static struct err read_chain(const struct call *call, const struct version **out_version,
                             struct buf *out)
{
    int64_t number = 0;
    struct span text = {0};
    const struct key *key = call->key;
    const struct loose_field fields[] = {
        {"version", LOOSE_INTEGER, 0, &number, NULL},
        {"certificate_chain", LOOSE_TEXT, CERTIFICATE_TEXT_MAX, &text, NULL},
    };
    TRY(loose_read(call->json.root, fields, ARRAY_LEN(fields)));
    ENSURE(text.len > 0, ERR_INVALID_FIELD, "missing certificate_chain");
    number = number == 0 ? vault_latest(key) : number;
    bool known = number > 0 && number <= UINT32_MAX;
    *out_version = known ? key_version(key, (uint32_t)number) : NULL;
    ENSURE(*out_version != NULL && (*out_version)->public_key.len > 0, ERR_INVALID_FIELD,
           "the key has no version %lld", (long long)number);
    TRY(certificate_chain_read(text, (*out_version)->public_key, out));
    return buf_append(out, span_of((const uint8_t *)"", 1));
}

struct err vault_set_certificate(struct call *call)
{
    const struct version *version = NULL;
    CLEANUP(buf_clear) struct buf chain = {.max = 2 * CERTIFICATE_TEXT_MAX};
    ENSURE(call->key->purpose == PURPOSE_SIGN || call->key->purpose == PURPOSE_DECRYPT,
           ERR_UNSUPPORTED_OPERATION, "the key has no public half that could be certified");
    TRY(read_chain(call, &version, &chain));
    assert(version != NULL);
    struct span text = span_of(chain.data, chain.len - 1);
    TRY(note(call, version, text));
    TRY(call_intent(call));
    TRY(keystore_certify(call->gateway->store, call->target, version->number,
                         (const char *)chain.data));
    struct json_writer writer = vault_begin(call);
    put_name(call, &writer);
    json_put_span(&writer, "certificate-chain", text); /* Vault's spelling, … */
    json_put_span(&writer, "certificate_chain", text); /* … and OpenBao's */
    return vault_end(call, &writer, NULL);
}
