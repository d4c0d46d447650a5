/* The digest is computed here and compared with what the gateway says, and the words come out of
 * the very bytes that a vote signs: a gateway that lies can make a person refuse, not sign what the
 * person has not read. */
#include "cli/asked.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "cli/human.h"
#include "cli/input.h"
#include "cli/output.h"

void asked_clear(struct asked *asked)
{
    statement_clear(&asked->read);
    buf_clear(&asked->bytes);
}

/* Of `out->bytes`, which are emptied when they say nothing. */
static struct err read_bytes(struct asked *out)
{
    uint8_t digest[SHA256_LEN];
    const struct err err = statement_parse(buf_span(&out->bytes), &out->read);
    if (err.code != ERR_OK) {
        buf_clear(&out->bytes);
        return err;
    }
    statement_digest(buf_span(&out->bytes), digest);
    human_hex(span_of(digest, sizeof digest), out->digest);
    return err_ok();
}

struct err asked_file(const char *path, struct asked *out)
{
    TRY(input_read_named(path, STATEMENT_MAX, &out->bytes));
    const struct err err = read_bytes(out);
    ENSURE(err.code == ERR_OK, err.code, "%s is no statement, or was changed: %s", path,
           err.detail);
    return err_ok();
}

struct err asked_view(const struct json_value *view, struct asked *out)
{
    char id[UUID_TEXT_LEN + 1];
    TRY(base64_decode(member_text(view, "statement"), &out->bytes));
    TRY(read_bytes(out));
    uuid_format(out->read.is.id, id);
    ENSURE(span_is(member_text(view, "digest"), out->digest) &&
               span_is(member_text(view, "id"), id),
           ERR_CORRUPT,
           "the gateway's statement is not that of this request: sign nothing, and tell its "
           "operators and auditors");
    return err_ok();
}

struct err asked_print(const struct asked *asked, FILE *out)
{
    char large[HUMAN_DIGEST_MAX];
    CLEANUP(buf_clear) struct buf words = {0};
    TRY(statement_describe(&asked->read.is, &words));
    human_digest(asked->digest, large);
    fprintf(out, "%.*s%s\ndigest of the statement, to compare with what others see:\n%s\n",
            (int)words.len, (const char *)words.data,
            words.len > 0 && words.data[words.len - 1] == '\n' ? "" : "\n", large);
    return err_ok();
}

char *asked_word(const struct asked *asked)
{
    const struct statement *says = &asked->read.is;
    return says->kind == STATEMENT_ROSTER ? mem_format("%" PRIu64, says->next_number)
                                          : span_to_text(says->key);
}

struct err asked_call(struct client *client, const char *method, const char *id, const char *verb,
                      struct span body, struct response *out)
{
    struct uuid parsed;
    ENSURE(uuid_parse(span_text(id), &parsed).code == ERR_OK, ERR_INVALID_FIELD,
           "'%.60s' is no id of a request: hsmgate break-glass list shows them", id);
    char text[UUID_TEXT_LEN + 1];
    uuid_format(parsed, text);
    CLEANUP(mem_free_at) char *path = mem_format("/v1/break-glass/%s%s", text, verb);
    return client_call(client, method, path, body, out);
}

struct err asked_fetch(struct client *client, const char *id, struct response *response,
                       struct json *json, struct asked *out)
{
    TRY(asked_call(client, "GET", id, "", (struct span){0}, response));
    TRY(json_parse(buf_span(&response->body), json));
    struct uuid wanted;
    TRY(asked_view(json->root, out));
    ENSURE(uuid_parse(span_text(id), &wanted).code == ERR_OK && uuid_equal(wanted, out->read.is.id),
           ERR_CORRUPT, "the gateway answered with another request than %.60s", id);
    return err_ok();
}
