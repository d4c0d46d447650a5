/* `hsmgate roster propose`: the statement by which the old roster's authority adopts the next one.
 * It is made here, of what the gateway says about itself; whoever signs it sees all of it. */
#include <inttypes.h>
#include <stdio.h>

#include "audit/checkpoint.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/asked.h"
#include "cli/chain_file.h"
#include "cli/command.h"
#include "cli/human.h"
#include "cli/input.h"
#include "cli/new_file.h"
#include "cli/output.h"
#include "cli/roster_change.h"
#include "cli/trust.h"

#define MS_PER_S       1000
#define WINDOW_DEFAULT "7d"

static void free_roster(const struct roster **roster)
{
    roster_free(*roster);
}

struct proposal {
    struct chain_file file;
    struct buf roster_bytes;
    const struct roster *next;
    struct trust trust; /* the gateway's log: its name and key */
    char *log_key;
    char *requester;
};

static void proposal_clear(struct proposal *proposal)
{
    chain_file_clear(&proposal->file);
    buf_clear(&proposal->roster_bytes);
    free_roster(&proposal->next);
    trust_clear(&proposal->trust);
    mem_free(proposal->log_key);
    mem_free(proposal->requester);
}

static struct err take_gateway(struct client *client, struct proposal *out)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(client_fetch(client, "GET", "/v1/audit/checkpoint", (struct span){0}, &response, &json));
    const struct span key = member_text(json.root, "key");
    TRY(trust_text(key, KEY_GATEWAY, &out->trust));
    out->log_key = span_to_text(key);
    out->log_key[strcspn(out->log_key, "\r\n")] = '\0';
    return err_ok();
}

static struct err take_requester(struct client *client, const struct options *options,
                                 struct proposal *out)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    if (options_has(options, OPTION_REQUESTER)) {
        out->requester = mem_text(options->values[OPTION_REQUESTER]);
        return err_ok();
    }
    TRY(client_fetch(client, "GET", "/v1/auth/whoami", (struct span){0}, &response, &json));
    out->requester = span_to_text(member_text(json.root, "principal"));
    return err_ok();
}

static struct err take_rosters(struct client *client, const struct options *options,
                               struct proposal *out)
{
    const char *path = options->values[OPTION_ROSTER];
    TRY(chain_file_from(client, options->values[OPTION_FROM], NULL, &out->file));
    TRY(input_read_named(path, ROSTER_MAX, &out->roster_bytes));
    TRY(roster_parse(buf_span(&out->roster_bytes), &out->next));
    const struct roster *now = roster_chain_newest(out->file.chain);
    ENSURE(
        out->next->number == now->number + 1 &&
            span_equal(span_of(out->next->previous, SHA256_LEN), span_of(now->digest, SHA256_LEN)),
        ERR_CONFLICT,
        "%s does not follow roster %" PRIu64 ", which holds now: draft it again from that", path,
        now->number);
    return err_ok();
}

static struct err fill(const struct options *options, const struct proposal *from,
                       struct statement *out)
{
    const struct roster *now = roster_chain_newest(from->file.chain);
    const struct roster_group *authority = roster_group(now, now->authority);
    const char *window = options->values[OPTION_WINDOW];
    const char *ticket = options->values[OPTION_TICKET];
    int64_t seconds = 0;
    TRY(clock_parse_duration(span_text(window != NULL ? window : WINDOW_DEFAULT), &seconds));
    *out = (struct statement){.kind = STATEMENT_ROSTER,
                              .id = uuid_make(),
                              .gateway = span_text(from->trust.verifier.name),
                              .log_key = span_text(from->log_key),
                              .next_number = from->next->number,
                              .reason = span_text(options->values[OPTION_REASON]),
                              .ticket = span_text(ticket != NULL ? ticket : ""),
                              .requester = span_text(from->requester),
                              .roster_number = now->number,
                              .created_at = clock_wall_ms() / MS_PER_S * MS_PER_S};
    out->expires_at = out->created_at + seconds * MS_PER_S;
    memcpy(out->next_sha256, from->next->digest, SHA256_LEN);
    memcpy(out->roster_sha256, now->digest, SHA256_LEN);
    random_bytes(out->nonce, sizeof out->nonce);
    TRY(roster_rule(now, now->authority, authority->m, &out->rule));
    return roster_check_rule(now, &out->rule, out->requester);
}

/* Ids of those who may vote, joined by `, `. */
static struct err put_voters(const struct roster *now, const struct statement *says,
                             struct buf *out)
{
    bool eligible[QUORUM_PEOPLE_MAX];
    roster_eligible(now, says->rule.group, says->requester, eligible);
    for (size_t i = 0; i < now->person_count; i++) {
        if (eligible[i]) {
            TRY(buf_printf(out, "%s%.*s", out->len > 0 ? ", " : "", (int)now->people[i].id.len,
                           (const char *)now->people[i].id.data));
        }
    }
    return err_ok();
}

static struct err print_words(const struct options *options, const struct proposal *from,
                              const struct asked *asked)
{
    CLEANUP(buf_clear) struct buf voters = {0};
    CLEANUP(buf_clear) struct buf lines = {0};
    const struct roster *now = roster_chain_newest(from->file.chain);
    const char *path = options->values[OPTION_OUT];
    const char *roster = options->values[OPTION_ROSTER];
    TRY(put_voters(now, &asked->read.is, &voters));
    TRY(roster_change_lines(now, from->next, &lines));
    TRY(asked_print(asked, stdout));
    printf("\nwhat changes:\n");
    output_lines(buf_span(&lines));
    printf("\n%" PRIu32 " of these sign it: %.*s\nsend them %s and %s; each of them runs\n"
           "  hsmgate break-glass approve --statement %s --roster %s --as VOTER --key KEY.pem "
           "--out VOTE\n"
           "then: hsmgate roster publish --roster %s --statement %s --vote VOTE --vote VOTE\n",
           asked->read.is.rule.m, (int)voters.len, (const char *)voters.data, path, roster, path,
           roster, roster, path);
    return err_ok();
}

struct err roster_propose(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(proposal_clear) struct proposal from = {0};
    CLEANUP(buf_clear) struct buf bytes = {0};
    CLEANUP(asked_clear) struct asked asked = {0};
    struct statement statement;
    TRY(take_rosters(client, options, &from));
    TRY(take_gateway(client, &from));
    TRY(take_requester(client, options, &from));
    TRY(fill(options, &from, &statement));
    TRY(statement_write(&statement, &bytes));
    TRY(new_file_write(options->values[OPTION_OUT], buf_span(&bytes)));
    TRY(asked_file(options->values[OPTION_OUT], &asked));
    if (!options_has(options, OPTION_JSON)) {
        return print_words(options, &from, &asked);
    }
    CLEANUP(mem_free_at)
    char *text = mem_format("{\"digest\":\"%s\",\"number\":%" PRIu64 "}", asked.digest,
                            statement.next_number);
    return output_stdout_line(span_text(text));
}
