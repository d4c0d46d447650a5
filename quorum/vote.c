/* Votes: the names, the bytes that are signed, and their JSON.
 *
 * What is signed begins with a line of its own for each choice, so that an approval can never be
 * shown as a denial, or either as something else. Voter and time stand on lines too, therefore
 * nothing that could hold a line's end gets there. Whether a signature is good is asked elsewhere:
 * reading proves nothing. */
#include <string.h>

#include "base/banned.h"
#include "base/clock.h"
#include "base/mem.h"
#include "quorum/canonical.h"

#define SIGNED_AT_MIN 19 /* without a fraction of a second and its zone */
#define SIGNED_AT_MAX 29 /* with nanoseconds */

static const char *const choices[] = {[VOTE_APPROVE] = "approve", [VOTE_DENY] = "deny"};
static const char *const formats[] = {[VOTE_RAW] = "raw", [VOTE_SSHSIG] = "sshsig"};

static bool find_name(const char *const names[2], struct span name, size_t *out)
{
    for (size_t i = 0; i < 2; i++) {
        if (span_is(name, names[i])) {
            *out = i;
            return true;
        }
    }
    return false;
}

const char *vote_choice_name(enum vote_choice choice)
{
    return (size_t)choice < ARRAY_LEN(choices) ? choices[choice] : "unknown";
}

bool vote_choice_by_name(struct span name, enum vote_choice *out)
{
    size_t found = 0;
    if (!find_name(choices, name, &found)) {
        return false;
    }
    *out = (enum vote_choice)found;
    return true;
}

const char *vote_format_name(enum vote_format format)
{
    return (size_t)format < ARRAY_LEN(formats) ? formats[format] : "unknown";
}

bool vote_format_by_name(struct span name, enum vote_format *out)
{
    size_t found = 0;
    if (!find_name(formats, name, &found)) {
        return false;
    }
    *out = (enum vote_format)found;
    return true;
}

/* The length of the zone at the end, when it is UTC in one of the two forms that programs write. */
static size_t zone_len(struct span text)
{
    static const char *const zones[] = {"Z", "+00:00"};
    for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
        size_t len = strlen(zones[i]);
        if (text.len > len && memcmp(text.data + text.len - len, zones[i], len) == 0) {
            return len;
        }
    }
    return 0;
}

/* No other zone, and no small letters. */
static struct err check_signed_at(struct span text)
{
    size_t zone = zone_len(text);
    size_t len = text.len - zone;
    bool shaped = zone > 0 && len >= SIGNED_AT_MIN && len <= SIGNED_AT_MAX && text.data[10] == 'T';
    int64_t unix_ms = 0;
    ENSURE(shaped && clock_parse(text, &unix_ms).code == ERR_OK, ERR_INVALID_FIELD,
           "signed_at is not a time like 2026-01-02T03:04:05Z (RFC 3339, UTC)");
    return err_ok();
}

struct err vote_message(const struct vote *vote, struct span statement, struct buf *out)
{
    ENSURE(vote->choice == VOTE_APPROVE || vote->choice == VOTE_DENY, ERR_INVALID_FIELD,
           "a vote is `approve` or `deny`");
    TRY(quorum_check_id(vote->voter));
    TRY(check_signed_at(vote->signed_at));
    TRY(buf_printf(out, "hsmgate/v1/vote/%s\n%.*s\n%.*s\n", vote_choice_name(vote->choice),
                   (int)vote->voter.len, (const char *)vote->voter.data, (int)vote->signed_at.len,
                   (const char *)vote->signed_at.data));
    return buf_append(out, statement);
}

static struct err read_names(struct span decision, struct span format, struct vote *out)
{
    ENSURE(vote_choice_by_name(decision, &out->choice), ERR_INVALID_FIELD,
           "decision is neither `approve` nor `deny`");
    ENSURE(vote_format_by_name(format, &out->format), ERR_INVALID_FIELD,
           "format is neither `raw` nor `sshsig`");
    return err_ok();
}

struct err vote_read(const struct json_value *object, struct buf *signature, struct vote *out)
{
    struct vote vote = {0};
    struct span decision = {0};
    struct span format = {0};
    struct span text = {0};
    const struct json_field fields[] = {
        {"voter", JSON_TEXT, JSON_REQUIRED, 0, &vote.voter, NULL},
        {"decision", JSON_TEXT, JSON_REQUIRED, 0, &decision, NULL},
        {"signed_at", JSON_TEXT, JSON_REQUIRED, 0, &vote.signed_at, NULL},
        {"signature", JSON_TEXT, JSON_REQUIRED, 0, &text, NULL},
        {"format", JSON_TEXT, JSON_REQUIRED, 0, &format, NULL},
    };
    TRY(json_read(object, fields, ARRAY_LEN(fields)));
    TRY(read_names(decision, format, &vote));
    TRY(quorum_check_id(vote.voter));
    TRY(check_signed_at(vote.signed_at));
    size_t before = signature->len;
    TRY(vote_signature_read(vote.format, text, signature));
    vote.signature = span_of(signature->data + before, signature->len - before);
    *out = vote;
    return err_ok();
}

void vote_put(struct json_writer *writer, const char *name, const struct vote *vote)
{
    json_begin_object(writer, name);
    json_put_span(writer, "voter", vote->voter);
    json_put_text(writer, "decision", vote_choice_name(vote->choice));
    json_put_span(writer, "signed_at", vote->signed_at);
    json_put_bytes(writer, "signature", vote->signature);
    json_put_text(writer, "format", vote_format_name(vote->format));
    json_end_object(writer);
}
