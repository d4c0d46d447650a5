/* `hsmgate break-glass approve`, `deny` and `submit`: nobody signs what was not shown, and the word
 * that confirms it stands in what was shown. Signing needs no network: statement file in, vote file
 * out. */
#include <stdio.h>

#include "base/mem.h"
#include "cli/ballot.h"
#include "cli/chain_file.h"
#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/human.h"
#include "cli/input.h"
#include "cli/new_file.h"
#include "cli/output.h"
#include "cli/request_view.h"

struct voting {
    struct client *client;
    const struct options *options;
    enum vote_choice choice;
    struct signing_key signer;
    struct asked asked;
    struct response response; /* of the request, when the gateway was asked */
    struct json json;
    char *voter;
};

static void voting_clear(struct voting *voting)
{
    asked_clear(&voting->asked);
    response_clear(&voting->response);
    json_clear(&voting->json);
    mem_free(voting->voter);
    signing_key_clear(&voting->signer);
}

/* --- what is asked --- */

static struct err take_statement(struct voting *voting)
{
    const char *path = voting->options->values[OPTION_STATEMENT];
    return path != NULL ? asked_file(path, &voting->asked)
                        : asked_fetch(voting->client, voting->options->arguments[0],
                                      &voting->response, &voting->json, &voting->asked);
}

/* A roster that was handed over with its statement is the one that the statement names. */
static struct err check_roster(const struct voting *voting)
{
    const char *path = voting->options->values[OPTION_ROSTER];
    if (path == NULL) {
        return err_ok();
    }
    uint8_t digest[SHA256_LEN];
    CLEANUP(buf_clear) struct buf bytes = {0};
    const struct statement *says = &voting->asked.read.is;
    TRY(input_read_named(path, ROSTER_MAX, &bytes));
    roster_digest(buf_span(&bytes), digest);
    ENSURE(says->kind == STATEMENT_ROSTER &&
               span_equal(span_of(digest, SHA256_LEN), span_of(says->next_sha256, SHA256_LEN)),
           ERR_INVALID_FIELD, "%s is not the roster that this statement adopts: sign nothing",
           path);
    return err_ok();
}

/* --- who votes --- */

/* Whose key it is, by the gateway's roster; a wrong name only makes a vote that does not count. */
static struct err find_voter(struct voting *voting)
{
    const char *as = voting->options->values[OPTION_AS];
    if (as != NULL) {
        voting->voter = mem_text(as);
        return quorum_check_id(span_text(as));
    }
    struct voter_key key = {0};
    CLEANUP(buf_clear) struct buf bytes = {0};
    CLEANUP(chain_file_clear) struct chain_file file = {0};
    TRY(signing_key_public(&voting->signer, &bytes, &key));
    TRY(chain_file_fetch(voting->client, NULL, &file));
    const struct roster_person *person = chain_file_person(&file, &key);
    ENSURE(person != NULL, ERR_NOT_FOUND,
           "this is nobody's key in the roster: is it the right file? hsmgate roster show lists "
           "the keys");
    voting->voter = span_to_text(person->id);
    return err_ok();
}

/* --- what becomes of the vote --- */

static const char *done_word(enum vote_choice choice)
{
    return choice == VOTE_APPROVE ? "approved" : "denied";
}

static struct err keep_vote(const struct voting *voting, struct span body)
{
    const char *path = voting->options->values[OPTION_OUT];
    char id[UUID_TEXT_LEN + 1];
    CLEANUP(buf_clear) struct buf line = {0};
    TRY(buf_append(&line, body));
    TRY(buf_append_u8(&line, '\n'));
    TRY(new_file_write(path, buf_span(&line)));
    if (options_has(voting->options, OPTION_JSON)) {
        return output_stdout_line(body);
    }
    uuid_format(voting->asked.read.is.id, id);
    printf("%s: the vote of %s (%s), signed and not sent\n", path, voting->voter,
           done_word(voting->choice));
    if (voting->asked.read.is.kind == STATEMENT_ROSTER) {
        printf("next: hsmgate roster publish --roster ROSTER --statement STATEMENT --vote %s …\n",
               path);
    } else {
        printf("next, with network: hsmgate break-glass submit %s --vote %s\n", id, path);
    }
    return err_ok();
}

static struct err print_sent(const struct options *options, const struct response *response,
                             struct span voter, enum vote_choice choice)
{
    if (output_json(options, response)) {
        return err_ok();
    }
    CLEANUP(json_clear) struct json json = {0};
    TRY(json_parse(buf_span(&response->body), &json));
    CLEANUP(mem_free_at) char *line = request_line(json.root, clock_wall_ms());
    printf("%.*s: %s\n%s\n", (int)voter.len, (const char *)voter.data, done_word(choice), line);
    if (request_is_decided(json.root)) {
        request_print_next(json.root, NULL);
    }
    return err_ok();
}

static struct err send_vote(const struct voting *voting, struct span body)
{
    char id[UUID_TEXT_LEN + 1];
    CLEANUP(response_clear) struct response response = {0};
    ENSURE(voting->asked.read.is.kind != STATEMENT_ROSTER, ERR_INVALID_FIELD,
           "votes for a roster go into a file: --out VOTE, for hsmgate roster publish");
    uuid_format(voting->asked.read.is.id, id);
    TRY(asked_call(voting->client, "POST", id, ":vote", body, &response));
    return print_sent(voting->options, &response, span_text(voting->voter), voting->choice);
}

/* --- the vote --- */

static struct err show_and_confirm(const struct voting *voting)
{
    const bool json = options_has(voting->options, OPTION_JSON);
    const bool approve = voting->choice == VOTE_APPROVE;
    CLEANUP(mem_free_at) char *word = asked_word(&voting->asked);
    TRY(asked_print(&voting->asked, json ? stderr : stdout));
    (void)fflush(stdout); /* it is read before the question comes */
    return confirm(voting->options,
                   &(struct confirmation){.what = voting->asked.read.is.kind == STATEMENT_ROSTER
                                                      ? "the number of the new roster"
                                                      : "the name of the key",
                                          .act = approve ? "sign your YES to this"
                                                         : "sign your NO, which is final",
                                          .word = word});
}

static struct err vote_on(struct voting *voting)
{
    CLEANUP(ballot_clear) struct ballot ballot = {0};
    CLEANUP(buf_clear) struct buf body = {0};
    TRY(take_statement(voting));
    TRY(check_roster(voting));
    TRY(find_voter(voting));
    TRY(show_and_confirm(voting));
    TRY(ballot_sign(&voting->signer,
                    &(struct ballot_order){.voter = span_text(voting->voter),
                                           .choice = voting->choice,
                                           .statement = buf_span(&voting->asked.bytes),
                                           .now_ms = clock_wall_ms()},
                    &ballot));
    TRY(ballot_write(&ballot.vote, &body));
    return options_has(voting->options, OPTION_OUT) ? keep_vote(voting, buf_span(&body))
                                                    : send_vote(voting, buf_span(&body));
}

static struct err vote_as(struct client *client, const struct options *options,
                          enum vote_choice choice, int *out_exit)
{
    const bool from_file = options_has(options, OPTION_STATEMENT);
    if (from_file == (options->argument_count == 1)) {
        return output_misuse(out_exit, "on what? name the request's ID, or --statement FILE");
    }
    if (from_file && !options_has(options, OPTION_AS)) {
        return output_misuse(out_exit, "whose vote is it? --as VOTER, as the roster names you");
    }
    CLEANUP(voting_clear)
    struct voting voting = {.client = client, .options = options, .choice = choice};
    return signing_key_choose(options, out_exit, &voting.signer) ? vote_on(&voting) : err_ok();
}

struct err break_glass_approve(struct client *client, const struct options *options, int *out_exit)
{
    return vote_as(client, options, VOTE_APPROVE, out_exit);
}

struct err break_glass_deny(struct client *client, const struct options *options, int *out_exit)
{
    return vote_as(client, options, VOTE_DENY, out_exit);
}

struct err break_glass_submit(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    for (size_t i = 0; i < options->votes.count; i++) {
        CLEANUP(ballot_clear) struct ballot ballot = {0};
        CLEANUP(buf_clear) struct buf body = {0};
        CLEANUP(response_clear) struct response response = {0};
        TRY(ballot_read(options->votes.values[i], &ballot));
        TRY(ballot_write(&ballot.vote, &body));
        TRY(asked_call(client, "POST", options->arguments[0], ":vote", buf_span(&body), &response));
        TRY(print_sent(options, &response, ballot.vote.voter, ballot.vote.choice));
    }
    return err_ok();
}
