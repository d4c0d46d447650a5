/* The record binds time and deed to the statement: without it votes say what was allowed, not that
 * it was done. */
#include "cli/evidence_record.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cli/output.h"

static void proved_clear(struct audit_proved *proved)
{
    buf_clear(&proved->record);
}

static struct err check_line(struct span line, const struct evidence_subject *subject,
                             struct evidence_record *out)
{
    char id[UUID_TEXT_LEN + 1];
    CLEANUP(json_clear) struct json json = {0};
    TRY(json_parse(line, &json));
    const struct json_value *detail = json_member(json.root, "detail");
    uuid_format(subject->says->id, id);
    ENSURE(span_is(member_text(json.root, "operation"), "open-break-glass") &&
               span_is(member_text(json.root, "outcome"), "ok"),
           ERR_INVALID_FIELD, "it does not say that something was opened");
    ENSURE(span_is(member_text(detail, "request"), id), ERR_INVALID_FIELD,
           "it is of another request");
    ENSURE(span_is(member_text(detail, "statement_sha256"), subject->statement), ERR_INVALID_FIELD,
           "it is of another statement");
    ENSURE(span_is(member_text(detail, "roster_sha256"), subject->roster), ERR_INVALID_FIELD,
           "the rosters of the file do not end with the one that held then");
    return clock_parse(member_text(json.root, "time"), &out->time_ms);
}

struct err evidence_record_check(struct span proof, const struct checkpoint_verifier *verifier,
                                 const struct evidence_subject *subject,
                                 struct evidence_record *out)
{
    CLEANUP(proved_clear) struct audit_proved proved = {0};
    struct evidence_record record;
    TRY(audit_check_proof(proof, verifier, &proved));
    TRY(check_line(buf_span(&proved.record), subject, &record));
    record.seq = proved.seq;
    record.among = proved.head.size;
    *out = record;
    return err_ok();
}
