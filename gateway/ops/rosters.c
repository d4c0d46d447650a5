/* Who decides: the chain of rosters, shown and continued. A roster is accepted for what stands in
 * it and for the votes that come with it, whoever carries it here. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "gateway/events.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/quorum_view.h"
#include "gateway/quorum_watch.h"
#include "rotation/rotation.h"

#define STALE_DAYS 90
#define SHOW_MS    2000 /* for all workers together */
#define DAY_MS     (INT64_C(86400) * 1000)

static struct err view_of(const struct call *call, const struct roster_view **out)
{
    return roster_book_view(call->gateway->rotation.rosters, out);
}

/* --- showing --- */

static void put_link(struct json_writer *writer, const struct roster_view *view, size_t index)
{
    const struct roster_row *row = &view->rows[index];
    uint8_t digest[SHA256_LEN];
    roster_digest(row->roster, digest);
    json_begin_object(writer, NULL);
    json_put_integer(writer, "number", (int64_t)row->number);
    json_put_hex(writer, "digest", span_of(digest, sizeof(digest)));
    json_put_bytes(writer, "roster", row->roster);
    if (row->statement.len > 0) {
        json_put_bytes(writer, "statement", row->statement);
        json_put_raw(writer, "votes", row->votes);
    }
    json_put_time(writer, "added_at", row->added_at);
    json_end_object(writer);
}

struct err op_roster_get(struct call *call)
{
    CLEANUP(roster_view_release_at) const struct roster_view *view = NULL;
    struct roster_book *book = call->gateway->rotation.rosters;
    TRY(view_of(call, &view));
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_hex(&writer, "root", span_of(roster_book_root(book), SHA256_LEN));
    json_put_integer(&writer, "number", (int64_t)view->newest->number);
    json_put_hex(&writer, "digest", span_of(view->newest->digest, SHA256_LEN));
    json_begin_array(&writer, "chain");
    for (size_t i = 0; i < view->count; i++) {
        put_link(&writer, view, i);
    }
    json_end_array(&writer);
    json_end_object(&writer);
    return json_finish(&writer);
}

/* --- publishing --- */

struct submission {
    struct buf roster;
    struct buf statement;
    struct vote votes[QUORUM_VOTES_MAX];
    struct buf signatures[QUORUM_VOTES_MAX];
    size_t vote_count;
};

static struct submission *submission_new(void)
{
    struct submission *made = mem_alloc(sizeof(*made));
    buf_init(&made->roster, ROSTER_MAX);
    buf_init(&made->statement, STATEMENT_MAX);
    return made;
}

static void submission_free(struct submission **submission)
{
    if (*submission == NULL) {
        return;
    }
    buf_clear(&(*submission)->roster);
    buf_clear(&(*submission)->statement);
    for (size_t i = 0; i < (*submission)->vote_count; i++) {
        buf_clear(&(*submission)->signatures[i]);
    }
    mem_free(*submission);
}

static struct err read_submission(const struct call *call, struct submission *out)
{
    const struct json_value *votes = NULL;
    const struct json_field fields[] = {
        {"roster", JSON_BYTES, JSON_REQUIRED, ROSTER_MAX, &out->roster, NULL},
        {"statement", JSON_BYTES, JSON_OPTIONAL, STATEMENT_MAX, &out->statement, NULL},
        {"votes", JSON_ARRAY, JSON_OPTIONAL, QUORUM_VOTES_MAX, &votes, NULL},
    };
    TRY(json_read(call->json.root, fields, ARRAY_LEN(fields)));
    for (const struct json_value *at = json_first(votes); at != NULL; at = json_next(at)) {
        ENSURE(out->vote_count < QUORUM_VOTES_MAX, ERR_TOO_LARGE, "There are too many votes.");
        size_t i = out->vote_count++;
        TRY(vote_read(at, &out->signatures[i], &out->votes[i]));
    }
    return err_ok();
}

static struct err note_roster(struct call *call, const struct submission *made)
{
    uint8_t digest[SHA256_LEN];
    struct json_writer writer = json_writer_on(&call->detail);
    roster_digest(buf_span(&made->roster), digest);
    json_begin_object(&writer, NULL);
    json_put_hex(&writer, "roster_sha256", span_of(digest, sizeof(digest)));
    json_put_integer(&writer, "votes", (int64_t)made->vote_count);
    json_end_object(&writer);
    return json_finish(&writer);
}

/* Another one may follow it already: the answer is about the one that came. */
static struct err reply_published(struct call *call, const struct submission *made)
{
    CLEANUP(roster_view_release_at) const struct roster_view *view = NULL;
    uint8_t digest[SHA256_LEN];
    TRY(view_of(call, &view));
    roster_digest(buf_span(&made->roster), digest);
    const struct roster *roster = roster_chain_find(view->chain, digest);
    ENSURE(roster != NULL, ERR_INTERNAL, "The roster is gone right after it was published.");
    struct json_writer writer = call_reply_json(call, 201);
    json_begin_object(&writer, NULL);
    json_put_integer(&writer, "number", (int64_t)roster->number);
    json_put_hex(&writer, "digest", span_of(roster->digest, SHA256_LEN));
    json_end_object(&writer);
    return json_finish(&writer);
}

/* Before anybody is told that it holds: a worker that has seen it believes no older one any more.
 * One that does not answer now is shown it by the watch. */
static void show_to_workers(const struct call *call)
{
    CLEANUP(roster_view_release_at) const struct roster_view *view = NULL;
    CLEANUP(buf_clear) struct buf bundle = {.max = BUNDLE_MAX};
    const struct gateway *gateway = call->gateway;
    int64_t until = clock_deadline(SHOW_MS);
    if (view_of(call, &view).code != ERR_OK || docket_bundle(view, NULL, &bundle).code != ERR_OK) {
        return;
    }
    for (size_t i = 0; i < gateway->token_count; i++) {
        struct err err = token_show_rosters(gateway->tokens[i], buf_span(&bundle), until);
        if (err.code != ERR_OK && err.code != ERR_INVALID_STATE) {
            log_warning("quorum", "token %s has not seen the newest roster yet: %s",
                        token_name(gateway->tokens[i]), err.detail);
        }
    }
}

static struct err publish(struct call *call)
{
    CLEANUP(submission_free) struct submission *made = submission_new();
    struct gateway *gateway = call->gateway;
    TRY(read_submission(call, made));
    TRY(note_roster(call, made));
    ENSURE(gateway->rotation.rosters != NULL, ERR_INVALID_STATE,
           "The configuration pins no roster: set quorum.roster_root.");
    const struct roster_link link = {.roster = buf_span(&made->roster),
                                     .statement = buf_span(&made->statement),
                                     .votes = made->votes,
                                     .vote_count = made->vote_count};
    TRY(call_intent(call));
    failpoint_hit(FAILPOINT_ROSTER_PUBLISHING);
    TRY(roster_book_add(gateway->rotation.rosters, &link, call->now_ms));
    failpoint_hit(FAILPOINT_ROSTER_PUBLISHED);
    const struct event event = {.name = "roster.changed", .key = "", .principal = call->principal};
    events_put(gateway->events, &event);
    show_to_workers(call);
    quorum_watch_nudge(gateway->quorum_watch);
    return reply_published(call, made);
}

struct err op_roster_publish(struct call *call)
{
    return quorum_view_refuse(call, publish(call));
}

/* --- the report --- */

static struct err put_person(struct call *call, const struct roster_person *person,
                             struct json_writer *writer)
{
    CLEANUP(mem_free_at) char *id = span_to_text(person->id);
    int64_t last = 0;
    TRY(keystore_last_vote(call->gateway->store, id, &last));
    int64_t days = (call->now_ms - last) / DAY_MS;
    json_begin_object(writer, NULL);
    json_put_text(writer, "id", id);
    json_put_span(writer, "name", person->name);
    if (last != 0) {
        json_put_time(writer, "last_voted_at", last);
        json_put_integer(writer, "days", days);
    }
    json_put_flag(writer, "stale", last == 0 || days >= STALE_DAYS);
    json_end_object(writer);
    return writer->err;
}

static void put_group(const struct roster_group *group, struct json_writer *writer)
{
    int64_t spare = (int64_t)group->eligible_count - (int64_t)group->m;
    json_begin_object(writer, NULL);
    json_put_span(writer, "id", group->id);
    json_put_integer(writer, "m", group->m);
    json_put_integer(writer, "people", (int64_t)group->eligible_count);
    json_put_integer(writer, "spare", spare);
    json_put_flag(writer, "without_one", spare >= 1);
    json_put_flag(writer, "without_two", spare >= 2);
    json_end_object(writer);
}

struct err op_roster_report(struct call *call)
{
    CLEANUP(roster_view_release_at) const struct roster_view *view = NULL;
    TRY(view_of(call, &view));
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_begin_array(&writer, "people");
    for (size_t i = 0; i < view->newest->person_count; i++) {
        TRY(put_person(call, &view->newest->people[i], &writer));
    }
    json_end_array(&writer);
    json_begin_array(&writer, "groups");
    for (size_t i = 0; i < view->newest->group_count; i++) {
        put_group(&view->newest->groups[i], &writer);
    }
    json_end_array(&writer);
    json_end_object(&writer);
    return json_finish(&writer);
}
