/* `hsmgate break-glass open` and `unseal`. An answer can be had once, so everything that could
 * fail is tried before it is asked for: the key is there and is the right one, the disk has room.
 * What comes is on the disk before anything else is done with it. */
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/asked.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/sealed_file.h"
#include "cli/unseal.h"

/* --- the plaintext --- */

static bool is_text(struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        const uint8_t byte = bytes.data[i];
        if ((byte < 0x20 && byte != '\n' && byte != '\t' && byte != '\r') || byte >= 0x7f) {
            return false;
        }
    }
    return true;
}

/* Bytes on a terminal help nobody, and may be seen by somebody. */
static struct err output_plaintext(const struct options *options, const struct secret *plaintext)
{
    const char *path = options->values[OPTION_OUT];
    const bool to_terminal = (path == NULL || strcmp(path, "-") == 0) && isatty(STDOUT_FILENO) == 1;
    ENSURE(!to_terminal || is_text(secret_span(plaintext)), ERR_INVALID_FIELD,
           "it is opened, but these are bytes, not text for a terminal: unseal it with --out FILE");
    return output_bytes(options, secret_span(plaintext));
}

static struct err unseal_to_output(const struct options *options, struct span sealed,
                                   const struct recipient_key *key)
{
    CLEANUP(secret_clear) struct secret plaintext = {0};
    TRY(unseal(sealed, key, &plaintext));
    return output_plaintext(options, &plaintext);
}

struct err break_glass_unseal(struct client *client, const struct options *options, int *out_exit)
{
    (void)client;
    (void)out_exit;
    CLEANUP(buf_clear) struct buf sealed = {0};
    CLEANUP(recipient_key_clear) struct recipient_key key = {0};
    TRY(recipient_key_read(options->values[OPTION_PRIVATE_KEY], &key));
    TRY(input_read_named(options->arguments[0], SEALED_MAX, &sealed));
    if (!options_has(options, OPTION_JSON)) {
        return unseal_to_output(options, buf_span(&sealed), &key);
    }
    CLEANUP(secret_clear) struct secret plaintext = {0};
    CLEANUP(buf_clear) struct buf text = {0};
    TRY(unseal(buf_span(&sealed), &key, &plaintext));
    struct json_writer writer = json_writer_on(&text);
    json_begin_object(&writer, NULL);
    json_put_bytes(&writer, "plaintext", secret_span(&plaintext));
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return output_line(options, buf_span(&text));
}

/* --- open --- */

/* The outcome of a call that was not answered is not known, and must not be guessed. */
static struct err call_open(struct client *client, const char *id, struct response *response,
                            struct json *json)
{
    const struct err err = asked_call(client, "POST", id, ":open", span_text("{}"), response);
    ENSURE(err.code != ERR_IO && err.code != ERR_DEADLINE, err.code,
           "no answer came, and it may have been opened: see hsmgate break-glass show %s", id);
    TRY(err);
    return json_parse(buf_span(&response->body), json);
}

struct opening {
    struct recipient_key key;
    struct sealed_file file;
    char *key_path;
    char *path;
};

static void opening_clear(struct opening *opening)
{
    recipient_key_clear(&opening->key);
    sealed_file_clear(&opening->file);
    mem_free(opening->key_path);
    mem_free(opening->path);
}

static struct err prepare(const struct options *options, const struct asked *asked,
                          struct opening *out)
{
    char id[UUID_TEXT_LEN + 1];
    const char *given = options->values[OPTION_PRIVATE_KEY];
    uuid_format(asked->read.is.id, id);
    out->path = mem_format("break-glass-%s.jwe", id);
    out->key_path = given != NULL ? mem_text(given) : mem_format("break-glass-%s.key", id);
    const struct err err = recipient_key_read(out->key_path, &out->key);
    ENSURE(err.code == ERR_OK, err.code,
           "%s (the answer's key lies where the request was made; or --key FILE)", err.detail);
    ENSURE(recipient_same(&out->key.is, &asked->read.is.recipient), ERR_INVALID_FIELD,
           "%s is not the key that the answer will be sealed to: nothing was opened",
           out->key_path);
    return sealed_file_open(out->path, &out->file);
}

static struct err keep(struct opening *opening, const struct json *json)
{
    struct span sealed = {0};
    ENSURE(json_as_text(json_member(json->root, "sealed"), &sealed), ERR_CORRUPT,
           "the gateway's answer has no 'sealed'");
    const struct err err = sealed_file_keep(&opening->file, sealed);
    if (err.code != ERR_OK) { /* the last way in which it is not lost */
        fprintf(stderr, "hsmgate: %s\nthe sealed answer is this one line: keep it\n%.*s\n",
                err.detail, (int)sealed.len, (const char *)sealed.data);
        return err;
    }
    fprintf(stderr,
            "%s: the sealed answer, kept; to open it again:\n"
            "hsmgate break-glass unseal %s --key %s --out FILE\n",
            opening->path, opening->path, opening->key_path);
    return err_ok();
}

static struct err open_ciphertext(struct client *client, const struct options *options,
                                  const struct asked *asked)
{
    CLEANUP(opening_clear) struct opening opening = {.file.fd = -1};
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(prepare(options, asked, &opening));
    TRY(call_open(client, options->arguments[0], &response, &json));
    TRY(keep(&opening, &json));
    if (output_json(options, &response)) {
        return err_ok();
    }
    return unseal_to_output(options, member_text(json.root, "sealed"), &opening.key);
}

/* --- the other kinds --- */

static void print_done(const struct statement *says, const struct json_value *answer)
{
    CLEANUP(mem_free_at) char *key = span_to_text(says->key);
    CLEANUP(mem_free_at) char *at = span_to_text(member_text(answer, "destroy_at"));
    output_harmless(at);
    if (says->kind == STATEMENT_DESTROY) {
        printf("%s: version %u will be destroyed at %s\n"
               "to undo it: hsmgate key cancel-destroy %s@%u\n",
               key, says->version, at, key, says->version);
    } else if (says->kind == STATEMENT_RULE) {
        printf("%s: the new rule holds now; hsmgate key show %s\n", key, key);
    } else {
        printf("%s: it can be opened again, by its rule\n", key);
    }
}

static struct err open_other(struct client *client, const struct options *options,
                             const struct asked *asked)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(call_open(client, options->arguments[0], &response, &json));
    if (!output_json(options, &response)) {
        print_done(&asked->read.is, json.root);
    }
    return err_ok();
}

struct err break_glass_open(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(asked_clear) struct asked asked = {0};
    TRY(asked_fetch(client, options->arguments[0], &response, &json, &asked));
    return asked.read.is.kind == STATEMENT_OPEN ? open_ciphertext(client, options, &asked)
                                                : open_other(client, options, &asked);
}
