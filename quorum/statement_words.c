/* A statement in words, for somebody who is about to sign it, perhaps at night.
 *
 * Every field that is signed appears, because what is not shown is not agreed to. Texts came from
 * the one who asks: control characters would let them redraw the screen, so they become `?`. */
#include "quorum/quorum.h"

#include <inttypes.h>

#include "base/encoding.h"
#include "base/harmless.h"
#include "quorum/canonical.h"
#include "quorum/recipient.h"

static struct err say_text(struct buf *out, const char *label, struct span text)
{
    TRY(buf_printf(out, "%-14s", label));
    while (text.len > 0) {
        size_t control = harmful_len(text);
        size_t taken = control > 0 ? control : 1;
        TRY(control > 0 ? buf_append_text(out, "?") : buf_append(out, span_of(text.data, taken)));
        text = span_of(text.data + taken, text.len - taken);
    }
    return buf_append_text(out, "\n");
}

static struct err say_hex(struct buf *out, const char *label, struct span bytes)
{
    TRY(buf_printf(out, "%-14s", label));
    TRY(hex_encode(bytes, out));
    return buf_append_text(out, "\n");
}

static struct err say_sha256(struct buf *out, const char *label, const uint8_t digest[SHA256_LEN])
{
    return say_hex(out, label, span_of(digest, SHA256_LEN));
}

static struct err say_time(struct buf *out, const char *label, int64_t unix_ms)
{
    char text[CLOCK_TEXT_MAX];
    canonical_time(unix_ms, text);
    return buf_printf(out, "%-14s%s\n", label, text);
}

static struct err say_uuid(struct buf *out, const char *label, struct uuid uuid)
{
    char text[UUID_TEXT_LEN + 1];
    uuid_format(uuid, text);
    return buf_printf(out, "%-14s%s\n", label, text);
}

static void duration_words(int64_t seconds, char out[CLOCK_TEXT_MAX])
{
    if (seconds == 0) {
        (void)snprintf(out, CLOCK_TEXT_MAX, "at once");
    } else {
        clock_format_duration(seconds, out);
    }
}

/* --- what will happen --- */

static struct err say_version(const struct statement *statement, struct buf *out)
{
    TRY(say_text(out, "key:", statement->key));
    TRY(buf_printf(out, "%-14s%u\n", "version:", statement->version));
    TRY(say_hex(out, "CKA_ID:", statement->cka_id));
    return say_hex(out, "identity:", statement->identity);
}

static struct err say_open(const struct statement *statement, struct buf *out)
{
    TRY(buf_append_text(out, "OPEN ONE CIPHERTEXT and give the plaintext to who asks.\n"));
    TRY(say_version(statement, out));
    TRY(say_sha256(out, "ciphertext:", statement->ciphertext_sha256));
    TRY(say_sha256(out, "context:", statement->context_sha256));
    TRY(buf_printf(out, "%-14s", "sealed to:"));
    struct json_writer writer = json_writer_on(out);
    recipient_put(&writer, NULL, &statement->recipient);
    TRY(json_finish(&writer));
    return buf_append_text(out, "\n");
}

static struct err say_destroy(const struct statement *statement, struct buf *out)
{
    char after[CLOCK_TEXT_MAX];
    duration_words(statement->after_s, after);
    TRY(buf_append_text(out, "DESTROY ONE VERSION of a key: what it protects is lost for ever.\n"));
    TRY(say_version(statement, out));
    return buf_printf(out, "%-14s%s, counted from the approval\n", "when:", after);
}

static struct err say_rule(const struct statement *statement, struct buf *out)
{
    if (statement->wanted.m == 0) {
        TRY(buf_append_text(out, "TAKE AWAY THE APPROVAL RULE of a key: nobody is asked then.\n"));
        return say_text(out, "key:", statement->key);
    }
    TRY(buf_append_text(out, "CHANGE THE APPROVAL RULE of a key.\n"));
    TRY(say_text(out, "key:", statement->key));
    TRY(buf_printf(out, "%-14s%u approvals\n", "new rule:", statement->wanted.m));
    return say_text(out, "new group:", statement->wanted.group);
}

static struct err say_unfreeze(const struct statement *statement, struct buf *out)
{
    TRY(buf_append_text(out, "UNFREEZE A KEY: what it protects can be opened again.\n"));
    return say_text(out, "key:", statement->key);
}

static struct err say_roster(const struct statement *statement, struct buf *out)
{
    TRY(buf_append_text(out, "REPLACE THE ROSTER: who may vote from now on.\n"));
    TRY(buf_printf(out, "%-14s%" PRIu64 "\n", "new roster:", statement->next_number));
    return say_sha256(out, "its digest:", statement->next_sha256);
}

static struct err (*const sayers[STATEMENT_KIND_COUNT])(const struct statement *, struct buf *) = {
    [STATEMENT_OPEN] = say_open,     [STATEMENT_DESTROY] = say_destroy,
    [STATEMENT_RULE] = say_rule,     [STATEMENT_UNFREEZE] = say_unfreeze,
    [STATEMENT_ROSTER] = say_roster,
};

/* --- who, why, until when --- */

static struct err say_needs(const struct statement *statement, struct buf *out)
{
    const struct quorum_rule *rule = &statement->rule;
    char wait[CLOCK_TEXT_MAX];
    char within[CLOCK_TEXT_MAX];
    duration_words(rule->wait_s, wait);
    clock_format_duration(rule->use_within_s, within);
    TRY(buf_printf(out, "%-14s%u approvals\n", "needs:", rule->m));
    TRY(say_text(out, "of group:", rule->group));
    TRY(buf_printf(out, "%-14s%s%s\n", "then usable:", rule->wait_s > 0 ? "after " : "", wait));
    return rule->use_within_s > 0 ? buf_printf(out, "%-14swithin %s\n", "", within)
                                  : buf_printf(out, "%-14suntil it expires\n", "");
}

static struct err say_origin(const struct statement *statement, struct buf *out)
{
    uint8_t policy[SHA256_LEN];
    quorum_rule_digest(&statement->rule, policy);
    TRY(say_sha256(out, "rule digest:", policy));
    TRY(buf_printf(out, "%-14s%" PRIu64 "\n", "roster:", statement->roster_number));
    TRY(say_sha256(out, "its digest:", statement->roster_sha256));
    TRY(say_uuid(out, "request:", statement->id));
    if (statement->kind != STATEMENT_ROSTER) {
        TRY(say_uuid(out, "key id:", statement->key_id));
    }
    TRY(say_text(out, "gateway:", statement->gateway));
    TRY(say_text(out, "log key:", statement->log_key));
    return say_hex(out, "nonce:", span_of(statement->nonce, QUORUM_NONCE_LEN));
}

struct err statement_describe(const struct statement *statement, struct buf *out)
{
    ENSURE((size_t)statement->kind < STATEMENT_KIND_COUNT, ERR_INVALID_FIELD,
           "the statement's kind is not known");
    TRY(sayers[statement->kind](statement, out));
    TRY(say_text(out, "asked by:", statement->requester));
    TRY(say_text(out, "reason:", statement->reason));
    TRY(say_text(out,
                 "ticket:", statement->ticket.len > 0 ? statement->ticket : span_text("none")));
    TRY(say_time(out, "asked at:", statement->created_at));
    TRY(say_time(out, "expires at:", statement->expires_at));
    TRY(say_needs(statement, out));
    return say_origin(statement, out);
}
