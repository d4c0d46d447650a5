/* key plan and rotation calendar: tables in order of time, distances by the gateway's clock, and
 * the picture beside them. */
#include "test_cli_drive.h"

static void test_plan_of_a_key(void **state)
{
    struct drive *drive = *state;
    drive_with(
        drive, "key plan a/b",
        "{\"key\":\"a/b\",\"now\":\"2026-06-01T00:00:00Z\",\"mode\":\"automatic\",\"primary\":2,"
        "\"steps\":[{\"at\":\"2026-06-04T04:00:00.500Z\",\"action\":\"make\",\"version\":3,\"why\":"
        "\"every 90d\"},{\"at\":\"2026-05-31T23:55:00Z\",\"action\":\"retire\",\"version\":1,"
        "\"why\":\"over\\u001b\"}],\"waiting\":[{\"version\":1,\"why\":\"a clock jumped\"}]}");
    assert_asks(drive, "GET /v1/keys/a/b:plan", "");
    assert_says(drive->out, "a/b: automatic rotation, version 2 is the primary\n"
                            "AT                    IN        ACTION  VERSION  WHY\n"
                            "2026-06-04T04:00:00Z  in 3d 4h  make    3        every 90d\n"
                            "2026-05-31T23:55:00Z  5m ago    retire  1        over?\n"
                            "\n"
                            "VERSION  WAITS FOR A PERSON BECAUSE\n"
                            "1        a clock jumped\n");
    drive_with(
        drive, "key plan a/b",
        "{\"now\":\"2026-06-01T00:00:00Z\",\"mode\":\"manual\",\"steps\":[],\"waiting\":[]}");
    assert_says(drive->out, "a/b: manual rotation, no version is the primary\n"
                            "nothing is planned\n");
    drive_with(drive, "key plan a/b --json", "{\"steps\":[]}");
    assert_says(drive->out, "{\"steps\":[]}\n");
}

static const char answer[] =
    "{\"from\":\"2026-06-01T00:00:00Z\",\"to\":\"2026-09-01T00:00:00Z\",\"more\":true,\"keys\":["
    "{\"key\":\"b/"
    "k\",\"versions\":[],\"steps\":[{\"at\":\"2026-06-03T00:00:00Z\",\"action\":\"retire\","
    "\"version\":1,\"why\":\"over\"},{\"at\":\"2026-06-02T00:00:00Z\",\"action\":\"promote\","
    "\"version\":2,"
    "\"why\":\"ripe\"}]},{\"key\":\"a/"
    "k\",\"versions\":[],\"steps\":[{\"at\":\"2026-06-02T00:00:00Z\","
    "\"action\":\"make\",\"version\":9,\"why\":\"due\"}]}]}";

static void test_calendar_of_all_keys(void **state)
{
    struct drive *drive = *state;
    drive_with(drive, "rotation calendar", answer);
    assert_asks(drive, "GET /v1/rotation/calendar?prefix=&days=90&limit=1000", "");
    assert_says(drive->out, "AT                    IN     KEY  VERSION  ACTION   WHY\n"
                            "2026-06-02T00:00:00Z  in 1d  b/k  2        promote  ripe\n"
                            "2026-06-02T00:00:00Z  in 1d  a/k  9        make     due\n"
                            "2026-06-03T00:00:00Z  in 2d  b/k  1        retire   over\n");
    assert_says(drive->err, "there are more than 1000 keys: narrow it with --prefix\n");
    drive_with(drive, "rotation calendar --prefix b/ --days 7",
               "{\"from\":\"2026-06-01T00:00:00Z\",\"to\":\"2026-06-08T00:00:00Z\",\"keys\":[]}");
    assert_asks(drive, "GET /v1/rotation/calendar?prefix=b/&days=7&limit=1000", "");
    assert_says(drive->out, "nothing is planned\n");
    assert_says(drive->err, "");
    drive_run(drive, "rotation calendar --days 0");
    assert_int_equal(drive->exit, EXIT_USAGE);
}

static void test_calendar_as_a_picture(void **state)
{
    struct drive *drive = *state;
    char folder[] = "/tmp/hsmgate-cli-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    CLEANUP(mem_free_at) char *path = mem_format("%s/c.svg", folder);
    CLEANUP(mem_free_at) char *line = mem_format("rotation calendar --json --svg %s", path);
    CLEANUP(buf_clear) struct buf picture = {0};
    drive_with(drive, line, answer);
    assert_int_equal(drive->exit, EXIT_DONE);
    CLEANUP(mem_free_at) char *json = mem_format("%s\n", answer);
    assert_says(drive->out, json);
    assert_says(drive->err, "");
    assert_ok(file_read(path, &picture));
    assert_true(span_starts(buf_span(&picture), "<svg "));
    assert_true(span_has(buf_span(&picture), "promote version 2 at 2026-06-02T00:00:00Z: ripe"));
    (void)unlink(path);
    (void)rmdir(folder);
    drive_with(drive, "rotation calendar --svg /nowhere/at/all", answer);
    assert_int_equal(drive->exit, EXIT_REFUSED);
    assert_has(drive->err, "/nowhere/at/all: cannot be written (io)");
}

/* Both answers in one document: only the key that was asked for is drawn. */
static void test_plan_as_a_picture(void **state)
{
    static const char both[] =
        "{\"key\":\"b/k\",\"now\":\"2026-06-01T00:00:00Z\",\"mode\":\"manual\",\"steps\":[],"
        "\"waiting\":[],\"from\":\"2026-06-01T00:00:00Z\",\"to\":\"2026-09-01T00:00:00Z\","
        "\"keys\":[{\"key\":\"b/k\",\"versions\":[],\"steps\":[{\"at\":\"2026-06-02T00:00:00Z\","
        "\"action\":\"promote\",\"version\":2,\"why\":\"ripe\"}]},{\"key\":\"b/"
        "k2\",\"versions\":[],"
        "\"steps\":[{\"at\":\"2026-06-02T00:00:00Z\",\"action\":\"make\",\"version\":9,\"why\":"
        "\"due\"}]}]}";
    struct drive *drive = *state;
    char folder[] = "/tmp/hsmgate-cli-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    CLEANUP(mem_free_at) char *path = mem_format("%s/p.svg", folder);
    CLEANUP(mem_free_at) char *line = mem_format("key plan b/k --days 30 --svg %s", path);
    CLEANUP(buf_clear) struct buf picture = {0};
    drive_with(drive, line, both);
    assert_asks(drive, "GET /v1/rotation/calendar?prefix=b/k&days=30&limit=1000", "");
    assert_ok(file_read(path, &picture));
    assert_true(span_has(buf_span(&picture), "promote version 2 at 2026-06-02T00:00:00Z: ripe"));
    assert_false(span_has(buf_span(&picture), "b/k2"));
    (void)unlink(path);
    (void)rmdir(folder);
    drive_run(drive, "key plan b/k --days 0");
    assert_int_equal(drive->exit, EXIT_USAGE);
}

static void test_a_long_plan_is_cut_for_people(void **state)
{
    struct drive *drive = *state;
    CLEANUP(buf_clear) struct buf plan = {0};
    assert_ok(buf_append_text(&plan, "{\"now\":\"2026-06-01T00:00:00Z\",\"mode\":\"automatic\","
                                     "\"primary\":1,\"waiting\":[],\"steps\":["));
    for (unsigned i = 0; i < 13; i++) {
        assert_ok(buf_printf(&plan,
                             "%s{\"at\":\"2026-06-04T04:00:00Z\",\"action\":\"make\",\"version\":"
                             "%u,\"why\":\"due\"}",
                             i == 0 ? "" : ",", i + 2));
    }
    assert_ok(buf_append_text(&plan, "]}"));
    assert_ok(buf_append_u8(&plan, 0));
    drive_with(drive, "key plan a/b", (const char *)plan.data);
    assert_has(drive->out, "make    13       due\nand so on; --json shows 13 steps\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define DRIVEN(test) cmocka_unit_test_setup_teardown(test, drive_open, drive_close)
        DRIVEN(test_plan_of_a_key),
        DRIVEN(test_calendar_of_all_keys),
        DRIVEN(test_calendar_as_a_picture),
        DRIVEN(test_plan_as_a_picture),
        DRIVEN(test_a_long_plan_is_cut_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
