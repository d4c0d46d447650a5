/* `hsmgate roster show`, `publish` and `report`. */
#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "cli/ballot.h"
#include "cli/chain_file.h"
#include "cli/command.h"
#include "cli/human.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/roster_change.h"
#include "cli/voter_file.h"

/* --- show --- */

static struct err groups_of(const struct roster *roster, size_t person, struct buf *out)
{
    for (size_t i = 0; i < roster->group_count; i++) {
        if (roster->groups[i].eligible[person]) {
            TRY(buf_printf(out, "%s%.*s", out->len > 0 ? ", " : "", (int)roster->groups[i].id.len,
                           (const char *)roster->groups[i].id.data));
        }
    }
    return err_ok();
}

/* One row for each key, so that keys can be compared with what people read out. */
static struct err add_person(struct table *table, const struct roster *roster, size_t at)
{
    const struct roster_person *person = &roster->people[at];
    CLEANUP(buf_clear) struct buf groups = {0};
    TRY(groups_of(roster, at, &groups));
    CLEANUP(mem_free_at) char *id = span_to_text(person->id);
    CLEANUP(mem_free_at) char *name = span_to_text(person->name);
    CLEANUP(mem_free_at) char *of = span_to_text(buf_span(&groups));
    for (size_t i = 0; i < person->key_count; i++) {
        char fingerprint[VOTER_FINGERPRINT_LEN];
        voter_fingerprint(&person->keys[i], fingerprint);
        const char *const cells[] = {i == 0 ? id : "", i == 0 ? name : "", i == 0 ? of : "",
                                     voter_key_kind_name(person->keys[i].kind), fingerprint};
        table_row(table, ARRAY_LEN(cells), cells);
    }
    return err_ok();
}

static struct err add_group(struct table *table, const struct roster_group *group)
{
    char wait[HUMAN_MAX];
    char within[HUMAN_MAX];
    CLEANUP(buf_clear) struct buf list = {0};
    TRY(roster_members(group, &list));
    CLEANUP(mem_free_at) char *members = span_to_text(buf_span(&list));
    CLEANUP(mem_free_at) char *id = span_to_text(group->id);
    CLEANUP(mem_free_at)
    char *m = mem_format("%" PRIu32 " of %zu", group->m, group->eligible_count);
    human_span(group->wait_s, wait);
    human_span(group->use_within_s, within);
    const char *const cells[] = {id, m, group->wait_s > 0 ? wait : "",
                                 group->use_within_s > 0 ? within : "", members};
    table_row(table, ARRAY_LEN(cells), cells);
    return err_ok();
}

static struct err print_roster(const struct chain_file *file)
{
    static const char *const people_titles[] = {"ID", "NAME", "GROUPS", "KEY", "FINGERPRINT"};
    static const char *const group_titles[] = {"GROUP", "DECIDE", "WAIT", "USE WITHIN", "MEMBERS"};
    CLEANUP(table_clear) struct table people = {0};
    CLEANUP(table_clear) struct table groups = {0};
    const struct roster *roster = roster_chain_newest(file->chain);
    char digest[2 * SHA256_LEN + 1];
    char root[2 * SHA256_LEN + 1];
    table_row(&people, ARRAY_LEN(people_titles), people_titles);
    table_row(&groups, ARRAY_LEN(group_titles), group_titles);
    for (size_t i = 0; i < roster->person_count; i++) {
        TRY(add_person(&people, roster, i));
    }
    for (size_t i = 0; i < roster->group_count; i++) {
        TRY(add_group(&groups, &roster->groups[i]));
    }
    human_hex(span_of(roster->digest, SHA256_LEN), digest);
    human_hex(span_of(file->root, SHA256_LEN), root);
    printf("roster %" PRIu64 ", changed by group %.*s\ndigest %s\nroot   %s\n\n", roster->number,
           (int)roster->authority.len, (const char *)roster->authority.data, digest, root);
    table_print(&people);
    printf("\n");
    table_print(&groups);
    return err_ok();
}

struct err roster_show(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(chain_file_clear) struct chain_file file = {0};
    TRY(chain_file_from(client, options->values[OPTION_FROM], NULL, &file));
    return options_has(options, OPTION_JSON) ? output_line(options, buf_span(&file.text))
                                             : print_roster(&file);
}

/* --- publish --- */

static struct err put_votes(struct json_writer *writer, const struct repeated *paths)
{
    if (paths->count == 0) {
        return err_ok();
    }
    json_begin_array(writer, "votes");
    for (size_t i = 0; i < paths->count; i++) {
        CLEANUP(ballot_clear) struct ballot ballot = {0};
        TRY(ballot_read(paths->values[i], &ballot));
        vote_put(writer, NULL, &ballot.vote);
    }
    json_end_array(writer);
    return err_ok();
}

struct err roster_publish(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(buf_clear) struct buf bytes = {0};
    CLEANUP(buf_clear) struct buf statement = {0};
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct json_writer writer = json_writer_on(&body);
    TRY(input_read_named(options->values[OPTION_ROSTER], ROSTER_MAX, &bytes));
    json_begin_object(&writer, NULL);
    json_put_bytes(&writer, "roster", buf_span(&bytes));
    if (options_has(options, OPTION_STATEMENT)) {
        TRY(input_read_named(options->values[OPTION_STATEMENT], STATEMENT_MAX, &statement));
        json_put_bytes(&writer, "statement", buf_span(&statement));
    }
    TRY(put_votes(&writer, &options->votes));
    json_end_object(&writer);
    TRY(json_finish(&writer));
    TRY(client_fetch(client, "POST", "/v1/roster", buf_span(&body), &response, &json));
    if (!output_json(options, &response)) {
        CLEANUP(mem_free_at) char *digest = span_to_text(member_text(json.root, "digest"));
        output_harmless(digest);
        printf("roster %" PRId64 " holds now (%s)\ncheck it: hsmgate roster verify --root DIGEST\n",
               member_integer(json.root, "number"), digest);
    }
    return err_ok();
}

/* --- report --- */

static bool print_people(const struct json_value *people)
{
    static const char *const titles[] = {"ID", "NAME", "LAST VOTED", "DAYS", "NOTE"};
    CLEANUP(table_clear) struct table table = {0};
    bool stale = false;
    table_row(&table, ARRAY_LEN(titles), titles);
    for (const struct json_value *at = json_first(people); at != NULL; at = json_next(at)) {
        char time[HUMAN_MAX];
        const struct span last = member_text(at, "last_voted_at");
        human_time(last, time);
        CLEANUP(mem_free_at)
        char *days =
            last.len > 0 ? mem_format("%" PRId64, member_integer(at, "days")) : mem_text("");
        const bool is_stale = member_flag(at, "stale");
        const char *const cells[] = {
            (const char *)member_text(at, "id").data, (const char *)member_text(at, "name").data,
            last.len > 0 ? time : "never", days,
            is_stale ? "not for 90 days: let them take part in a drill" : ""};
        table_row(&table, ARRAY_LEN(cells), cells);
        stale = stale || is_stale;
    }
    table_print(&table);
    return stale;
}

static void print_groups(const struct json_value *groups)
{
    static const char *const titles[] = {"GROUP", "M", "PEOPLE", "SPARE", "NOTE"};
    CLEANUP(table_clear) struct table table = {0};
    table_row(&table, ARRAY_LEN(titles), titles);
    for (const struct json_value *at = json_first(groups); at != NULL; at = json_next(at)) {
        CLEANUP(mem_free_at) char *m = mem_format("%" PRId64, member_integer(at, "m"));
        CLEANUP(mem_free_at) char *people = mem_format("%" PRId64, member_integer(at, "people"));
        CLEANUP(mem_free_at) char *spare = mem_format("%" PRId64, member_integer(at, "spare"));
        const char *note = !member_flag(at, "without_one")   ? "cannot decide when ONE is away"
                           : !member_flag(at, "without_two") ? "cannot decide when two are away"
                                                             : "";
        const char *const cells[] = {(const char *)member_text(at, "id").data, m, people, spare,
                                     note};
        table_row(&table, ARRAY_LEN(cells), cells);
    }
    table_print(&table);
}

struct err roster_report(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(client_fetch(client, "GET", "/v1/roster:report", (struct span){0}, &response, &json));
    if (output_json(options, &response)) {
        return err_ok();
    }
    const bool stale = print_people(json_member(json.root, "people"));
    printf("\n");
    print_groups(json_member(json.root, "groups"));
    if (stale) {
        printf("\nnext: hsmgate drill break-glass --wait\n");
    }
    return err_ok();
}
