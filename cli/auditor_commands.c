/* What an auditor does with a log folder: verify it, prove a record, check such a proof; and fetch
 * the checkpoint and the key that they need.
 *
 * Verifying and proving are offline and only read. Trust comes from the key alone, so every answer
 * says which key it stands on; one that lies beside the log proves nothing against whoever can
 * write there. */
#include <inttypes.h>
#include <unistd.h>

#include "audit/proof.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/verdict.h"

#define PROOF_MAX  ((size_t)256 << 10)
#define CHECKPOINT "/v1/audit/checkpoint"
#define NEED_KEY                                                                         \
    "a proof does not carry its own trust: name the signer's key with --key FILE (from " \
    "`hsmgate audit key`, while you trust the gateway)"

/* --key, else what lies beside the log, else none. */
static struct err find_key(const struct options *options, const char *folder, struct trust *out)
{
    const char *given = options->values[OPTION_KEY];
    if (given != NULL) {
        return trust_file(given, KEY_GIVEN, out);
    }
    CLEANUP(mem_free_at) char *path = mem_format("%s/checkpoint.pub", folder);
    const struct err err = trust_file(path, KEY_FOLDER, out);
    return err.code == ERR_NOT_FOUND ? err_ok() : err;
}

/* Empty without --checkpoint. */
static struct err read_checkpoint(const struct options *options, struct buf *out)
{
    const char *path = options->values[OPTION_CHECKPOINT];
    return path == NULL ? err_ok() : input_read_named(path, CHECKPOINT_MAX, out);
}

static void show_progress(void *arg, uint64_t done, uint64_t total, uint64_t records)
{
    (void)arg;
    fprintf(stderr, "\r%3d %%  %" PRIu64 " records ",
            total > 0 ? (int)((double)done * 100 / (double)total) : 0, records);
}

struct err auditor_verify(struct client *client, const struct options *options, int *out_exit)
{
    (void)client;
    CLEANUP(trust_clear) struct trust trust = {0};
    CLEANUP(buf_clear) struct buf note = {0};
    const char *folder = options->values[OPTION_LOG];
    TRY(find_key(options, folder, &trust));
    TRY(read_checkpoint(options, &note));
    const bool watched = isatty(STDERR_FILENO) == 1;
    struct audit_verify what = {.folder = folder,
                                .checkpoint = buf_span(&note),
                                .verifier = trust.source != KEY_NONE ? &trust.verifier : NULL,
                                .progress = watched ? show_progress : NULL};
    struct audit_finding finding;
    const struct err err = audit_verify(&what, &finding);
    if (watched) {
        fprintf(stderr, "\r\033[K");
    }
    TRY(err);
    const struct verdict verdict = {.finding = &finding, .trust = &trust};
    *out_exit = verdict_is_good(&verdict) ? EXIT_DONE : EXIT_REFUSED;
    return verdict_print(options, &verdict);
}

static bool read_seq(const char *text, uint64_t *out)
{
    const size_t len = strlen(text);
    if (len == 0 || len > 18 || strspn(text, "0123456789") != len) {
        return false;
    }
    *out = strtoull(text, NULL, 10);
    return *out > 0;
}

/* The folder's own note when none was named. */
static struct err checkpoint_to_prove(const struct options *options, struct buf *out)
{
    TRY(read_checkpoint(options, out));
    if (out->len > 0) {
        return err_ok();
    }
    CLEANUP(mem_free_at)
    char *path = mem_format("%s/checkpoint", options->values[OPTION_LOG]);
    return input_read_named(path, CHECKPOINT_MAX, out);
}

struct err auditor_prove(struct client *client, const struct options *options, int *out_exit)
{
    (void)client;
    uint64_t seq = 0;
    if (!read_seq(options->arguments[0], &seq)) {
        fprintf(stderr, "hsmgate: SEQ is the sequence number of a record, from 1, not '%s'\n",
                options->arguments[0]);
        *out_exit = EXIT_USAGE;
        return err_ok();
    }
    CLEANUP(buf_clear) struct buf note = {0};
    CLEANUP(buf_clear) struct buf proof = {0};
    TRY(checkpoint_to_prove(options, &note));
    TRY(audit_prove(options->values[OPTION_LOG], seq, buf_span(&note), &proof));
    if (!options_has(options, OPTION_JSON)) {
        return output_bytes(options, buf_span(&proof));
    }
    CLEANUP(buf_clear) struct buf text = {0};
    struct json_writer writer = json_writer_on(&text);
    json_begin_object(&writer, NULL);
    json_put_integer(&writer, "seq", (int64_t)seq);
    json_put_span(&writer, "proof", buf_span(&proof));
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return output_line(options, buf_span(&text));
}

static void close_client(struct client **client)
{
    client_close(*client);
}

static struct err fetch_checkpoint(struct client *client, struct response *response,
                                   struct json *json)
{
    TRY(client_call(client, "GET", CHECKPOINT, (struct span){0}, response));
    return json_parse(buf_span(&response->body), json);
}

/* --key, else what the gateway says, over the connection that the caller trusts for all else. */
static struct err key_to_check(const struct options *options, struct trust *out)
{
    const char *given = options->values[OPTION_KEY];
    if (given != NULL) {
        return trust_file(given, KEY_GIVEN, out);
    }
    CLEANUP(close_client) struct client *client = NULL;
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(client_open(&client));
    const struct err err = fetch_checkpoint(client, &response, &json);
    ENSURE(err.code == ERR_OK, ERR_INVALID_FIELD, "%s", NEED_KEY);
    return trust_text(member_text(json.root, "key"), KEY_GATEWAY, out);
}

static struct err print_proved(const struct options *options, const struct trust *trust,
                               const struct audit_proved *proved)
{
    if (!options_has(options, OPTION_JSON)) {
        CLEANUP(mem_free_at) char *record = span_to_text(buf_span(&proved->record));
        output_harmless(record);
        printf("record %" PRIu64 " is in the log\n%s\n", proved->seq, record);
        printf("among %" PRIu64 " records, signed by %s (key: %s)\n", proved->head.size,
               trust->verifier.name, key_source_name(trust->source));
        return err_ok();
    }
    CLEANUP(buf_clear) struct buf text = {0};
    struct json_writer writer = json_writer_on(&text);
    json_begin_object(&writer, NULL);
    json_put_flag(&writer, "proved", true);
    json_put_integer(&writer, "seq", (int64_t)proved->seq);
    json_put_span(&writer, "record", buf_span(&proved->record));
    verdict_put_head(&writer, &proved->head);
    json_put_text(&writer, "key_name", trust->verifier.name);
    json_put_text(&writer, "key_source", key_source_name(trust->source));
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return output_line(options, buf_span(&text));
}

static void proved_clear(struct audit_proved *proved)
{
    buf_clear(&proved->record);
}

struct err auditor_check(struct client *client, const struct options *options, int *out_exit)
{
    (void)client;
    (void)out_exit;
    CLEANUP(trust_clear) struct trust trust = {0};
    CLEANUP(buf_clear) struct buf proof = {0};
    CLEANUP(proved_clear) struct audit_proved proved = {0};
    TRY(input_read_named(options->arguments[0], PROOF_MAX, &proof));
    TRY(key_to_check(options, &trust));
    TRY(audit_check_proof(buf_span(&proof), &trust.verifier, &proved));
    return print_proved(options, &trust, &proved);
}

struct err auditor_checkpoint(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(fetch_checkpoint(client, &response, &json));
    if (output_json(options, &response)) {
        return err_ok();
    }
    return output_bytes(options, member_text(json.root, "checkpoint"));
}

struct err auditor_key(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(fetch_checkpoint(client, &response, &json));
    if (output_json(options, &response)) {
        return err_ok();
    }
    return output_member_line(options, &json, "key");
}
