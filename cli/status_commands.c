/* What an operator looks at: status, tokens, the audit log; and what needs no key: random bytes,
 * public key sets. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sync.h"
#include "cli/command.h"
#include "cli/output.h"

#define TAIL_LINES 20
#define PAGE_LINES 1000
#define FOLLOW_MS  1000

static struct err get(struct client *client, const char *path, struct response *response,
                      struct json *json)
{
    TRY(client_call(client, "GET", path, (struct span){0}, response));
    return json_parse(buf_span(&response->body), json);
}

static void add_token_row(struct table *table, const struct json_value *token)
{
    CLEANUP(mem_free_at)
    char *channels = mem_format("%lld of %lld", (long long)member_integer(token, "channels_busy"),
                                (long long)member_integer(token, "channels"));
    CLEANUP(mem_free_at)
    char *restarts = mem_format("%lld", (long long)member_integer(token, "restarts"));
    CLEANUP(mem_free_at)
    char *calls = mem_format("%lld", (long long)member_integer(token, "calls"));
    const char *const cells[] = {(const char *)member_text(token, "name").data,
                                 (const char *)member_text(token, "state").data,
                                 (const char *)member_text(token, "label").data,
                                 channels,
                                 calls,
                                 restarts,
                                 (const char *)member_text(token, "last_error").data};
    table_row(table, ARRAY_LEN(cells), cells);
}

static void print_tokens(const struct json *json)
{
    CLEANUP(table_clear) struct table table = {0};
    static const char *const titles[] = {"TOKEN", "STATE",    "LABEL",     "BUSY",
                                         "CALLS", "RESTARTS", "LAST ERROR"};
    table_row(&table, ARRAY_LEN(titles), titles);
    const struct json_value *tokens = json_member(json->root, "tokens");
    for (const struct json_value *token = json_first(tokens); token != NULL;
         token = json_next(token)) {
        add_token_row(&table, token);
    }
    table_print(&table);
}

/* What the probe saw work, one line for each token. */
static void print_algorithms(const struct json *json)
{
    const struct json_value *tokens = json_member(json->root, "tokens");
    for (const struct json_value *token = json_first(tokens); token != NULL;
         token = json_next(token)) {
        printf("%s passed:", (const char *)member_text(token, "name").data);
        const struct json_value *algorithms =
            json_member(json_member(token, "probe"), "algorithms");
        for (const struct json_value *name = json_first(algorithms); name != NULL;
             name = json_next(name)) {
            struct span text = span_text("");
            json_as_text(name, &text);
            printf(" %s", (const char *)text.data);
        }
        printf("\n");
    }
}

struct err status_tokens(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(get(client, "/v1/tokens", &response, &json));
    if (output_json(options, &response)) {
        return err_ok();
    }
    print_tokens(&json);
    print_algorithms(&json);
    return err_ok();
}

struct err status_status(struct client *client, const struct options *options, int *out_exit)
{
    CLEANUP(response_clear) struct response ready = {0};
    TRY(client_exchange(client, "GET", "/readyz", (struct span){0}, &ready));
    *out_exit = ready.status == 200 ? EXIT_DONE : EXIT_REFUSED;
    if (output_json(options, &ready)) {
        return err_ok();
    }
    printf("%s: %s\n", client_address(client), ready.status == 200 ? "ready" : "NOT ready");
    if (ready.status != 200) {
        fwrite(ready.body.data, 1, ready.body.len, stdout);
        printf("\n");
    }
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json version = {0};
    TRY(get(client, "/v1/version", &response, &version));
    printf("version %s, started %s\n", (const char *)member_text(version.root, "version").data,
           (const char *)member_text(version.root, "started_at").data);
    CLEANUP(response_clear) struct response list = {0};
    CLEANUP(json_clear) struct json tokens = {0};
    TRY(get(client, "/v1/tokens", &list, &tokens));
    print_tokens(&tokens);
    return err_ok();
}

struct err status_random(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    int64_t bytes = 32;
    if (options_has(options, OPTION_BYTES)) {
        TRY(options_integer(options, OPTION_BYTES, &bytes));
    }
    CLEANUP(mem_free_at) char *body = mem_format("{\"bytes\":%lld}", (long long)bytes);
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(client_call(client, "POST", "/v1/random", span_text(body), &response));
    TRY(json_parse(buf_span(&response.body), &json));
    if (output_json(options, &response)) {
        return err_ok();
    }
    return options_has(options, OPTION_RAW) ? output_member_bytes(options, &json, "random")
                                            : output_member_line(options, &json, "random");
}

struct err status_jwks(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(mem_free_at) char *path = mem_format("/jwks/%s", options->arguments[0]);
    CLEANUP(response_clear) struct response response = {0};
    TRY(client_call(client, "GET", path, (struct span){0}, &response));
    return output_line(options, buf_span(&response.body));
}

static void print_record(const struct options *options, const struct json_value *record)
{
    CLEANUP(buf_clear) struct buf line = {0};
    if (options_has(options, OPTION_JSON)) {
        struct json_writer writer = json_writer_on(&line);
        json_put_value(&writer, NULL, record);
        if (json_finish(&writer).code == ERR_OK) {
            printf("%.*s\n", (int)line.len, (const char *)line.data);
        }
        return;
    }
    const int64_t version = member_integer(record, "version");
    CLEANUP(mem_free_at)
    char *at = version > 0 ? mem_format("@%lld", (long long)version) : mem_text("");
    const struct span operation = member_text(record, "operation");
    const struct span kind = member_text(record, "kind");
    const bool is_intent = span_is(kind, "intent"); /* written before the operation began */
    CLEANUP(mem_free_at)
    char *text =
        mem_format("%6lld  %s  %-8s %-12s %s%s  %s  %s", (long long)member_integer(record, "seq"),
                   (const char *)member_text(record, "time").data,
                   (const char *)(is_intent ? kind : member_text(record, "outcome")).data,
                   (const char *)(operation.len > 0 ? operation : kind).data,
                   (const char *)member_text(record, "key").data, at,
                   (const char *)member_text(record, "principal").data,
                   (const char *)member_text(record, "code").data);
    output_harmless(text); /* strangers choose the path of a refused request */
    printf("%s\n", text);
}

/* Prints the records after *after, at most `lines`, and moves it on. */
static struct err print_page(struct client *client, const struct options *options, int64_t lines,
                             int64_t *after, size_t *out_count)
{
    CLEANUP(mem_free_at)
    char *path = mem_format("/v1/audit?after=%lld&limit=%lld", (long long)*after, (long long)lines);
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(get(client, path, &response, &json));
    const struct json_value *records = json_member(json.root, "records");
    *out_count = json_count(records);
    for (const struct json_value *record = json_first(records); record != NULL;
         record = json_next(record)) {
        print_record(options, record);
    }
    *after = member_integer(json.root, "next");
    fflush(stdout);
    return err_ok();
}

/* The sequence after which the newest `lines` records stand; every answer says where the log's end
 * is. */
static struct err find_tail(struct client *client, int64_t lines, int64_t *out_after)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(get(client, "/v1/audit?after=0&limit=1", &response, &json));
    const int64_t last = member_integer(json.root, "last");
    *out_after = last > lines ? last - lines : 0;
    return err_ok();
}

static void wait_a_moment(void)
{
    pthread_mutex_t mutex;
    pthread_cond_t never;
    sync_init(&mutex, &never);
    sync_lock(&mutex);
    sync_wait(&never, &mutex, clock_deadline(FOLLOW_MS));
    sync_unlock(&mutex);
    sync_destroy(&mutex, &never);
}

struct err status_audit_tail(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    int64_t lines = TAIL_LINES;
    int64_t after = 0;
    if (options_has(options, OPTION_LINES)) {
        TRY(options_integer(options, OPTION_LINES, &lines));
    }
    ENSURE(lines >= 1 && lines <= PAGE_LINES, ERR_INVALID_FIELD, "--lines takes 1 to %d",
           PAGE_LINES);
    if (options_has(options, OPTION_AFTER)) {
        TRY(options_integer(options, OPTION_AFTER, &after));
    } else {
        TRY(find_tail(client, lines, &after));
    }
    size_t count;
    TRY(print_page(client, options, lines, &after, &count));
    while (options_has(options, OPTION_FOLLOW)) {
        TRY(print_page(client, options, PAGE_LINES, &after, &count));
        if (count < PAGE_LINES) { /* never empty: each read is a record too */
            wait_a_moment();
        }
    }
    return err_ok();
}
