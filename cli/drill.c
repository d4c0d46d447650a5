/* What all drills share: keys that nobody needs, steps with figures, clearing up, and the verdict.
 */
#include "cli/drill.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/output.h"

#define NS_PER_MS 1000000
#define REASON    "a drill is over"

/* --- steps --- */

void drill_note(struct drill *drill, const struct drill_measure *measure, const char *format, ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    output_harmless(what);
    const int64_t end_ns = measure->end_ns != 0 ? measure->end_ns : clock_mono_ns();
    const int64_t ms =
        measure->start_ns != 0 ? (end_ns - measure->start_ns + NS_PER_MS - 1) / NS_PER_MS : -1;
    const bool in_time = measure->limit_ms == 0 || ms <= measure->limit_ms;
    drill->steps = mem_resize(drill->steps, drill->step_count + 1, sizeof *drill->steps);
    drill->steps[drill->step_count++] = (struct drill_step){.what = mem_text(what),
                                                            .ms = ms,
                                                            .limit_ms = measure->limit_ms,
                                                            .passed = measure->passed && in_time};
}

static void drill_clear(struct drill *drill)
{
    for (size_t i = 0; i < drill->step_count; i++) {
        mem_free(drill->steps[i].what);
    }
    mem_free(drill->steps);
    for (size_t i = 0; i < drill->key_count; i++) {
        mem_free(drill->keys[i]);
    }
}

/* --- keys --- */

struct err drill_make_key(struct drill *drill, const char *algorithm, const char *more,
                          const char **out_name)
{
    uint32_t random = 0;
    ENSURE(drill->key_count < DRILL_KEYS_MAX, ERR_INTERNAL, "too many keys in a drill");
    random_bytes(&random, sizeof random);
    CLEANUP(mem_free_at) char *name = mem_format("drill/%s-%08x/key", drill->name, random);
    CLEANUP(mem_free_at)
    char *body = mem_format(
        "{\"name\":\"%s\",\"algorithm\":\"%s\",\"owner\":\"drill\",\"contact\":\"#drill\","
        "\"description\":\"made by hsmgate drill %s\"%s}",
        name, algorithm, drill->name, more);
    CLEANUP(response_clear) struct response response = {0};
    const int64_t start_ns = clock_mono_ns();
    TRY(client_call(drill->client, "POST", "/v1/keys", span_text(body), &response));
    *out_name = drill->keys[drill->key_count++] = TAKE(name);
    drill_note(drill, &(struct drill_measure){.start_ns = start_ns, .passed = true},
               "%s: made (%s)", *out_name, algorithm);
    return err_ok();
}

static struct err move_version(struct client *client, const char *name, int64_t version,
                               const char *verb, const char *body)
{
    CLEANUP(mem_free_at) char *pinned = mem_format("%s@%" PRId64, name, version);
    CLEANUP(response_clear) struct response response = {0};
    return client_call_key(client, "POST", pinned, verb, span_text(body), &response);
}

struct err drill_move(struct drill *drill, const char *name, const char *verb)
{
    return move_version(drill->client, name, 1, verb, "{\"reason\":\"a drill\"}");
}

/* A version that is in use cannot be destroyed: it is taken out of use first. */
static struct err destroy_version(struct client *client, const char *name,
                                  const struct json_value *version)
{
    static const struct {
        const char *state, *verb;
    } first[] = {{"active", ":disable"}, {"retiring", ":retire"}};
    const struct span state = member_text(version, "state");
    const int64_t number = member_integer(version, "version");
    if (span_is(state, "destroyed") || span_is(state, "destroy-scheduled")) {
        return err_ok();
    }
    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        if (span_is(state, first[i].state)) {
            TRY(move_version(client, name, number, first[i].verb, "{\"reason\":\"" REASON "\"}"));
        }
    }
    return move_version(client, name, number, ":schedule-destroy",
                        "{\"reason\":\"" REASON "\",\"after\":\"24h\",\"despite_use\":true}");
}

static struct err destroy_key(struct client *client, const char *name, size_t *count)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(client_call_key(client, "GET", name, "", (struct span){0}, &response));
    TRY(json_parse(buf_span(&response.body), &json));
    const struct json_value *versions = json_member(json.root, "versions");
    for (const struct json_value *at = json_first(versions); at != NULL; at = json_next(at)) {
        TRY(destroy_version(client, name, at));
        (*count)++;
    }
    return err_ok();
}

/* Every key is tried, whatever happens to the others. */
static void clear_up(struct drill *drill)
{
    size_t count = 0;
    for (size_t i = 0; i < drill->key_count; i++) {
        const struct err err = destroy_key(drill->client, drill->keys[i], &count);
        if (err.code != ERR_OK) {
            drill_note(drill, &(struct drill_measure){.passed = false}, "clearing up %s: %s",
                       drill->keys[i], err.detail);
        }
    }
    if (count > 0) {
        drill_note(drill, &(struct drill_measure){.passed = true},
                   "the destruction of %zu version%s is scheduled", count, count == 1 ? "" : "s");
    }
}

/* --- the verdict --- */

static bool all_passed(const struct drill *drill)
{
    for (size_t i = 0; i < drill->step_count; i++) {
        if (!drill->steps[i].passed) {
            return false;
        }
    }
    return true;
}

static char *figure(int64_t ms)
{
    return ms < 0 ? mem_text("") : mem_format("%" PRId64, ms);
}

static void print_table(const struct drill *drill)
{
    CLEANUP(table_clear) struct table table = {0};
    static const char *const titles[] = {"VERDICT", "MS", "LIMIT", "STEP"};
    table_row(&table, ARRAY_LEN(titles), titles);
    for (size_t i = 0; i < drill->step_count; i++) {
        const struct drill_step *step = &drill->steps[i];
        CLEANUP(mem_free_at) char *ms = figure(step->ms);
        CLEANUP(mem_free_at) char *limit = figure(step->limit_ms > 0 ? step->limit_ms : -1);
        const char *const cells[] = {step->passed ? "passed" : "FAILED", ms, limit, step->what};
        table_row(&table, ARRAY_LEN(cells), cells);
    }
    table_print(&table);
    printf("\n%s: %s\n", drill->name, all_passed(drill) ? "passed" : "FAILED");
}

static struct err print_json(const struct options *options, const struct drill *drill)
{
    CLEANUP(buf_clear) struct buf text = {0};
    struct json_writer writer = json_writer_on(&text);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "drill", drill->name);
    json_put_flag(&writer, "passed", all_passed(drill));
    json_begin_array(&writer, "keys");
    for (size_t i = 0; i < drill->key_count; i++) {
        json_put_text(&writer, NULL, drill->keys[i]);
    }
    json_end_array(&writer);
    json_begin_array(&writer, "steps");
    for (size_t i = 0; i < drill->step_count; i++) {
        const struct drill_step *step = &drill->steps[i];
        json_begin_object(&writer, NULL);
        json_put_text(&writer, "step", step->what);
        if (step->ms >= 0) {
            json_put_integer(&writer, "milliseconds", step->ms);
        }
        if (step->limit_ms > 0) {
            json_put_integer(&writer, "limit_milliseconds", step->limit_ms);
        }
        json_put_flag(&writer, "passed", step->passed);
        json_end_object(&writer);
    }
    json_end_array(&writer);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return output_line(options, buf_span(&text));
}

struct err drill_run(struct client *client, const struct options *options, const char *name,
                     drill_work *work, int *out_exit)
{
    CLEANUP(drill_clear) struct drill drill = {.name = name, .client = client};
    const struct err err = work(&drill, options);
    if (err.code != ERR_OK) {
        drill_note(&drill, &(struct drill_measure){.passed = false}, "stopped: %s (%s)", err.detail,
                   err_word(err.code));
    }
    if (!options_has(options, OPTION_KEEP) && !drill.keeps) {
        clear_up(&drill);
    }
    *out_exit = all_passed(&drill) ? EXIT_DONE : EXIT_REFUSED;
    if (options_has(options, OPTION_JSON)) {
        return print_json(options, &drill);
    }
    print_table(&drill);
    return err_ok();
}
