/* GET /v1/lint: the findings of lint over what the gateway holds now, from the severity that the
 * caller asks for. */
#include "gateway/lint.h"
#include "base/mem.h"
#include "gateway/ops/core_ops.h"
#include "gateway/query.h"

static struct err read_severity(struct span query, enum lint_severity *out)
{
    char text[16] = "note";
    const struct query_field fields[] = {{"severity", text, sizeof(text)}};
    TRY(query_read(query, fields, ARRAY_LEN(fields)));
    ENSURE(lint_severity_by_name(span_text(text), out), ERR_INVALID_FIELD,
           "severity must be note, warning or error.");
    return err_ok();
}

static void put_finding(struct json_writer *writer, const struct lint_finding *finding)
{
    json_begin_object(writer, NULL);
    json_put_text(writer, "severity", lint_severity_name(finding->severity));
    json_put_text(writer, "rule", finding->rule);
    json_put_text(writer, "subject", finding->subject);
    json_put_text(writer, "reason", finding->reason);
    json_put_text(writer, "remedy", finding->remedy);
    json_end_object(writer);
}

static void put_answer(struct json_writer *writer, const struct lint_facts *facts,
                       const struct lint_findings *findings, enum lint_severity least)
{
    json_begin_object(writer, NULL);
    json_begin_array(writer, "findings");
    for (size_t i = 0; i < findings->count; i++) {
        if (findings->all[i].severity >= least) {
            put_finding(writer, &findings->all[i]);
        }
    }
    json_end_array(writer);
    json_begin_object(writer, "checked");
    json_put_integer(writer, "keys", (int64_t)facts->key_count);
    json_put_integer(writer, "grants", (int64_t)facts->grants->count);
    json_put_integer(writer, "tokens", (int64_t)facts->bearer_count);
    json_end_object(writer);
    json_end_object(writer);
}

/* Everything that a run borrows. */
struct held {
    const struct key **keys;
    size_t key_count;
    const struct grants *grants;
    struct bearer *bearers;
    size_t bearer_count;
    const struct roster_view *rosters; /* or NULL */
};

static void let_go(struct held *held)
{
    keystore_list_free(held->keys, held->key_count);
    grants_release(held->grants);
    mem_free(held->bearers);
    roster_view_release(held->rosters);
}

static void hold(const struct gateway *gateway, struct held *held)
{
    struct keystore *store = gateway->store;
    struct err err = roster_book_view(gateway->rotation.rosters, &held->rosters);
    if (err.code != ERR_OK) {
        held->rosters = NULL; /* what is not believed is no roster */
    }
    const struct span all = {0};
    held->keys = keystore_list(store, all, all, SIZE_MAX, LIST_USABLE, &held->key_count);
    held->grants = keystore_grants(store);
    held->bearers = keystore_list_bearers(store, &held->bearer_count);
}

struct err op_lint(struct call *call)
{
    enum lint_severity least = LINT_NOTE;
    TRY(read_severity(call->exchange->request.query, &least));
    CLEANUP(let_go) struct held held = {0};
    hold(call->gateway, &held);
    const struct lint_facts facts = {.config = call->gateway->config,
                                     .keys = held.keys,
                                     .key_count = held.key_count,
                                     .roster = held.rosters != NULL ? held.rosters->newest : NULL,
                                     .grants = held.grants,
                                     .bearers = held.bearers,
                                     .bearer_count = held.bearer_count,
                                     .now = call->now_ms};
    CLEANUP(lint_findings_clear) struct lint_findings findings = {0};
    lint_run(&facts, &findings);
    struct json_writer writer = call_reply_json(call, 200);
    put_answer(&writer, &facts, &findings, least);
    return json_finish(&writer);
}
