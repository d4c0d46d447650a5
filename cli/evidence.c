/* Step by step, from bytes to meaning: the file is exactly what a gateway writes; the statement;
 * the record in the audit log, which says when; the rosters from the root that the auditor brings;
 * each vote; and the decision at the time of the record. Nothing of the file is believed before the
 * step that checks it, and any step that fails ends it. */
#include "cli/evidence.h"

#include <inttypes.h>
#include <stdarg.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/evidence_file.h"
#include "cli/evidence_record.h"
#include "cli/human.h"
#include "cli/output.h"

#define SHOW(span) (int)(span).len, (const char *)(span).data

struct check {
    const struct evidence_listener *listener;
    struct evidence_file file;
    struct statement_read statement;
    char digest[2 * SHA256_LEN + 1]; /* of the statement */
    const uint8_t *root;
    int64_t time_ms; /* of the record */
};

static void check_clear(struct check *check)
{
    statement_clear(&check->statement);
    evidence_file_clear(&check->file);
}

static void say(const struct check *check, bool good, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(const struct check *check, bool good, const char *format, ...)
{
    char text[768];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    output_harmless(text);
    check->listener->say(check->listener->arg, good, text);
}

/* --- the file --- */

static bool step_file(struct check *check, struct span file)
{
    const struct err err = evidence_file_read(file, &check->file);
    const bool good = err.code == ERR_OK;
    say(check, good,
        good ? "the file: evidence as a gateway writes it, %zu bytes%s%s"
             : "the file, of %zu bytes, is no evidence%s%s",
        file.len, good ? "" : ": ", err.detail);
    return good;
}

static bool step_statement(struct check *check)
{
    uint8_t digest[SHA256_LEN];
    const struct span bytes = check->file.bundle.is.statement;
    const struct err err = statement_parse(bytes, &check->statement);
    if (err.code != ERR_OK) {
        say(check, false, "the statement cannot be read: %s", err.detail);
        return false;
    }
    const struct statement *says = &check->statement.is;
    statement_digest(bytes, digest);
    human_hex(span_of(digest, sizeof digest), check->digest);
    say(check, true, "the statement: %s %.*s, asked by %.*s (\"%.*s\", %.*s), digest %s",
        statement_kind_name(says->kind), SHOW(says->key), SHOW(says->requester), SHOW(says->reason),
        SHOW(says->ticket), check->digest);
    return true;
}

/* --- the record --- */

static void last_roster(const struct check *check, char out[2 * SHA256_LEN + 1])
{
    const struct bundle *bundle = &check->file.bundle.is;
    uint8_t digest[SHA256_LEN] = {0};
    if (bundle->roster_count > 0) {
        roster_digest(bundle->rosters[bundle->roster_count - 1].roster, digest);
    }
    human_hex(span_of(digest, sizeof digest), out);
}

static struct err check_proof(struct check *check, struct span proof,
                              const struct checkpoint_verifier *verifier)
{
    struct evidence_record record;
    char time[CLOCK_TEXT_MAX];
    char roster[2 * SHA256_LEN + 1];
    last_roster(check, roster);
    const struct evidence_subject subject = {
        .says = &check->statement.is, .statement = check->digest, .roster = roster};
    TRY(evidence_record_check(proof, verifier, &subject, &record));
    check->time_ms = record.time_ms;
    clock_format(record.time_ms, time);
    say(check, true,
        "record %" PRIu64 " of the log of %s, among %" PRIu64
        " that its key signed: this request was carried out at %s",
        record.seq, verifier->name, record.among, time);
    return err_ok();
}

static void verifier_clear(struct checkpoint_verifier *verifier)
{
    checkpoint_verifier_clear(verifier);
}

static struct err check_records(struct check *check)
{
    const struct json_value *records = check->file.records;
    CLEANUP(verifier_clear) struct checkpoint_verifier verifier = {0};
    ENSURE(json_count(records) > 0, ERR_NOT_FOUND,
           "there is none: this request was not carried out, or not yet");
    TRY(checkpoint_verifier_read(check->statement.is.log_key, &verifier));
    ENSURE(span_is(check->statement.is.gateway, verifier.name), ERR_INVALID_FIELD,
           "the log is not that of the statement's gateway");
    for (const struct json_value *at = json_first(records); at != NULL; at = json_next(at)) {
        struct span proof = {0};
        ENSURE(json_as_text(at, &proof), ERR_INVALID_FIELD, "a proof is no text");
        TRY(check_proof(check, proof, &verifier));
    }
    return err_ok();
}

static bool step_records(struct check *check)
{
    const struct err err = check_records(check);
    if (err.code != ERR_OK) {
        say(check, false, "the record in the audit log: %s", err.detail);
    }
    return err.code == ERR_OK;
}

/* --- the votes --- */

/* A vote may have been good and not needed, or its person removed since; it is never wrong. */
static bool is_good(enum vote_verdict verdict)
{
    return verdict == VOTE_COUNTS || verdict == VOTE_TWICE;
}

/* Every vote of a roster's statement, under the roster before it. */
static struct err check_link(const struct roster_chain *chain, const struct roster_link *link,
                             uint64_t number)
{
    struct statement_read says = {0};
    TRY(statement_parse(link->statement, &says));
    struct err err = err_ok();
    for (size_t i = 0; i < link->vote_count && err.code == ERR_OK; i++) {
        const struct vote *vote = &link->votes[i];
        const enum vote_verdict verdict =
            vote_judge(vote, link->statement, &says.is, roster_chain_number(chain, number - 1),
                       says.is.expires_at);
        if (!is_good(verdict)) {
            err = err_new(ERR_FORBIDDEN, __func__, "roster %" PRIu64 ", the vote of %.*s: %s",
                          number, SHOW(vote->voter), vote_verdict_text(verdict));
        }
    }
    statement_clear(&says);
    return err;
}

static struct err check_chain(const struct check *check, const struct roster_chain *chain)
{
    const struct bundle *bundle = &check->file.bundle.is;
    for (size_t i = 1; i < bundle->roster_count; i++) {
        TRY(check_link(chain, &bundle->rosters[i], i + 1));
    }
    return err_ok();
}

static bool check_vote(const struct check *check, const struct roster_chain *chain,
                       const struct vote *vote)
{
    const struct statement *says = &check->statement.is;
    const struct roster *then = roster_chain_find(chain, says->roster_sha256);
    const struct roster *now = roster_chain_newest(chain);
    const struct span bytes = check->file.bundle.is.statement;
    enum vote_verdict verdict =
        then != NULL ? vote_judge(vote, bytes, says, then, check->time_ms) : VOTE_UNKNOWN_VOTER;
    if (!is_good(verdict)) {
        const enum vote_verdict later = vote_judge(vote, bytes, says, now, check->time_ms);
        verdict = is_good(later) ? later : verdict;
    }
    say(check, is_good(verdict), "the vote of %.*s: %s, signed at %.*s, %s", SHOW(vote->voter),
        vote_choice_name(vote->choice), SHOW(vote->signed_at), vote_verdict_text(verdict));
    return is_good(verdict);
}

static bool step_votes(const struct check *check, const struct roster_chain *chain)
{
    const struct bundle *bundle = &check->file.bundle.is;
    for (size_t i = 0; i < bundle->vote_count; i++) {
        if (!check_vote(check, chain, &bundle->votes[i])) {
            return false;
        }
    }
    return true;
}

/* --- rosters and decision --- */

static bool step_chain(const struct check *check, const struct roster_chain *chain)
{
    const struct err err = check_chain(check, chain);
    if (err.code != ERR_OK) {
        say(check, false, "the rosters: %s", err.detail);
        return false;
    }
    say(check, true,
        "%zu roster%s, each by the votes of the one before, from the root that you "
        "gave; roster %" PRIu64 " held when it was asked",
        check->file.bundle.is.roster_count, check->file.bundle.is.roster_count == 1 ? "" : "s",
        check->statement.is.roster_number);
    return true;
}

static bool step_decision(const struct check *check, const struct decision *decision)
{
    const bool good = decision->state == DECISION_MET;
    say(check, good,
        "the decision at the time of the record: %s, %" PRIu32 " of %" PRIu32
        " approvals of group %.*s. %s",
        decision_state_name(decision->state), decision->approvals, decision->needed,
        SHOW(check->statement.is.rule.group), decision->reason);
    return good;
}

static bool steps_of_quorum(const struct check *check)
{
    CLEANUP(bundle_verdict_clear) struct bundle_verdict verdict = {0};
    const struct err err =
        bundle_judge(&check->file.bundle.is, check->root, check->time_ms, &verdict);
    if (err.code != ERR_OK) {
        say(check, false, "the rosters: %s", err.detail);
        return false;
    }
    return step_chain(check, verdict.chain) && step_votes(check, verdict.chain) &&
           step_decision(check, &verdict.decision);
}

bool evidence_check(struct span file, const uint8_t root[SHA256_LEN],
                    const struct evidence_listener *listener)
{
    CLEANUP(check_clear) struct check check = {.listener = listener, .root = root};
    return step_file(&check, file) && step_statement(&check) && step_records(&check) &&
           steps_of_quorum(&check);
}
