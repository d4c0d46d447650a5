/* encrypt, decrypt, data-key, unwrap, rewrap: plaintext comes from and goes to files and pipes
 * only. */
#include "base/encoding.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/output.h"

#define PLAINTEXT_MAX 65536

/* Sends the object in `body` (open, without its end) with the context, and parses the answer. */
static struct err send(struct client *client, const struct options *options, const char *verb,
                       struct json_writer *writer, struct buf *body, struct response *response,
                       struct json *json)
{
    TRY(options_put_pairs(writer, "context", &options->contexts));
    json_end_object(writer);
    TRY(json_finish(writer));
    TRY(client_call_key(client, "POST", options->arguments[0], verb, buf_span(body), response));
    return json_parse(buf_span(&response->body), json);
}

/* What --out gets of a ciphertext: a line of base64, or bytes with --raw. */
static struct err output_ciphertext(const struct options *options, const struct json *json)
{
    return options_has(options, OPTION_RAW) ? output_member_bytes(options, json, "ciphertext")
                                            : output_member_line(options, json, "ciphertext");
}

struct err data_encrypt(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(buf_clear) struct buf plaintext = {0};
    TRY(input_read(options, PLAINTEXT_MAX, &plaintext));
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    json_put_bytes(&writer, "plaintext", buf_span(&plaintext));
    TRY(send(client, options, ":encrypt", &writer, &body, &response, &json));
    return output_json(options, &response) ? err_ok() : output_ciphertext(options, &json);
}

static struct err send_ciphertext(struct client *client, const struct options *options,
                                  const char *verb, struct response *response, struct json *json)
{
    CLEANUP(buf_clear) struct buf ciphertext = {0};
    TRY(input_read_base64(options, &ciphertext));
    CLEANUP(buf_clear) struct buf body = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    json_put_span(&writer, "ciphertext", buf_span(&ciphertext));
    return send(client, options, verb, &writer, &body, response, json);
}

static struct err open_with(struct client *client, const struct options *options, const char *verb)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(send_ciphertext(client, options, verb, &response, &json));
    return output_json(options, &response) ? err_ok()
                                           : output_member_bytes(options, &json, "plaintext");
}

struct err data_decrypt(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    return open_with(client, options, ":decrypt");
}

struct err data_unwrap(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    return open_with(client, options, ":unwrap");
}

struct err data_rewrap(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(send_ciphertext(client, options, ":rewrap", &response, &json));
    return output_json(options, &response) ? err_ok() : output_ciphertext(options, &json);
}

static struct err save_data_key(const char *path, const struct json *json)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    TRY(base64_decode(member_text(json->root, "plaintext"), &bytes));
    const struct err err = file_write(path, buf_span(&bytes), 0600);
    ENSURE(err.code == ERR_OK, ERR_IO, "%s: cannot be written", path);
    return err_ok();
}

struct err data_data_key(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    if (options_has(options, OPTION_BYTES)) {
        int64_t bytes;
        TRY(options_integer(options, OPTION_BYTES, &bytes));
        json_put_integer(&writer, "bytes", bytes);
    }
    if (options_has(options, OPTION_PLAINTEXT)) {
        json_put_flag(&writer, "plaintext", true);
    }
    TRY(send(client, options, ":data-key", &writer, &body, &response, &json));
    if (options_has(options, OPTION_PLAINTEXT)) {
        TRY(save_data_key(options->values[OPTION_PLAINTEXT], &json));
    }
    return output_json(options, &response) ? err_ok() : output_ciphertext(options, &json);
}
