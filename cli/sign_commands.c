/* sign, verify, mac, verify-mac, jwt. A message over the server's limit is hashed here and sent as
 * a digest. */
#include <stdio.h>

#include "base/mem.h"
#include "base/name.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/output.h"

#define MESSAGE_MAX 65536
#define CLAIMS_MAX  65536

/* The hash of the scheme that will be used: --scheme, or the default of the key's algorithm, which
 * the server knows. */
static struct err find_scheme(struct client *client, const struct options *options,
                              enum scheme *out)
{
    const char *asked = options->values[OPTION_SCHEME];
    if (asked != NULL) {
        ENSURE(scheme_by_name(span_text(asked), out), ERR_INVALID_FIELD, "there is no scheme '%s'",
               asked);
        return err_ok();
    }
    struct span name = {0};
    uint32_t version = 0;
    TRY(name_split_version(span_text(options->arguments[0]), &name, &version));
    CLEANUP(mem_free_at) char *bare = span_to_text(name);
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(client_call_key(client, "GET", bare, "", (struct span){0}, &response));
    TRY(json_parse(buf_span(&response.body), &json));
    enum algorithm algorithm;
    ENSURE(algorithm_by_name(member_text(json.root, "algorithm"), &algorithm), ERR_CORRUPT,
           "the key's algorithm is not known here");
    const enum family family = algorithm_info(algorithm)->family;
    ENSURE(family == FAMILY_EC || family == FAMILY_RSA, ERR_UNSUPPORTED_OPERATION,
           "%s signs messages, not digests: the input must be 64 KiB at most",
           algorithm_info(algorithm)->name);
    *out = scheme_default(algorithm);
    return err_ok();
}

struct question {
    struct client *client;
    const struct options *options;
};

static struct err choose_digest(void *arg, enum digest *out)
{
    const struct question *question = arg;
    enum scheme scheme = SCHEME_ES256;
    TRY(find_scheme(question->client, question->options, &scheme));
    *out = scheme_info(scheme)->digest;
    return err_ok();
}

/* Puts `message`, or `digest` for a large input. */
static struct err put_input(struct client *client, const struct options *options,
                            struct json_writer *writer)
{
    CLEANUP(buf_clear) struct buf input = {0};
    struct question question = {.client = client, .options = options};
    bool hashed;
    TRY(input_read_or_hash(options, MESSAGE_MAX, choose_digest, &question, &input, &hashed));
    json_put_bytes(writer, hashed ? "digest" : "message", buf_span(&input));
    return err_ok();
}

static void put_text_option(struct json_writer *writer, const struct options *options,
                            enum option_id option, const char *name)
{
    if (options_has(options, option)) {
        json_put_text(writer, name, options->values[option]);
    }
}

static struct err send(struct client *client, const struct options *options, const char *verb,
                       struct json_writer *writer, struct buf *body, struct response *response,
                       struct json *json)
{
    json_end_object(writer);
    TRY(json_finish(writer));
    TRY(client_call_key(client, "POST", options->arguments[0], verb, buf_span(body), response));
    return json_parse(buf_span(&response->body), json);
}

struct err sign_sign(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    TRY(put_input(client, options, &writer));
    put_text_option(&writer, options, OPTION_SCHEME, "scheme");
    put_text_option(&writer, options, OPTION_ENCODING, "encoding");
    TRY(send(client, options, ":sign", &writer, &body, &response, &json));
    if (output_json(options, &response)) {
        return err_ok();
    }
    return options_has(options, OPTION_RAW) ? output_member_bytes(options, &json, "signature")
                                            : output_member_line(options, &json, "signature");
}

/* Prints the verdict and sets the exit status. */
static struct err give_verdict(const struct options *options, const struct response *response,
                               const struct json *json, int *out_exit)
{
    const bool valid = member_flag(json->root, "valid");
    if (!output_json(options, response)) {
        printf("%s\n", valid ? "valid" : "invalid");
    }
    *out_exit = valid ? EXIT_DONE : EXIT_REFUSED;
    return err_ok();
}

static struct err put_proof(const struct options *options, struct json_writer *writer,
                            enum option_id option, const char *name)
{
    CLEANUP(buf_clear) struct buf proof = {0};
    TRY(input_read_file_base64(options->values[option],
                               options_has(options, OPTION_RAW) ? INPUT_RAW : INPUT_BASE64,
                               &proof));
    json_put_span(writer, name, buf_span(&proof));
    return err_ok();
}

struct err sign_verify(struct client *client, const struct options *options, int *out_exit)
{
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    TRY(put_proof(options, &writer, OPTION_SIGNATURE, "signature"));
    TRY(put_input(client, options, &writer));
    put_text_option(&writer, options, OPTION_SCHEME, "scheme");
    put_text_option(&writer, options, OPTION_ENCODING, "encoding");
    TRY(send(client, options, ":verify", &writer, &body, &response, &json));
    return give_verdict(options, &response, &json, out_exit);
}

static struct err put_message(const struct options *options, struct json_writer *writer)
{
    CLEANUP(buf_clear) struct buf message = {0};
    TRY(input_read(options, MESSAGE_MAX, &message));
    json_put_bytes(writer, "message", buf_span(&message));
    return err_ok();
}

struct err sign_mac(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    TRY(put_message(options, &writer));
    TRY(send(client, options, ":mac", &writer, &body, &response, &json));
    if (output_json(options, &response)) {
        return err_ok();
    }
    return options_has(options, OPTION_RAW) ? output_member_bytes(options, &json, "mac")
                                            : output_member_line(options, &json, "mac");
}

struct err sign_verify_mac(struct client *client, const struct options *options, int *out_exit)
{
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    TRY(put_proof(options, &writer, OPTION_MAC, "mac"));
    TRY(put_message(options, &writer));
    TRY(send(client, options, ":verify-mac", &writer, &body, &response, &json));
    return give_verdict(options, &response, &json, out_exit);
}

struct err sign_jwt(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(buf_clear) struct buf claims = {0};
    TRY(input_read(options, CLAIMS_MAX, &claims));
    CLEANUP(json_clear) struct json parsed = {0};
    TRY(json_parse(buf_span(&claims), &parsed));
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    json_put_raw(&writer, "claims", buf_span(&claims));
    put_text_option(&writer, options, OPTION_TTL, "ttl");
    if (options_has(options, OPTION_TYP)) {
        json_begin_object(&writer, "header");
        put_text_option(&writer, options, OPTION_TYP, "typ");
        json_end_object(&writer);
    }
    TRY(send(client, options, ":jwt", &writer, &body, &response, &json));
    return output_json(options, &response) ? err_ok() : output_member_line(options, &json, "token");
}
