/* key show: the table of versions, and below it what only some of them have. */
#include "test_cli_drive.h"

static const char answer[] =
    "{\"name\":\"shop/prod/orders-jwt\",\"algorithm\":\"ecdsa-p256\",\"owner\":\"team-shop\","
    "\"rotation\":{\"every\":\"90d\",\"mode\":\"manual\"},\"labels\":{},\"versions\":["
    "{\"version\":1,\"state\":\"destroy-scheduled\",\"created_at\":\"2026-01-01T00:00:00.123Z\","
    "\"published_at\":\"2026-01-01T00:00:00Z\",\"activated_at\":\"2026-01-02T00:00:00Z\","
    "\"retired_at\":\"2026-04-01T00:00:00Z\",\"destroy_at\":\"2026-12-24T18:00:00Z\","
    "\"uses\":4711,\"last_used_at\":\"2026-03-31T23:59:59Z\",\"origin\":\"adopted\","
    "\"attributes\":[\"extractable\",\"imported\"],\"reason\":\"old \\u001b[2J\"},"
    "{\"version\":2,\"state\":\"active\",\"created_at\":\"2026-03-01T00:00:00Z\","
    "\"activated_at\":\"2026-04-01T00:00:00Z\",\"published_at\":\"2026-03-01T00:00:00Z\","
    "\"uses\":1},"
    "{\"version\":3,\"state\":\"pending\",\"created_at\":\"2026-06-01T00:00:00Z\","
    "\"published_at\":\"2026-06-01T00:00:01Z\",\"promote_at\":\"2026-07-01T00:00:00Z\"},"
    "{\"version\":4,\"state\":\"destroyed\",\"destroy_at\":\"2026-12-24T18:00:00Z\",\"origin\":"
    "\"adopted\"}]}";

static void test_shows_versions(void **state)
{
    struct drive *drive = *state;
    drive_with(drive, "key show shop/prod/orders-jwt", answer);
    assert_asks(drive, "GET /v1/keys/shop/prod/orders-jwt", "");
    assert_has(drive->out, "\nrotation   every=90d mode=manual\n");
    assert_has(drive->out,
               "\n\n"
               "VERSION  STATE              CREATED               ACTIVATED             "
               "RETIRED               USES  LAST USED\n"
               "1        destroy-scheduled  2026-01-01T00:00:00Z  2026-01-02T00:00:00Z  "
               "2026-04-01T00:00:00Z  4711  2026-03-31T23:59:59Z\n"
               "2        active             2026-03-01T00:00:00Z  2026-04-01T00:00:00Z  "
               "                      1     \n");
    assert_has(drive->out,
               "\nversion 1: destroyed at 2026-12-24T18:00:00Z, adopted (extractable, imported), "
               "\"old ?[2J\"\n"
               "version 3: published since 2026-06-01T00:00:01Z, the primary from "
               "2026-07-01T00:00:00Z\n"
               "version 4: adopted\n");
    assert_null(strstr((const char *)drive->out.data, "version 2:"));
}

/* Wide enough for every screen, as long as names are of usual length. */
static void test_lines_are_not_too_long(void **state)
{
    struct drive *drive = *state;
    drive_with(drive, "key show shop/prod/orders-jwt", answer);
    char *rest = (char *)drive->out.data;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        assert_true(strlen(line) <= 120);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define DRIVEN(test) cmocka_unit_test_setup_teardown(test, drive_open, drive_close)
        DRIVEN(test_shows_versions),
        DRIVEN(test_lines_are_not_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
