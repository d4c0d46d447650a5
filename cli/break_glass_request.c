/* `hsmgate break-glass request`: makes the key that the answer is sealed to, keeps it before
 * anything is sent, and checks that what the gateway will let people sign is what was asked. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/envelope.h"
#include "base/mem.h"
#include "base/name.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/key_body.h"
#include "cli/new_file.h"
#include "cli/output.h"
#include "cli/recipient_key.h"
#include "cli/request_view.h"

#define CIPHERTEXT_TEXT_MAX ((size_t)256 << 10)
#define JWK_MAX             ((size_t)4096)

struct request {
    struct buf ciphertext;
    struct recipient recipient;
    char *draft; /* the key's file until the id is known; NULL: the key is somebody else's */
    char *path;
};

static void request_clear(struct request *request)
{
    buf_clear(&request->ciphertext);
    mem_free(request->draft);
    mem_free(request->path);
}

/* Bytes, or base64 with white space around it. */
static struct err read_ciphertext(const char *path, struct buf *out)
{
    CLEANUP(buf_clear) struct buf file = {0};
    struct envelope envelope;
    TRY(input_read_named(path, CIPHERTEXT_TEXT_MAX, &file));
    if (envelope_decode(buf_span(&file), &envelope).code == ERR_OK) {
        return buf_append(out, buf_span(&file));
    }
    while (file.len > 0 && strchr(" \t\r\n", file.data[file.len - 1]) != NULL) {
        buf_truncate(&file, file.len - 1);
    }
    ENSURE(base64_decode(buf_span(&file), out).code == ERR_OK &&
               envelope_decode(buf_span(out), &envelope).code == ERR_OK,
           ERR_INVALID_CIPHERTEXT,
           "%s holds no ciphertext of hsmgate, neither as bytes nor as base64", path);
    return err_ok();
}

/* --- the answer's key --- */

static struct err read_foreign_key(const char *path, struct recipient *out)
{
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(input_read_named(path, JWK_MAX, &text));
    TRY(json_parse(buf_span(&text), &json));
    const struct err err = recipient_read(json.root, out);
    ENSURE(err.code == ERR_OK, err.code, "%s is no public JWK of P-256 or P-384: %s", path,
           err.detail);
    return err_ok();
}

static struct err make_key(const struct options *options, struct request *request)
{
    const char *curve = options->values[OPTION_CURVE];
    uint32_t random = 0;
    CLEANUP(recipient_key_clear) struct recipient_key key = {0};
    CLEANUP(buf_clear) struct buf text = {0};
    TRY(recipient_key_make(
        curve != NULL && strcmp(curve, "P-384") == 0 ? RECIPIENT_P384 : RECIPIENT_P256, &key));
    TRY(recipient_key_write(&key, &text));
    random_bytes(&random, sizeof random);
    request->draft = mem_format("break-glass-new-%08x.key", random);
    request->recipient = key.is;
    return new_file_write(request->draft, buf_span(&text));
}

/* --- asking --- */

static struct err put_body(const struct options *options, const struct request *request,
                           struct buf *out)
{
    static const struct key_field fields[] = {{OPTION_KEY_NAME, "key"},
                                              {OPTION_REASON, "reason"},
                                              {OPTION_TICKET, "ticket"},
                                              {OPTION_WINDOW, "window"}};
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "kind", statement_kind_name(STATEMENT_OPEN));
    key_put_texts(&writer, options, fields, ARRAY_LEN(fields));
    json_put_bytes(&writer, "ciphertext", buf_span(&request->ciphertext));
    TRY(options_put_pairs(&writer, "context", &options->contexts));
    recipient_put(&writer, "recipient", &request->recipient);
    json_end_object(&writer);
    return json_finish(&writer);
}

/* What people will sign is what was asked here, whatever stands between. */
static struct err check_answer(const struct options *options, const struct request *request,
                               const struct asked *asked)
{
    uint8_t digest[DIGEST_MAX];
    const struct statement *says = &asked->read.is;
    digest_of(DIGEST_SHA256, buf_span(&request->ciphertext), digest);
    ENSURE(
        says->kind == STATEMENT_OPEN && span_is(says->key, options->values[OPTION_KEY_NAME]) &&
            span_equal(span_of(digest, SHA256_LEN), span_of(says->ciphertext_sha256, SHA256_LEN)) &&
            recipient_same(&says->recipient, &request->recipient),
        ERR_CORRUPT,
        "the gateway made another statement than was asked for: let nobody sign it, cancel the "
        "request and tell the auditors");
    return err_ok();
}

static bool is_outcome_known(const struct err *err)
{
    return err->code != ERR_IO && err->code != ERR_DEADLINE && err->code != ERR_INTERNAL;
}

static struct err send_request(struct client *client, const struct options *options,
                               const struct request *request, struct response *out)
{
    CLEANUP(buf_clear) struct buf body = {0};
    TRY(put_body(options, request, &body));
    const struct err err = client_call(client, "POST", "/v1/break-glass", buf_span(&body), out);
    if (err.code != ERR_OK && request->draft != NULL && is_outcome_known(&err)) {
        (void)unlink(request->draft);
    } else if (err.code != ERR_OK && request->draft != NULL) {
        fprintf(stderr,
                "%s: the answer's key, kept: the request may have been made "
                "(hsmgate break-glass list)\n",
                request->draft);
    }
    return err;
}

/* The request is made: a key that cannot have its name keeps the one it has, and that is said. */
static void name_key(struct request *request, const struct asked *asked)
{
    char id[UUID_TEXT_LEN + 1];
    if (request->draft == NULL) {
        return;
    }
    uuid_format(asked->read.is.id, id);
    request->path = mem_format("break-glass-%s.key", id);
    const struct err err = new_file_rename(request->draft, request->path);
    if (err.code != ERR_OK) {
        fprintf(stderr, "%s\nthe answer's key stays in %s\n", err.detail, request->draft);
        mem_free(request->path);
        request->path = mem_text(request->draft);
    }
}

static struct err print_made(const struct json_value *view, const struct asked *asked,
                             const char *key_path)
{
    CLEANUP(mem_free_at) char *line = request_line(view, clock_wall_ms());
    printf("%s\n\n", line);
    TRY(asked_print(asked, stdout));
    printf("\nsend the id and the digest to those who may vote.\n");
    request_print_next(view, key_path);
    return err_ok();
}

struct err break_glass_request(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(request_clear) struct request request = {0};
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(asked_clear) struct asked asked = {0};
    const char *foreign = options->values[OPTION_RECIPIENT];
    TRY(name_check(span_text(options->values[OPTION_KEY_NAME])));
    TRY(read_ciphertext(options->values[OPTION_CIPHERTEXT], &request.ciphertext));
    TRY(foreign != NULL ? read_foreign_key(foreign, &request.recipient)
                        : make_key(options, &request));
    TRY(send_request(client, options, &request, &response));
    TRY(json_parse(buf_span(&response.body), &json));
    TRY(asked_view(json.root, &asked));
    name_key(&request, &asked);
    TRY(check_answer(options, &request, &asked));
    return output_json(options, &response) ? err_ok() : print_made(json.root, &asked, request.path);
}
