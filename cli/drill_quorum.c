/* Votes as people cast them, through the same signing and the same calls. */
#include "cli/drill_quorum.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/ballot.h"
#include "cli/key_body.h"
#include "cli/output.h"
#include "cli/request_view.h"
#include "cli/stop.h"

#define POLL_MS 1000

void drill_quorum_clear(struct drill_quorum *quorum)
{
    for (size_t i = 0; quorum->voters != NULL && i < quorum->keys->count; i++) {
        mem_free(quorum->voters[i]);
        signing_key_clear(&quorum->signers[i]);
    }
    mem_free(quorum->voters);
    mem_free(quorum->signers);
    chain_file_clear(&quorum->chain);
}

static struct err find_voter(struct drill_quorum *quorum, size_t at)
{
    struct voter_key key = {0};
    CLEANUP(buf_clear) struct buf bytes = {0};
    const char *path = quorum->keys->values[at];
    quorum->signers[at].pem = path;
    TRY(signing_key_public(&quorum->signers[at], &bytes, &key));
    const struct roster_person *person = chain_file_person(&quorum->chain, &key);
    ENSURE(person != NULL, ERR_NOT_FOUND, "%s is nobody's key in the roster", path);
    quorum->voters[at] = span_to_text(person->id);
    return err_ok();
}

struct err drill_quorum_open(struct client *client, const struct options *options,
                             struct drill_quorum *out)
{
    out->client = client;
    out->keys = &options->voter_keys;
    out->waits = options_has(options, OPTION_WAIT);
    out->voters = mem_array(out->keys->count, sizeof *out->voters);
    out->signers = mem_array(out->keys->count, sizeof *out->signers);
    TRY(chain_file_fetch(client, NULL, &out->chain));
    for (size_t i = 0; i < out->keys->count; i++) {
        TRY(find_voter(out, i));
    }
    return err_ok();
}

/* How many of the voters are of the group. */
static uint32_t count_voters(const struct drill_quorum *quorum, const struct roster *roster,
                             const struct roster_group *group)
{
    uint32_t count = 0;
    for (size_t i = 0; i < roster->person_count; i++) {
        for (size_t v = 0; group->eligible[i] && v < quorum->keys->count; v++) {
            if (span_is(roster->people[i].id, quorum->voters[v])) {
                count++;
                break; /* a person counts once, with however many keys */
            }
        }
    }
    return count;
}

struct err drill_quorum_approval(const struct drill_quorum *quorum, const struct options *options,
                                 struct buf *out)
{
    const struct roster *roster = roster_chain_newest(quorum->chain.chain);
    if (options_has(options, OPTION_APPROVAL)) {
        TRY(buf_append_u8(out, ','));
        struct json_writer writer = json_writer_on(out);
        return key_put_approval(&writer, options);
    }
    for (size_t i = 0; i < roster->group_count; i++) {
        const struct roster_group *group = &roster->groups[i];
        if (quorum->waits ? span_equal(group->id, roster->authority)
                          : count_voters(quorum, roster, group) >= group->m) {
            return buf_printf(out, ",\"approval\":{\"group\":\"%.*s\",\"m\":%" PRIu32 "}",
                              (int)group->id.len, (const char *)group->id.data, group->m);
        }
    }
    return err_new(ERR_INVALID_FIELD, __func__,
                   "these voters are not enough for any group: see hsmgate roster show");
}

struct err drill_quorum_ask(struct drill_quorum *quorum, struct span body, char **out_id)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(client_fetch(quorum->client, "POST", "/v1/break-glass", body, &response, &json));
    *out_id = span_to_text(member_text(json.root, "id"));
    return err_ok();
}

static struct err cast(struct drill_quorum *quorum, const struct asked *asked, size_t at,
                       bool *out_approved)
{
    char id[UUID_TEXT_LEN + 1];
    CLEANUP(ballot_clear) struct ballot ballot = {0};
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(ballot_sign(&quorum->signers[at],
                    &(struct ballot_order){.voter = span_text(quorum->voters[at]),
                                           .choice = VOTE_APPROVE,
                                           .statement = buf_span(&asked->bytes),
                                           .now_ms = clock_wall_ms()},
                    &ballot));
    TRY(ballot_write(&ballot.vote, &body));
    uuid_format(asked->read.is.id, id);
    TRY(asked_call(quorum->client, "POST", id, ":vote", buf_span(&body), &response));
    TRY(json_parse(buf_span(&response.body), &json));
    *out_approved = request_is_approved(json.root);
    return err_ok();
}

struct err drill_quorum_vote(struct drill_quorum *quorum, const char *id)
{
    bool approved = false;
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(asked_clear) struct asked asked = {0};
    TRY(asked_fetch(quorum->client, id, &response, &json, &asked));
    for (size_t i = 0; i < quorum->keys->count && !approved; i++) {
        TRY(cast(quorum, &asked, i, &approved));
    }
    ENSURE(approved, ERR_APPROVAL_REQUIRED, "all voted, and that was not enough: %s", id);
    return err_ok();
}

static struct err look(struct drill_quorum *quorum, const char *id, bool *out_decided,
                       bool *out_approved)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(asked_call(quorum->client, "GET", id, "", (struct span){0}, &response));
    TRY(json_parse(buf_span(&response.body), &json));
    *out_decided = request_is_decided(json.root);
    *out_approved = request_is_approved(json.root);
    return err_ok();
}

static void close_stop(struct stop *stop)
{
    stop_close(stop);
}

struct err drill_quorum_wait(struct drill_quorum *quorum, const char *id)
{
    bool decided = false;
    bool approved = false;
    CLEANUP(close_stop) struct stop stop = {.fd = -1};
    TRY(stop_open(&stop));
    fprintf(stderr,
            "this is a drill. Who may vote runs:\n  hsmgate break-glass approve %s --key KEY.pem\n",
            id);
    while (!decided) {
        TRY(look(quorum, id, &decided, &approved));
        if (!decided && stop_wait(&stop, -1, clock_deadline(POLL_MS)) == STOP_ASKED) {
            return err_new(ERR_DEADLINE, __func__, "it was stopped before the people decided");
        }
    }
    ENSURE(approved, ERR_APPROVAL_REQUIRED, "the people did not approve it: %s", id);
    return err_ok();
}
