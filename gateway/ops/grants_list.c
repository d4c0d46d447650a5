/* Grants as a list, in the order of ids: those that the caller manages, by principal and by the
 * beginning of their patterns. Expired ones are listed too, as such. */
#include "base/encoding.h"
#include "base/mem.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/grant_change.h"
#include "gateway/query.h"

#define PAGE_DEFAULT 100
#define PAGE_MAX     1000

struct page {
    char principal[GRANT_PRINCIPAL_MAX];
    char prefix[NAME_MAX_LEN + 2];
    char after[GRANT_ID_MAX + 1]; /* id of the last grant of the page before */
    int64_t size;
};

static struct err read_page_token(const char *text, char after[GRANT_ID_MAX + 1])
{
    CLEANUP(buf_clear) struct buf id = {0};
    if (text[0] == '\0') {
        return err_ok();
    }
    buf_init(&id, GRANT_ID_MAX);
    struct err err = base64url_decode(span_text(text), &id);
    if (err.code == ERR_OK) {
        err = grant_check_id(buf_span(&id));
    }
    ENSURE(err.code == ERR_OK, ERR_INVALID_FIELD, "page_token is not one that this gateway gave.");
    memcpy(after, id.data, id.len);
    after[id.len] = '\0';
    return err_ok();
}

static struct err read_page(struct span query, struct page *page)
{
    char size[24] = "";
    char token[2 * GRANT_ID_MAX] = "";
    const struct query_field fields[] = {
        {"principal", page->principal, sizeof(page->principal)},
        {"prefix", page->prefix, sizeof(page->prefix)},
        {"page_size", size, sizeof(size)},
        {"page_token", token, sizeof(token)},
    };
    TRY(query_read(query, fields, ARRAY_LEN(fields)));
    TRY(query_integer("page_size", size, 1, PAGE_MAX, &page->size));
    return read_page_token(token, page->after);
}

static bool is_wanted(const struct page *page, const struct grant *grant)
{
    return strcmp(grant->id, page->after) > 0 &&
           span_starts(span_text(grant->keys), page->prefix) &&
           (page->principal[0] == '\0' || strcmp(grant->principal, page->principal) == 0);
}

struct err op_grant_list(struct call *call)
{
    struct page page = {.size = PAGE_DEFAULT};
    CLEANUP(grant_try_end) struct grant_try try = {0};
    TRY(read_page(call->exchange->request.query, &page));
    grant_try_start(&try, call);
    struct json_writer writer = call_reply_json(call, 200);
    const char *last = NULL;
    bool more = false;
    json_begin_object(&writer, NULL);
    json_begin_array(&writer, "grants");
    for (size_t i = 0; i < try.now->count && !more; i++) {
        const struct grant *grant = try.now->all[i];
        if (!is_wanted(&page, grant) || !policy_manages(&try.policy, &try.asker, grant->keys)) {
            continue;
        }
        more = page.size == 0;
        if (!more) {
            grant_put_facts(&writer, NULL, grant, call->now_ms);
            last = grant->id;
            page.size--;
        }
    }
    json_end_array(&writer);
    if (more && last != NULL) {
        json_put_bytes_url(&writer, "next_page_token", span_text(last));
    }
    json_end_object(&writer);
    return json_finish(&writer);
}
