/* Requests that a quorum decides: asked, listed, shown, taken back. */
#include "base/failpoint.h"
#include "base/mem.h"
#include "gateway/ops/ask.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/quorum_view.h"
#include "gateway/ops/reason.h"
#include "gateway/query.h"
#include "gateway/quorum_watch.h"

#define PAGE_DEFAULT 50
#define PAGE_MAX     500

/* --- asking --- */

static struct err grant_ask(struct call *call)
{
    struct span name;
    uint32_t version = 0;
    TRY(ask_name(call, &name, &version));
    call->target = name;
    TRY(pipeline_grant(call, call->route->operation, name));
    call->key = keystore_find(call->gateway->store, name);
    ENSURE(call->key != NULL, ERR_NOT_FOUND, "There is no key with this name.");
    return err_ok();
}

static struct err store_request(struct call *call, const struct ask *ask, struct uuid *out_id)
{
    CLEANUP(roster_view_release_at) const struct roster_view *view = NULL;
    CLEANUP(buf_clear) struct buf statement = {.max = STATEMENT_MAX};
    struct quorum_request request = {.kind = statement_kind_name(ask->kind),
                                     .key = call->key->name,
                                     .version = ask->version,
                                     .requester = call->principal,
                                     .ciphertext = buf_span(&ask->ciphertext),
                                     .context = buf_span(&ask->context),
                                     .created_at = call->now_ms};
    TRY(roster_book_view(call->gateway->rotation.rosters, &view));
    TRY(ask_statement(call, ask, view->newest, &statement, &request.id, &request.expires_at));
    request.statement = buf_span(&statement);
    TRY(quorum_view_note(call, &request, NULL));
    failpoint_hit(FAILPOINT_REQUESTING);
    TRY(keystore_put_request(call->gateway->store, &request));
    failpoint_hit(FAILPOINT_REQUESTED);
    quorum_watch_tell(call->gateway, "request.made", &request, call->principal, NULL);
    *out_id = request.id;
    return err_ok();
}

static struct err make_request(struct call *call)
{
    CLEANUP(ask_clear) struct ask ask = {0};
    struct uuid id;
    TRY(grant_ask(call));
    TRY(ask_read(call, &ask));
    TRY(store_request(call, &ask, &id));
    return quorum_view_reply(call, 201, id);
}

struct err op_break_glass_ask(struct call *call)
{
    return quorum_view_refuse(call, make_request(call));
}

/* --- showing --- */

struct page {
    struct request_filter filter;
    char key[NAME_MAX_LEN + 1];
    struct uuid after;
};

static struct err read_page(struct span query, struct page *page)
{
    char state[32] = "", token[UUID_TEXT_LEN + 1] = "", size[24] = "";
    const struct query_field fields[] = {
        {"state", state, sizeof(state)},
        {"key", page->key, sizeof(page->key)},
        {"page_size", size, sizeof(size)},
        {"page_token", token, sizeof(token)},
    };
    int64_t limit = PAGE_DEFAULT;
    TRY(query_read(query, fields, ARRAY_LEN(fields)));
    TRY(query_integer("page_size", size, 1, PAGE_MAX, &limit));
    ENSURE(state[0] == '\0' || request_state_by_name(span_text(state), &page->filter.state),
           ERR_INVALID_FIELD, "state is not one of a request's.");
    if (token[0] != '\0') {
        ENSURE(uuid_parse(span_text(token), &page->after).code == ERR_OK, ERR_INVALID_FIELD,
               "page_token is not one that this gateway gave.");
        page->filter.after = &page->after;
    }
    page->filter.key = span_text(page->key);
    page->filter.limit = (size_t)limit;
    return err_ok();
}

struct list {
    const struct quorum_request **requests;
    size_t count;
};

static void list_free(struct list *list)
{
    request_list_free(list->requests, list->count);
}

struct err op_break_glass_list(struct call *call)
{
    CLEANUP(list_free) struct list list = {0};
    struct page page = {0};
    TRY(read_page(call->exchange->request.query, &page));
    TRY(keystore_list_requests(call->gateway->store, &page.filter, &list.requests, &list.count));
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_begin_array(&writer, "requests");
    for (size_t i = 0; i < list.count; i++) {
        if (quorum_view_may_see(call, list.requests[i])) {
            TRY(quorum_view_put(call, &writer, list.requests[i], QUORUM_VIEW_SHORT));
        }
    }
    json_end_array(&writer);
    if (list.count == page.filter.limit) {
        char id[UUID_TEXT_LEN + 1];
        uuid_format(list.requests[list.count - 1]->id, id);
        json_put_text(&writer, "next_page_token", id);
    }
    json_end_object(&writer);
    return json_finish(&writer);
}

struct err op_break_glass_get(struct call *call)
{
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    struct uuid id;
    TRY(quorum_view_find(call, &id, &request));
    struct json_writer writer = call_reply_json(call, 200);
    TRY(quorum_view_put(call, &writer, request, QUORUM_VIEW_WHOLE));
    return json_finish(&writer);
}

/* --- taking back --- */

static struct err cancel(struct call *call)
{
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    struct span reason = {0};
    struct uuid id;
    const struct json_field fields[] = {{"reason", JSON_TEXT, JSON_OPTIONAL, 0, &reason, NULL}};
    TRY(quorum_view_find(call, &id, &request));
    if (call->json.root != NULL) {
        TRY(json_read(call->json.root, fields, ARRAY_LEN(fields)));
    }
    TRY(reason_check(reason, REASON_OPTIONAL));
    TRY(quorum_view_note(call, request, NULL));
    ENSURE(strcmp(call->principal, request->requester) == 0, ERR_FORBIDDEN,
           "Only the requester cancels a request; who may vote denies it.");
    const struct request_move move = {.from = request->state,
                                      .to = REQUEST_CANCELLED,
                                      .outcome = reason.len > 0 ? (const char *)reason.data : NULL};
    TRY(keystore_move_request(call->gateway->store, id, &move, call->now_ms));
    quorum_watch_tell(call->gateway, "request.cancelled", request, call->principal, move.outcome);
    return quorum_view_reply(call, 200, id);
}

struct err op_break_glass_cancel(struct call *call)
{
    return quorum_view_refuse(call, cancel(call));
}
