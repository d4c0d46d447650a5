/* `hsmgate key rotate` and the moves of one version: each is one request, and one sentence of what
 * is so now. What the gateway warns of goes to standard error, in JSON it stays where it was. */
#include <stdio.h>

#include "base/mem.h"
#include "base/name.h"
#include "cli/command.h"
#include "cli/key_body.h"
#include "cli/output.h"

/* --- what is so now --- */

/* For each state the rest of a sentence that begins `NAME: version N`. */
struct sentence {
    const char *state;
    const char *text;
    const char *time_member; /* goes on with this member's time; or NULL */
    const char *next;        /* a command that may come next; or NULL */
    const char *why;         /* what for */
};

static const struct sentence sentences[] = {
    {"pending", "is published and becomes the primary at", "promote_at", "promote", "to do it now"},
    {"active", "is the primary now", NULL, NULL, NULL},
    {"retiring", "is retiring: it opens and verifies, and is still published", NULL, NULL, NULL},
    {"retired", "is retired: it opens and verifies, and is published no more", NULL, NULL, NULL},
    {"disabled", "is disabled: it does nothing", NULL, "enable", "to undo it"},
    {"compromised", "is compromised: it protects nothing and is published no more", NULL, NULL,
     NULL},
    {"destroy-scheduled", "will be destroyed at", "destroy_at", "cancel-destroy", "to undo it"},
    {"destroyed", "is destroyed", NULL, NULL, NULL},
};

static const struct sentence *sentence_of(struct span state)
{
    for (size_t i = 0; i < ARRAY_LEN(sentences); i++) {
        if (span_is(state, sentences[i].state)) {
            return &sentences[i];
        }
    }
    return NULL;
}

/* `NAME: version N …`, from an answer of a rotation or a move. */
static void print_now(const char *name, const struct json_value *answer)
{
    const long long version = (long long)member_integer(answer, "version");
    const struct span state = member_text(answer, "state");
    const struct sentence *sentence = sentence_of(state);
    CLEANUP(mem_free_at) char *text = mem_format("%s: version %lld ", name, version);
    CLEANUP(mem_free_at) char *rest = NULL;
    if (sentence == NULL) {
        rest = mem_format("is %s", (const char *)state.data);
    } else if (sentence->time_member != NULL) {
        const struct span time = member_text(answer, sentence->time_member);
        rest = mem_format("%s %s", sentence->text,
                          time.len > 0 ? (const char *)time.data : "a time that is not set");
    } else {
        rest = mem_text(sentence->text);
    }
    output_harmless(rest);
    printf("%s%s\n", text, rest);
    if (sentence != NULL && sentence->next != NULL) {
        printf("%s: hsmgate key %s %s@%lld\n", sentence->why, sentence->next, name, version);
    }
}

static void print_warnings(const struct json_value *answer)
{
    for (const struct json_value *at = json_first(json_member(answer, "warnings")); at != NULL;
         at = json_next(at)) {
        struct span text = span_text("");
        json_as_text(at, &text);
        CLEANUP(mem_free_at) char *warning = span_to_text(text);
        output_harmless(warning);
        fprintf(stderr, "warning: %s\n", warning);
    }
}

/* --- asking --- */

static struct err ask(struct client *client, const struct options *options, const char *verb,
                      const struct buf *body)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct span name = {0};
    uint32_t version = 0;
    TRY(client_call_key(client, "POST", options->arguments[0], verb, buf_span(body), &response));
    if (output_json(options, &response)) {
        return err_ok();
    }
    TRY(json_parse(buf_span(&response.body), &json));
    TRY(name_split_version(span_text(options->arguments[0]), &name, &version));
    CLEANUP(mem_free_at) char *bare = span_to_text(name);
    print_now(bare, json.root);
    (void)fflush(stdout); /* what is so comes before what to mind */
    print_warnings(json.root);
    return err_ok();
}

/* Ends the body's object; an empty one is no body at all. */
static struct err end_body(struct json_writer *writer, struct buf *body)
{
    json_end_object(writer);
    TRY(json_finish(writer));
    if (body->len == strlen("{}")) {
        buf_reset(body);
    }
    return err_ok();
}

struct err key_rotate(struct client *client, const struct options *options, int *out_exit)
{
    if (!key_adopt_is_sound(options, out_exit)) {
        return err_ok();
    }
    CLEANUP(buf_clear) struct buf body = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    if (options_has(options, OPTION_IMMEDIATE)) {
        json_put_flag(&writer, "immediate", true);
    }
    key_put_adopt(&writer, options);
    TRY(end_body(&writer, &body));
    return ask(client, options, ":rotate", &body);
}

/* A move with what its options say; those that a command does not take are never there. */
static struct err move(struct client *client, const struct options *options, const char *verb)
{
    static const struct key_field fields[] = {{OPTION_REASON, "reason"},
                                              {OPTION_DESTROY_AFTER, "after"}};
    CLEANUP(buf_clear) struct buf body = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    key_put_texts(&writer, options, fields, ARRAY_LEN(fields));
    if (options_has(options, OPTION_DESPITE_USE)) {
        json_put_flag(&writer, "despite_use", true);
    }
    TRY(end_body(&writer, &body));
    return ask(client, options, verb, &body);
}

struct err key_promote(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    return move(client, options, ":promote");
}

struct err key_retire(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    return move(client, options, ":retire");
}

struct err key_disable(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    return move(client, options, ":disable");
}

struct err key_enable(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    return move(client, options, ":enable");
}

struct err key_compromise(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    return move(client, options, ":compromise");
}

struct err key_destroy(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    return move(client, options, ":schedule-destroy");
}

struct err key_cancel_destroy(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    return move(client, options, ":cancel-destroy");
}

struct err key_confirm_destroy(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    return move(client, options, ":confirm-destroy");
}
