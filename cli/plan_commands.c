/* What will happen: `hsmgate key plan` for one key, `hsmgate rotation calendar` for all. Distances
 * are counted from the gateway's time, which is in the answer, not from this machine's. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/calendar_svg.h"
#include "cli/command.h"
#include "cli/human.h"
#include "cli/output.h"

#define DAYS_DEFAULT 90
#define DAYS_MAX     3650
#define KEYS_MAX     1000
#define SVG_MAX      ((size_t)16 << 20)
#define STEPS_SHOWN  12 /* of one key, to a person */

/* --- key plan --- */

static int64_t time_of(const struct json_value *object, const char *member)
{
    int64_t time_ms = 0;
    return clock_parse(member_text(object, member), &time_ms).code == ERR_OK ? time_ms : 0;
}

static void add_plan_row(struct table *table, const struct json_value *step, int64_t now_ms)
{
    char at[HUMAN_MAX];
    char distance[HUMAN_MAX];
    human_time(member_text(step, "at"), at);
    human_distance(now_ms, time_of(step, "at"), distance);
    CLEANUP(mem_free_at)
    char *version = mem_format("%lld", (long long)member_integer(step, "version"));
    const char *const cells[] = {at, distance, (const char *)member_text(step, "action").data,
                                 version, (const char *)member_text(step, "why").data};
    table_row(table, ARRAY_LEN(cells), cells);
}

static void print_waiting(const struct json_value *waiting)
{
    if (json_first(waiting) == NULL) {
        return;
    }
    CLEANUP(table_clear) struct table table = {0};
    static const char *const titles[] = {"VERSION", "WAITS FOR A PERSON BECAUSE"};
    table_row(&table, ARRAY_LEN(titles), titles);
    for (const struct json_value *at = json_first(waiting); at != NULL; at = json_next(at)) {
        CLEANUP(mem_free_at)
        char *version = mem_format("%lld", (long long)member_integer(at, "version"));
        const char *const cells[] = {version, (const char *)member_text(at, "why").data};
        table_row(&table, ARRAY_LEN(cells), cells);
    }
    printf("\n");
    table_print(&table);
}

static void print_steps(const struct json_value *steps, int64_t now_ms)
{
    CLEANUP(table_clear) struct table table = {0};
    static const char *const titles[] = {"AT", "IN", "ACTION", "VERSION", "WHY"};
    if (json_first(steps) == NULL) {
        printf("nothing is planned\n");
        return;
    }
    table_row(&table, ARRAY_LEN(titles), titles);
    size_t count = 0;
    for (const struct json_value *at = json_first(steps); at != NULL; at = json_next(at)) {
        if (count++ < STEPS_SHOWN) {
            add_plan_row(&table, at, now_ms);
        }
    }
    table_print(&table);
    if (count > STEPS_SHOWN) {
        printf("and so on; --json shows %zu steps\n", count);
    }
}

static void print_plan(const struct options *options, const struct json *json)
{
    const int64_t primary = member_integer(json->root, "primary");
    const struct span mode = member_text(json->root, "mode");
    CLEANUP(mem_free_at)
    char *head = mem_format("%s: %.*s rotation, ", options->arguments[0], (int)mode.len,
                            (const char *)mode.data);
    output_harmless(head);
    if (primary > 0) {
        printf("%sversion %" PRId64 " is the primary\n", head, primary);
    } else {
        printf("%sno version is the primary\n", head);
    }
    print_steps(json_member(json->root, "steps"), time_of(json->root, "now"));
    print_waiting(json_member(json->root, "waiting"));
}

/* --- rotation calendar --- */

/* A step and whose it is. */
struct entry {
    const struct calendar_key *key;
    const struct calendar_step *step;
};

/* By time; at the same time in the order of the answer. */
static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    if (a->step->at_ms != b->step->at_ms) {
        return a->step->at_ms < b->step->at_ms ? -1 : 1;
    }
    return a->key != b->key ? (a->key < b->key ? -1 : 1) : (a->step < b->step ? -1 : 1);
}

static size_t gather_entries(const struct calendar *calendar, struct entry **out)
{
    size_t count = 0;
    *out = NULL;
    for (size_t i = 0; i < calendar->key_count; i++) {
        const struct calendar_key *key = &calendar->keys[i];
        *out = mem_resize(*out, count + key->step_count, sizeof **out);
        for (size_t j = 0; j < key->step_count; j++) {
            (*out)[count++] = (struct entry){key, &key->steps[j]};
        }
    }
    if (count > 0) {
        qsort(*out, count, sizeof **out, compare_entries);
    }
    return count;
}

static void add_entry_row(struct table *table, const struct entry *entry, int64_t now_ms)
{
    char time[CLOCK_TEXT_MAX];
    char at[HUMAN_MAX];
    char distance[HUMAN_MAX];
    clock_format(entry->step->at_ms, time);
    human_time(span_text(time), at);
    human_distance(now_ms, entry->step->at_ms, distance);
    CLEANUP(mem_free_at) char *version = mem_format("%" PRId64, entry->step->version);
    const char *const cells[] = {at,
                                 distance,
                                 (const char *)entry->key->name.data,
                                 version,
                                 calendar_action_name(entry->step->action),
                                 (const char *)entry->step->why.data};
    table_row(table, ARRAY_LEN(cells), cells);
}

static void print_calendar(const struct calendar *calendar)
{
    CLEANUP(table_clear) struct table table = {0};
    CLEANUP(mem_free_at) struct entry *entries = NULL;
    static const char *const titles[] = {"AT", "IN", "KEY", "VERSION", "ACTION", "WHY"};
    const size_t count = gather_entries(calendar, &entries);
    if (count == 0) {
        printf("nothing is planned\n");
        return;
    }
    table_row(&table, ARRAY_LEN(titles), titles);
    for (size_t i = 0; i < count; i++) {
        add_entry_row(&table, &entries[i], calendar->now_ms);
    }
    table_print(&table);
}

static struct err write_picture(const char *path, const struct calendar *calendar)
{
    CLEANUP(buf_clear) struct buf picture = {0};
    buf_init(&picture, SVG_MAX);
    TRY(calendar_svg(calendar, &picture));
    const struct err err = file_write(path, buf_span(&picture), 0644);
    ENSURE(err.code == ERR_OK, ERR_IO, "%s: cannot be written", path);
    return err_ok();
}

static struct err show_calendar(const struct options *options, const struct response *response,
                                const struct json *json)
{
    CLEANUP(calendar_clear) struct calendar calendar = {0};
    TRY(calendar_read(json->root, &calendar));
    if (options_has(options, OPTION_SVG)) {
        TRY(write_picture(options->values[OPTION_SVG], &calendar));
    }
    if (output_json(options, response)) {
        return err_ok();
    }
    print_calendar(&calendar);
    if (calendar.more) {
        (void)fflush(stdout);
        fprintf(stderr, "there are more than %d keys: narrow it with --prefix\n", KEYS_MAX);
    }
    return err_ok();
}

/* --- commands --- */

static struct err read_days(const struct options *options, int64_t *out)
{
    *out = DAYS_DEFAULT;
    if (options_has(options, OPTION_DAYS)) {
        TRY(options_integer(options, OPTION_DAYS, out));
    }
    ENSURE(*out >= 1 && *out <= DAYS_MAX, ERR_INVALID_FIELD, "--days takes 1 to %d", DAYS_MAX);
    return err_ok();
}

static struct err fetch_calendar(struct client *client, const char *prefix, int64_t days,
                                 struct response *response, struct json *json)
{
    CLEANUP(mem_free_at)
    char *path = mem_format("/v1/rotation/calendar?prefix=%s&days=%" PRId64 "&limit=%d", prefix,
                            days, KEYS_MAX);
    return client_fetch(client, "GET", path, (struct span){0}, response, json);
}

/* The calendar has all keys that begin with the name; only the one is drawn. */
static struct err draw_key(struct client *client, const struct options *options, int64_t days)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(calendar_clear) struct calendar calendar = {0};
    TRY(fetch_calendar(client, options->arguments[0], days, &response, &json));
    TRY(calendar_read(json.root, &calendar));
    size_t all = calendar.key_count;
    calendar.key_count = all > 0 && span_is(calendar.keys[0].name, options->arguments[0]) ? 1 : 0;
    struct err err = write_picture(options->values[OPTION_SVG], &calendar);
    calendar.key_count = all;
    return err;
}

struct err key_plan(struct client *client, const struct options *options, int *out_exit)
{
    CLEANUP(mem_free_at) char *path = NULL;
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    int64_t days = 0;
    struct err misuse = read_days(options, &days);
    if (misuse.code != ERR_OK) {
        return output_misuse(out_exit, "%s", misuse.detail);
    }
    TRY(client_key_path(options->arguments[0], ":plan", &path));
    TRY(client_fetch(client, "GET", path, (struct span){0}, &response, &json));
    if (options_has(options, OPTION_SVG)) {
        TRY(draw_key(client, options, days));
    }
    if (!output_json(options, &response)) {
        print_plan(options, &json);
    }
    return err_ok();
}

struct err rotation_calendar(struct client *client, const struct options *options, int *out_exit)
{
    const char *prefix = options->values[OPTION_PREFIX];
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    int64_t days = 0;
    struct err misuse = read_days(options, &days);
    if (misuse.code != ERR_OK) {
        return output_misuse(out_exit, "%s", misuse.detail);
    }
    TRY(fetch_calendar(client, prefix != NULL ? prefix : "", days, &response, &json));
    return show_calendar(options, &response, &json);
}
