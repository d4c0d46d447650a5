/* `hsmgate drill break-glass`: a ciphertext of a drill key is opened by a quorum, with the people's
 * own keys from files or, with --wait, with the people. Each phase is measured; what people take to
 * decide is not in the total. A key that the drill made is destroyed by the same quorum. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/ballot.h"
#include "cli/chain_file.h"
#include "cli/command.h"
#include "cli/drill.h"
#include "cli/drill_quorum.h"
#include "cli/evidence.h"
#include "cli/key_body.h"
#include "cli/output.h"
#include "cli/unseal.h"

#define SECRET_LEN 32
#define NS_PER_MS  1000000

struct rehearsal {
    struct drill *drill;
    struct drill_quorum quorum;
    const char *key;
    uint8_t secret[SECRET_LEN];
    struct buf ciphertext; /* base64 */
    struct recipient_key recipient;
    char *id;
    int64_t total_ns; /* without people's time */
};

static void rehearsal_clear(struct rehearsal *rehearsal)
{
    drill_quorum_clear(&rehearsal->quorum);
    buf_clear(&rehearsal->ciphertext);
    recipient_key_clear(&rehearsal->recipient);
    mem_free(rehearsal->id);
    mem_wipe(rehearsal->secret, sizeof rehearsal->secret);
}

/* A phase of the gateway's and this program's own time. */
static void note_phase(struct rehearsal *rehearsal, int64_t start_ns, bool passed, const char *what)
{
    const int64_t end_ns = clock_mono_ns();
    rehearsal->total_ns += end_ns - start_ns;
    drill_note(rehearsal->drill,
               &(struct drill_measure){.start_ns = start_ns, .end_ns = end_ns, .passed = passed},
               "%s", what);
}

/* --- before --- */

static struct err make_key(struct rehearsal *rehearsal, const struct options *options)
{
    CLEANUP(buf_clear) struct buf more = {0};
    const char *given = options->values[OPTION_KEY_NAME];
    if (given != NULL) {
        rehearsal->key = given;
        ENSURE(strncmp(given, "drill/", 6) == 0, ERR_INVALID_FIELD,
               "a drill opens keys of drill/ alone, not %s", given);
        return err_ok();
    }
    TRY(drill_quorum_approval(&rehearsal->quorum, options, &more));
    CLEANUP(mem_free_at) char *text = span_to_text(buf_span(&more));
    return drill_make_key(rehearsal->drill, "aes-256-gcm", text, &rehearsal->key);
}

static struct err encrypt(struct rehearsal *rehearsal)
{
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    random_bytes(rehearsal->secret, sizeof rehearsal->secret);
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    json_put_bytes(&writer, "plaintext", span_of(rehearsal->secret, sizeof rehearsal->secret));
    json_end_object(&writer);
    TRY(json_finish(&writer));
    TRY(client_call_key(rehearsal->drill->client, "POST", rehearsal->key, ":encrypt",
                        buf_span(&body), &response));
    TRY(json_parse(buf_span(&response.body), &json));
    return buf_append(&rehearsal->ciphertext, member_text(json.root, "ciphertext"));
}

/* What a quorum must open, nobody opens alone. */
static struct err try_alone(struct rehearsal *rehearsal)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(mem_free_at)
    char *body = mem_format("{\"ciphertext\":\"%.*s\"}", (int)rehearsal->ciphertext.len,
                            (const char *)rehearsal->ciphertext.data);
    const struct err err = client_call_key(rehearsal->drill->client, "POST", rehearsal->key,
                                           ":decrypt", span_text(body), &response);
    drill_note(rehearsal->drill,
               &(struct drill_measure){.passed = err.code == ERR_APPROVAL_REQUIRED ||
                                                 err.code == ERR_FORBIDDEN},
               "decrypting it without the quorum is refused (%s)", err_word(err.code));
    return err_ok();
}

/* --- the ceremony --- */

static struct err request(struct rehearsal *rehearsal)
{
    CLEANUP(buf_clear) struct buf body = {0};
    struct json_writer writer = json_writer_on(&body);
    const int64_t start_ns = clock_mono_ns();
    TRY(recipient_key_make(RECIPIENT_P256, &rehearsal->recipient));
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "kind", statement_kind_name(STATEMENT_OPEN));
    json_put_text(&writer, "key", rehearsal->key);
    json_put_text(&writer, "reason", "a drill");
    json_put_text(&writer, "ticket", "drill");
    json_put_span(&writer, "ciphertext", buf_span(&rehearsal->ciphertext));
    recipient_put(&writer, "recipient", &rehearsal->recipient.is);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    TRY(drill_quorum_ask(&rehearsal->quorum, buf_span(&body), &rehearsal->id));
    note_phase(rehearsal, start_ns, true, "request: made");
    return err_ok();
}

static struct err vote(struct rehearsal *rehearsal)
{
    const int64_t start_ns = clock_mono_ns();
    if (rehearsal->quorum.waits) {
        TRY(drill_quorum_wait(&rehearsal->quorum, rehearsal->id));
        drill_note(rehearsal->drill, &(struct drill_measure){.start_ns = start_ns, .passed = true},
                   "votes: the people approved it (not in the total)");
        return err_ok();
    }
    TRY(drill_quorum_vote(&rehearsal->quorum, rehearsal->id));
    note_phase(rehearsal, start_ns, true, "votes: signed, sent and counted");
    return err_ok();
}

static struct err open_and_unseal(struct rehearsal *rehearsal)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(secret_clear) struct secret plaintext = {0};
    int64_t start_ns = clock_mono_ns();
    TRY(asked_call(rehearsal->drill->client, "POST", rehearsal->id, ":open", span_text("{}"),
                   &response));
    TRY(json_parse(buf_span(&response.body), &json));
    note_phase(rehearsal, start_ns, true, "open: the sealed answer is here");
    start_ns = clock_mono_ns();
    TRY(unseal(member_text(json.root, "sealed"), &rehearsal->recipient, &plaintext));
    note_phase(
        rehearsal, start_ns,
        secret_equal(secret_span(&plaintext), span_of(rehearsal->secret, sizeof rehearsal->secret)),
        "unseal: it is what was encrypted");
    drill_note(rehearsal->drill,
               &(struct drill_measure){
                   .start_ns = start_ns, .end_ns = start_ns + rehearsal->total_ns, .passed = true},
               "from request to plaintext, without people's time");
    return err_ok();
}

/* --- behind it --- */

static struct err try_again(struct rehearsal *rehearsal)
{
    CLEANUP(response_clear) struct response response = {0};
    const struct err err = asked_call(rehearsal->drill->client, "POST", rehearsal->id, ":open",
                                      span_text("{}"), &response);
    drill_note(rehearsal->drill,
               &(struct drill_measure){.passed = err.code == ERR_INVALID_STATE ||
                                                 err.code == ERR_APPROVAL_REQUIRED},
               "opening it a second time is refused (%s)", err_word(err.code));
    return err_ok();
}

/* Keeps the step that failed. */
static void keep_step(void *arg, bool good, const char *text)
{
    char **bad = arg;
    if (!good) {
        mem_free(*bad);
        *bad = mem_text(text);
    }
}

static struct err check_evidence(struct rehearsal *rehearsal)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(mem_free_at) char *bad = NULL;
    const int64_t start_ns = clock_mono_ns();
    TRY(asked_call(rehearsal->drill->client, "GET", rehearsal->id, ":evidence", (struct span){0},
                   &response));
    const bool good = evidence_check(buf_span(&response.body), rehearsal->quorum.chain.root,
                                     &(struct evidence_listener){.say = keep_step, .arg = &bad});
    drill_note(rehearsal->drill, &(struct drill_measure){.start_ns = start_ns, .passed = good},
               "the evidence proves it%s%s", bad != NULL ? ": " : "", bad != NULL ? bad : "");
    return err_ok();
}

/* Only the quorum may destroy what the quorum guards; with people that would be a second ceremony.
 */
static struct err destroy(struct rehearsal *rehearsal, const struct options *options)
{
    if (options_has(options, OPTION_KEEP) || rehearsal->drill->key_count == 0) {
        return err_ok();
    }
    if (rehearsal->quorum.waits) {
        drill_note(rehearsal->drill, &(struct drill_measure){.passed = true},
                   "%s stays; use it again with --key, or: hsmgate break-glass request-destroy "
                   "%s@1 --reason drill",
                   rehearsal->key, rehearsal->key);
        rehearsal->drill->keeps = true;
        return err_ok();
    }
    CLEANUP(mem_free_at) char *id = NULL;
    CLEANUP(mem_free_at)
    char *body = mem_format("{\"kind\":\"destroy\",\"key\":\"%s@1\",\"reason\":\"a drill is over\","
                            "\"after\":\"24h\",\"despite_use\":true}",
                            rehearsal->key);
    CLEANUP(response_clear) struct response response = {0};
    TRY(drill_move(rehearsal->drill, rehearsal->key, ":disable"));
    TRY(drill_quorum_ask(&rehearsal->quorum, span_text(body), &id));
    TRY(drill_quorum_vote(&rehearsal->quorum, id));
    TRY(asked_call(rehearsal->drill->client, "POST", id, ":open", span_text("{}"), &response));
    return err_ok();
}

static struct err rehearse(struct drill *drill, const struct options *options)
{
    CLEANUP(rehearsal_clear) struct rehearsal rehearsal = {.drill = drill};
    TRY(drill_quorum_open(drill->client, options, &rehearsal.quorum));
    TRY(make_key(&rehearsal, options));
    TRY(encrypt(&rehearsal));
    TRY(try_alone(&rehearsal));
    TRY(request(&rehearsal));
    TRY(vote(&rehearsal));
    TRY(open_and_unseal(&rehearsal));
    TRY(try_again(&rehearsal));
    TRY(check_evidence(&rehearsal));
    return destroy(&rehearsal, options);
}

struct err drill_break_glass(struct client *client, const struct options *options, int *out_exit)
{
    const bool waits = options_has(options, OPTION_WAIT);
    if (waits == (options->voter_keys.count > 0)) {
        return output_misuse(out_exit,
                             "who votes? --voter-key FILE for each of them, or --wait for people");
    }
    return drill_run(client, options, "break-glass", rehearse, out_exit);
}
