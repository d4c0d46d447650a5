/* Access keys, with which AWS's clients sign. Whose one is, is a bearer token's name: whoever may
 * make tokens may make access keys of the same names. The secret is shown once. */
#include "gateway/access_keys.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "base/mem.h"
#include "gateway/ops/bearer_facts.h"
#include "gateway/ops/core_ops.h"

#define ID_START     "HGAK" /* and 16 characters of base32, as long as AWS's */
#define ID_RANDOM    10
#define SECRET_BYTES 30 /* 40 characters of base64 */

/* RFC 4648 §6 without padding, which a multiple of five bytes never has. */
static void make_id(char out[ACCESS_KEY_MAX + 1])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t bytes[ID_RANDOM];
    size_t len = sizeof(ID_START) - 1;
    unsigned bits = 0, have = 0;
    random_bytes(bytes, sizeof(bytes));
    memcpy(out, ID_START, len);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bits = bits << 8 | bytes[i];
        for (have += 8; have >= 5; have -= 5) {
            out[len++] = alphabet[bits >> (have - 5) & 31];
        }
    }
    out[len] = '\0';
}

static struct err make_secret(struct buf *out)
{
    uint8_t bytes[SECRET_BYTES];
    random_bytes(bytes, sizeof(bytes));
    struct err err = base64_encode(span_of(bytes, sizeof(bytes)), out);
    mem_wipe(bytes, sizeof(bytes));
    return err;
}

static struct err read_request(const struct call *call, struct bearer *out)
{
    struct span subject = {0};
    const struct json_field fields[] = {
        {"subject", JSON_TEXT, JSON_OPTIONAL, 0, &subject, NULL},
    };
    TRY(bearer_read(call, fields, ARRAY_LEN(fields), out));
    if (subject.data == NULL) {
        subject = span_text(out->name);
    }
    TRY(bearer_check_name(subject));
    memcpy(out->subject, subject.data, subject.len);
    return err_ok();
}

static struct err note(struct call *call, const struct bearer *bearer)
{
    struct json_writer writer = json_writer_on(&call->detail);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "bearer", bearer->name);
    json_put_text(&writer, "access_key", bearer->access_key);
    json_put_text(&writer, "subject", bearer->subject);
    json_end_object(&writer);
    return json_finish(&writer);
}

struct err op_access_key_create(struct call *call)
{
    CLEANUP(buf_clear) struct buf secret = {.max = ACCESS_SECRET_MAX};
    struct bearer bearer = {0};
    TRY(read_request(call, &bearer));
    make_id(bearer.access_key);
    TRY(note(call, &bearer));
    TRY(bearer_refuse_administrators(call, span_text(bearer.subject)));
    TRY(make_secret(&secret));
    TRY(call_intent(call));
    TRY(access_keys_put(call->gateway, &bearer, buf_span(&secret), call->now_ms,
                        call->deadline_ns));
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "name", bearer.name);
    json_put_text(&writer, "subject", bearer.subject);
    json_put_text(&writer, "access_key_id", bearer.access_key);
    json_put_span(&writer, "secret_access_key", buf_span(&secret));
    json_put_time(&writer, "expires_at", bearer.expires_at);
    json_end_object(&writer);
    return json_finish(&writer);
}
