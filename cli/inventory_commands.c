/* `hsmgate token inventory`: what lies on the PKCS#11 tokens, whose it is, what is missing there,
 * and the commands that adopt what is nobody's yet. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/command.h"
#include "cli/output.h"

#define SAFE_IN_SHELL "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-"

/* All tokens' objects in one table; what comes below it is gathered meanwhile. */
struct inventory {
    struct table table;
    struct buf missing;
    struct buf hints;
};

static void inventory_clear(struct inventory *inventory)
{
    table_clear(&inventory->table);
    buf_clear(&inventory->missing);
    buf_clear(&inventory->hints);
}

/* Attributes, and why it is not ours. */
static struct err put_notes(const struct json_value *object, struct buf *out)
{
    const char *between = "";
    for (const struct json_value *at = json_first(json_member(object, "attributes")); at != NULL;
         at = json_next(at)) {
        struct span word = span_text("");
        json_as_text(at, &word);
        TRY(buf_printf(out, "%s%.*s", between, (int)word.len, (const char *)word.data));
        between = ", ";
    }
    const struct span why = member_text(object, "why");
    return buf_printf(out, "%s%.*s", why.len > 0 && out->len > 0 ? ": " : "", (int)why.len,
                      (const char *)why.data);
}

static struct err add_object(struct inventory *inventory, const char *token,
                             const struct json_value *object)
{
    CLEANUP(buf_clear) struct buf notes = {0};
    const struct span key = member_text(object, "key");
    CLEANUP(mem_free_at)
    char *owner = key.len == 0 ? mem_text("")
                               : mem_format("%.*s@%lld", (int)key.len, (const char *)key.data,
                                            (long long)member_integer(object, "version"));
    TRY(put_notes(object, &notes));
    CLEANUP(mem_free_at) char *text = span_to_text(buf_span(&notes));
    const char *const cells[] = {token,
                                 (const char *)member_text(object, "status").data,
                                 (const char *)member_text(object, "class").data,
                                 (const char *)member_text(object, "algorithm").data,
                                 (const char *)member_text(object, "cka_id").data,
                                 (const char *)member_text(object, "label").data,
                                 owner,
                                 text};
    table_row(&inventory->table, ARRAY_LEN(cells), cells);
    return err_ok();
}

/* A word of a command line as a shell takes it. */
static struct err put_word(struct buf *out, struct span word)
{
    CLEANUP(mem_free_at) char *text = span_to_text(word);
    if (*text != '\0' && strspn(text, SAFE_IN_SHELL) == word.len) {
        return buf_append(out, word);
    }
    TRY(buf_append_u8(out, '\''));
    for (size_t i = 0; i < word.len; i++) {
        TRY(word.data[i] == '\'' ? buf_append_text(out, "'\\''")
                                 : buf_append_u8(out, word.data[i]));
    }
    return buf_append_u8(out, '\'');
}

/* --allow for each attribute that adoption refuses without it. */
static struct err put_allowed(struct buf *out, const struct json_value *object)
{
    static const char *const allowable[] = {"extractable", "modifiable"};
    for (const struct json_value *at = json_first(json_member(object, "attributes")); at != NULL;
         at = json_next(at)) {
        struct span word = span_text("");
        json_as_text(at, &word);
        for (size_t i = 0; i < ARRAY_LEN(allowable); i++) {
            if (span_is(word, allowable[i])) {
                TRY(buf_printf(out, " --allow %s", allowable[i]));
            }
        }
    }
    return err_ok();
}

/* The public half comes along with its private one. */
static struct err add_hint(struct inventory *inventory, const char *token,
                           const struct json_value *object)
{
    struct buf *out = &inventory->hints;
    const struct span id = member_text(object, "cka_id");
    const struct span algorithm = member_text(object, "algorithm");
    if (!span_is(member_text(object, "status"), "adoptable") ||
        span_is(member_text(object, "class"), "public")) {
        return err_ok();
    }
    TRY(buf_append_text(out,
                        "adopt: hsmgate key create NAMESPACE/NAME --owner OWNER --algorithm "));
    TRY(algorithm.len > 0 ? put_word(out, algorithm) : buf_append_text(out, "ALGORITHM"));
    TRY(buf_append_text(out, " --token "));
    TRY(put_word(out, span_text(token)));
    TRY(buf_append_text(out, id.len > 0 ? " --adopt-id " : " --adopt-label "));
    TRY(put_word(out, id.len > 0 ? id : member_text(object, "label")));
    TRY(put_allowed(out, object));
    return buf_append_u8(out, '\n');
}

static struct err add_answer(struct inventory *inventory, const struct json_value *answer,
                             const char *token)
{
    const struct json_value *objects = json_member(answer, "objects");
    for (const struct json_value *at = json_first(objects); at != NULL; at = json_next(at)) {
        TRY(add_object(inventory, token, at));
        TRY(add_hint(inventory, token, at));
    }
    const struct json_value *missing = json_member(answer, "missing");
    for (const struct json_value *at = json_first(missing); at != NULL; at = json_next(at)) {
        TRY(buf_printf(&inventory->missing, "missing: %s@%lld has no material on %s\n",
                       (const char *)member_text(at, "key").data,
                       (long long)member_integer(at, "version"), token));
    }
    return err_ok();
}

static struct err add_token(struct client *client, const struct options *options, const char *token,
                            struct inventory *inventory)
{
    CLEANUP(mem_free_at) char *path = mem_format("/v1/tokens/%s/inventory", token);
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(client_fetch(client, "GET", path, (struct span){0}, &response, &json));
    return output_json(options, &response) ? err_ok() : add_answer(inventory, json.root, token);
}

static struct err add_all(struct client *client, const struct options *options,
                          struct inventory *inventory)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(client_fetch(client, "GET", "/v1/tokens", (struct span){0}, &response, &json));
    const struct json_value *tokens = json_member(json.root, "tokens");
    for (const struct json_value *at = json_first(tokens); at != NULL; at = json_next(at)) {
        TRY(add_token(client, options, (const char *)member_text(at, "name").data, inventory));
    }
    return err_ok();
}

static void print_lines(const struct buf *lines)
{
    CLEANUP(mem_free_at) char *text = span_to_text(buf_span(lines));
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line != NULL && *line != '\0';
         line = strsep(&rest, "\n")) {
        output_harmless(line);
        printf("%s\n", line);
    }
}

struct err tokens_inventory(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(inventory_clear) struct inventory inventory = {0};
    static const char *const titles[] = {"TOKEN",  "STATUS", "CLASS", "ALGORITHM",
                                         "CKA_ID", "LABEL",  "KEY",   "NOTES"};
    table_row(&inventory.table, ARRAY_LEN(titles), titles);
    TRY(options->argument_count == 1 ? add_token(client, options, options->arguments[0], &inventory)
                                     : add_all(client, options, &inventory));
    if (!options_has(options, OPTION_JSON)) {
        table_print(&inventory.table);
        print_lines(&inventory.missing);
        print_lines(&inventory.hints);
    }
    return err_ok();
}
