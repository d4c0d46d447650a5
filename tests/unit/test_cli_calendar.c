/* calendar, axis and the picture: phases out of times and steps, ticks by range, and an SVG that is
 * well-formed whatever names keys have. */
#include "base/clock.h"
#include "cli/axis.h"
#include "cli/calendar_layout.h"
#include "cli/calendar_svg.h"
#include "cli/svg.h"
#include "cli_test.h"

#define DAY_MS INT64_C(86400000)

static int64_t ms(const char *text)
{
    int64_t time_ms = 0;
    assert_ok(clock_parse(span_text(text), &time_ms));
    return time_ms;
}

/* --- phases --- */

#define VERSIONS(list) \
    "{\"from\":\"2026-06-01T00:00:00Z\",\"to\":\"2026-09-01T00:00:00Z\",\"keys\":[{" list "}]}"

/* `1:pending:05-01:05-10 …`, expected ones with a star. */
static void phases_text(const char *answer, struct buf *out)
{
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(calendar_clear) struct calendar calendar = {0};
    assert_ok(json_parse(span_text(answer), &json));
    assert_ok(calendar_read(json.root, &calendar));
    for (size_t i = 0; i < calendar.keys[0].phase_count; i++) {
        const struct calendar_phase *phase = &calendar.keys[0].phases[i];
        char from[CLOCK_TEXT_MAX];
        char to[CLOCK_TEXT_MAX];
        clock_format(phase->from_ms, from);
        clock_format(phase->to_ms, to);
        assert_ok(buf_printf(out, "%s%d:%s:%.5s:%.5s%s", i > 0 ? " " : "", (int)phase->version,
                             calendar_state_name(phase->state), from + 5, to + 5,
                             phase->expected ? "*" : ""));
    }
}

static void test_phases(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *phases;
    } cases[] = {
        {VERSIONS(
             "\"key\":\"a/b\",\"versions\":[{\"version\":1,\"state\":\"active\",\"created_at\":"
             "\"2026-05-01T00:00:00Z\",\"activated_at\":\"2026-05-10T00:00:00Z\"}],\"steps\":[]"),
         "1:pending:05-01:05-10 1:active:05-10:06-01 1:active:06-01:09-01*"},
        /* a rotation to come: the order of the steps does not matter */
        {VERSIONS(
             "\"key\":\"a/b\",\"versions\":[{\"version\":1,\"state\":\"active\",\"created_at\":"
             "\"2026-05-01T00:00:00Z\",\"activated_at\":\"2026-05-01T00:00:00Z\"}],\"steps\":["
             "{\"at\":\"2026-08-01T00:00:00Z\",\"action\":\"retire\",\"version\":1},"
             "{\"at\":\"2026-06-20T00:00:00Z\",\"action\":\"make\",\"version\":2},"
             "{\"at\":\"2026-07-01T00:00:00Z\",\"action\":\"promote\",\"version\":2},"
             "{\"at\":\"2026-08-20T00:00:00Z\",\"action\":\"destroy\",\"version\":1}]"),
         "1:active:05-01:06-01 1:active:06-01:07-01* 1:retiring:07-01:08-01* "
         "1:retired:08-01:08-20* 2:pending:06-20:07-01* 2:active:07-01:09-01*"},
        /* what the document promises, although no step says it; and what is due already */
        {VERSIONS(
             "\"key\":\"a/b\",\"versions\":[{\"version\":1,\"state\":\"destroy-scheduled\","
             "\"created_at\":\"2026-01-01T00:00:00Z\",\"activated_at\":\"2026-02-01T00:00:00Z\","
             "\"retired_at\":\"2026-04-01T00:00:00Z\",\"destroy_at\":\"2026-07-15T00:00:00Z\"},"
             "{\"version\":2,\"state\":\"retiring\",\"created_at\":\"2026-04-01T00:00:00Z\","
             "\"activated_at\":\"2026-04-01T00:00:00Z\",\"retired_at\":\"2026-05-01T00:00:00Z\"}],"
             "\"steps\":[{\"at\":\"2026-05-20T00:00:00Z\",\"action\":\"retire\",\"version\":2}]"),
         "1:pending:01-01:02-01 1:active:02-01:04-01 1:retired:04-01:06-01 "
         "1:destroy-scheduled:06-01:07-15* 2:active:04-01:05-01 2:retiring:05-01:06-01 "
         "2:retired:06-01:09-01*"},
        {VERSIONS(
             "\"key\":\"a/b\",\"versions\":[{\"version\":1,\"state\":\"destroyed\",\"created_at\":"
             "\"2026-01-01T00:00:00Z\",\"destroy_at\":\"2026-02-01T00:00:00Z\"},"
             "{\"version\":2,\"state\":\"pending\",\"created_at\":\"2026-05-01T00:00:00Z\","
             "\"published_at\":\"2026-05-02T00:00:00Z\",\"promote_at\":\"2026-06-02T00:00:00Z\"},"
             "{\"version\":3,\"state\":\"disabled\",\"activated_at\":\"2026-03-01T00:00:00Z\"},"
             "{\"version\":4,\"state\":\"compromised\"},{\"version\":5,\"state\":\"strange\"}],"
             "\"steps\":[{\"at\":\"never\",\"action\":\"retire\",\"version\":2},"
             "{\"at\":\"2026-07-01T00:00:00Z\",\"action\":\"dance\",\"version\":2},"
             "{\"at\":\"2026-10-01T00:00:00Z\",\"action\":\"retire\",\"version\":2}]"),
         "1:pending:01-01:02-01 2:pending:05-02:06-01 2:pending:06-01:06-02* "
         "2:active:06-02:09-01* 3:active:03-01:06-01 3:disabled:06-01:09-01* "
         "4:compromised:06-01:09-01*"},
        {VERSIONS("\"key\":\"a/b\""), ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf text = {0};
        phases_text(cases[i].answer, &text);
        assert_span_is(buf_span(&text), cases[i].phases);
    }
}

static void test_a_calendar_needs_its_time(void **state)
{
    (void)state;
    static const char *const strange[] = {
        "{}", "[]", "{\"from\":\"now\",\"to\":\"then\",\"keys\":[]}",
        "{\"from\":\"2026-06-01T00:00:00Z\",\"to\":\"2026-06-01T00:00:00Z\",\"keys\":[]}"};
    for (size_t i = 0; i < ARRAY_LEN(strange); i++) {
        CLEANUP(json_clear) struct json json = {0};
        struct calendar calendar = {0};
        assert_ok(json_parse(span_text(strange[i]), &json));
        assert_code_of(strange[i], calendar_read(json.root, &calendar), ERR_CORRUPT);
    }
}

/* --- axis --- */

static void test_ticks(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *ticks;
    } cases[] = {
        {"2026-01-01T10:58:30Z", "2026-01-01T11:04:00Z",
         "1 Jan 10:59|11:00|11:01|11:02|11:03|11:04|"},
        {"2025-12-31T20:10:00Z", "2026-01-01T02:00:00Z",
         "31 Dec 21:00|22:00|23:00|1 Jan|01:00|02:00|"},
        {"2025-12-30T20:10:00Z", "2026-01-01T13:00:00Z",
         "31 Dec 2025|06:00|12:00|18:00|1 Jan|06:00|12:00|"},
        {"2026-02-26T12:00:00Z", "2026-03-04T00:00:00Z",
         "27 Feb 2026|28 Feb|1 Mar|2 Mar|3 Mar|4 Mar|"},
        {"2026-06-03T00:00:00Z", "2026-07-20T00:00:00Z", /* Mondays */
         "8 Jun 2026|15 Jun|22 Jun|29 Jun|6 Jul|13 Jul|20 Jul|"},
        {"2025-10-15T00:00:00Z", "2026-03-01T00:00:00Z",
         "Nov 2025|Dec 2025|Jan 2026|Feb 2026|Mar 2026|"},
        {"2024-02-01T00:00:00Z", "2025-12-01T00:00:00Z",
         "Apr 2024|Jul 2024|Oct 2024|Jan 2025|Apr 2025|Jul 2025|Oct 2025|"},
        {"1999-06-01T00:00:00Z", "2099-06-01T00:00:00Z",
         "Jan 2000|Jan 2020|Jan 2040|Jan 2060|Jan 2080|"},
        {"9999-06-01T00:00:00Z", "9999-12-31T23:59:59Z",
         "Jun 9999|Jul 9999|Aug 9999|Sep 9999|Oct 9999|Nov 9999|Dec 9999|"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf text = {0};
        struct axis axis;
        axis_fill(&axis, ms(cases[i].from), ms(cases[i].to), 8);
        for (size_t j = 0; j < axis.count; j++) {
            assert_ok(buf_printf(&text, "%s|", axis.ticks[j].label));
        }
        assert_span_is(buf_span(&text), cases[i].ticks);
    }
}

static void test_ticks_are_never_many(void **state)
{
    (void)state;
    const int64_t from_ms = ms("2026-03-14T15:09:26Z");
    for (int64_t span_ms = 60000; span_ms < 40000 * DAY_MS; span_ms += span_ms / 7) {
        struct axis axis;
        axis_fill(&axis, from_ms, from_ms + span_ms, 9);
        assert_in_range(axis.count, 1, 11);
        for (size_t i = 0; i < axis.count; i++) {
            assert_true(axis.ticks[i].at_ms >= from_ms && axis.ticks[i].at_ms <= from_ms + span_ms);
            assert_true(i == 0 || axis.ticks[i].at_ms > axis.ticks[i - 1].at_ms);
        }
    }
}

/* --- the picture --- */

/* Whether every tag is closed in its order, attributes stand in quotes, and `&` begins one of the
 * five entities: what XML 1.0 asks of a text like ours. */
static bool is_entity(const char *at)
{
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strncmp(at, known[i], strlen(known[i])) == 0) {
            return true;
        }
    }
    return false;
}

struct tags {
    char names[16][16];
    size_t depth;
};

/* The tag at `<`; the place behind its `>`. */
static const char *pass_tag(const char *at, struct tags *tags)
{
    const bool closes = at[1] == '/';
    const char *name = at + (closes ? 2 : 1);
    const size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzG");
    assert_true(len > 0 && len < 16);
    const char *end = name + len;
    bool quoted = false;
    for (; quoted || *end != '>'; end++) {
        assert_true(*end != '\0' && *end != '<');
        assert_true(*end != '&' || is_entity(end));
        quoted = quoted != (*end == '"');
    }
    if (closes) {
        assert_true(tags->depth > 0 && strlen(tags->names[tags->depth - 1]) == len &&
                    strncmp(tags->names[tags->depth - 1], name, len) == 0);
        tags->depth--;
    } else if (end[-1] != '/') {
        assert_true(tags->depth < 16);
        (void)snprintf(tags->names[tags->depth], 16, "%.*s", (int)len, name);
        tags->depth++;
    }
    return end + 1;
}

static void assert_well_formed(const char *text)
{
    struct tags tags = {0};
    assert_int_equal(strncmp(text, "<svg ", 5), 0);
    while (*text != '\0') {
        assert_true((unsigned char)*text >= 0x20 || *text == '\n');
        assert_true(*text != '&' || is_entity(text));
        assert_true(*text != '>');
        text = *text == '<' ? pass_tag(text, &tags) : text + 1;
        assert_true(tags.depth > 0 || strcmp(text, "\n") == 0 || *text == '\0');
    }
    assert_int_equal(tags.depth, 0);
}

static void draw(const char *answer, struct buf *out)
{
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(calendar_clear) struct calendar calendar = {0};
    assert_ok(json_parse(span_text(answer), &json));
    assert_ok(calendar_read(json.root, &calendar));
    buf_reset(out);
    assert_ok(calendar_svg(&calendar, out));
    assert_ok(buf_append_u8(out, 0));
    assert_well_formed((const char *)out->data);
}

static const char two_keys[] =
    "{\"from\":\"2026-06-01T00:00:00Z\",\"to\":\"2026-09-01T00:00:00Z\",\"more\":true,\"keys\":["
    "{\"key\":\"a/"
    "<b>&\\\"'\\u0007\",\"versions\":[{\"version\":7,\"state\":\"active\",\"created_at\":"
    "\"2026-05-01T00:00:00Z\",\"activated_at\":\"2026-05-01T00:00:00Z\"}],\"steps\":["
    "{\"at\":\"2026-07-01T00:00:00Z\",\"action\":\"promote\",\"version\":8,\"why\":\"a < b & "
    "c\"}]},"
    "{\"key\":\"shop/prod/"
    "orders\",\"versions\":[{\"version\":1,\"state\":\"retired\",\"created_at\":"
    "\"2026-03-01T00:00:00Z\",\"activated_at\":\"2026-03-01T00:00:00Z\",\"retired_at\":"
    "\"2026-04-15T00:00:00Z\"}],\"steps\":[{\"at\":\"2026-06-05T00:00:00Z\",\"action\":\"destroy\","
    "\"version\":1,\"why\":\"\"}]}]}";

static void test_the_picture(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf first = {0}, again = {0};
    draw(two_keys, &first);
    draw(two_keys, &again);
    assert_true(span_equal(buf_span(&first), buf_span(&again)));
    static const char *const wanted[] = {
        "<title id=\"title\">Rotation calendar</title>",
        "<desc id=\"desc\">2 keys, 2 steps to come. The next: destroy shop/prod/orders@1 at "
        "2026-06-05T00:00:00Z.</desc>",
        "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
        "a/&lt;b&gt;&amp;&quot;&#39;?<",
        "<title>a/&lt;b&gt;&amp;&quot;&#39;?@7: active, 2026-05-01T00:00:00Z to "
        "2026-06-01T00:00:00Z</title>",
        "@7: retiring (expected), 2026-07-01T00:00:00Z to 2026-09-01T00:00:00Z",
        "<title>promote version 8 at 2026-07-01T00:00:00Z: a &lt; b &amp; c</title>",
        "<title>destroy version 1 at 2026-06-05T00:00:00Z</title>",
        ">v7</text>",
        ">now</text>",
        ">Jul 2026</text>",
        "url(#expected)",
        ">retired</text>",
        "there are more keys than these",
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (!span_has(buf_span(&first), wanted[i])) {
            fail_msg("the picture lacks %s", wanted[i]);
        }
    }
    assert_false(span_has(buf_span(&first), ">pending</text>")); /* there is none */
    assert_false(span_has(buf_span(&first), "script"));
    assert_false(span_has(buf_span(&first), "href"));
}

static void test_a_picture_of_nothing(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf text = {0};
    draw("{\"from\":\"2026-06-01T00:00:00Z\",\"to\":\"2026-09-01T00:00:00Z\",\"keys\":[]}", &text);
    assert_true(span_has(buf_span(&text), "No key has anything to come."));
}

static void test_many_versions_and_long_names(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf answer = {0}, text = {0};
    assert_ok(buf_append_text(&answer, "{\"from\":\"2026-06-01T00:00:00Z\",\"to\":"
                                       "\"2026-09-01T00:00:00Z\",\"keys\":[{\"key\":\"a/"));
    for (int i = 0; i < 198; i++) {
        assert_ok(buf_append_u8(&answer, (uint8_t)('a' + i % 26)));
    }
    assert_ok(buf_append_text(&answer, "\",\"steps\":[],\"versions\":["));
    for (int i = 1; i <= 40; i++) {
        assert_ok(buf_printf(&answer,
                             "%s{\"version\":%d,\"state\":\"retired\",\"activated_at\":"
                             "\"2025-01-01T00:00:00Z\",\"retired_at\":\"2026-05-%02dT00:00:00Z\"}",
                             i > 1 ? "," : "", i, 1 + i % 28));
    }
    assert_ok(buf_append_text(&answer, "]}]}\0"));
    assert_ok(buf_append_u8(&answer, 0));
    draw((const char *)answer.data, &text);
    assert_true(span_has(buf_span(&text), "and 34 older versions"));
    assert_true(span_has(buf_span(&text), "\xe2\x80\xa6"));
    assert_false(span_has(buf_span(&text), "@34: "));
    assert_true(span_has(buf_span(&text), "@35: "));
}

static void test_lanes_are_used_again(void **state)
{
    (void)state;
    struct calendar_phase phases[] = {
        {1, CALENDAR_ACTIVE, 100, 200, false},
        {2, CALENDAR_ACTIVE, 150, 300, false},
        {3, CALENDAR_ACTIVE, 200, 900, true}, /* 1 is over */
        {4, CALENDAR_ACTIVE, 250, 900, true},
    };
    struct calendar_key key = {
        .name = span_text("a/b"), .phases = phases, .phase_count = ARRAY_LEN(phases)};
    const struct calendar calendar = {.now_ms = 500, .to_ms = 1000, .keys = &key, .key_count = 1};
    CLEANUP(layout_clear) struct layout layout;
    double y[5] = {0};
    layout_make(&calendar, &layout);
    for (int64_t version = 1; version <= 4; version++) {
        assert_true(layout_lane_y(&layout, 0, version, &y[version]));
    }
    assert_true(y[1] < y[2] && y[3] == y[1] && y[4] > y[2]);
    assert_false(layout_lane_y(&layout, 0, 5, &y[0]));
    assert_int_equal(layout.start_ms, 90); /* a little before the first */
    assert_true(layout_x(&layout, 0) == layout.left);
    assert_true(layout_x(&layout, 5000) == layout.left + layout.width);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phases),
        cmocka_unit_test(test_a_calendar_needs_its_time),
        cmocka_unit_test(test_ticks),
        cmocka_unit_test(test_ticks_are_never_many),
        cmocka_unit_test(test_the_picture),
        cmocka_unit_test(test_a_picture_of_nothing),
        cmocka_unit_test(test_many_versions_and_long_names),
        cmocka_unit_test(test_lanes_are_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
