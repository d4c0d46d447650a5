/* backup, backups and restore as commands: what a script gets, what a person sees, and waiting. */
#include "base/sync.h"
#include "test_cli_drive.h"

#define BACKUP(state, more)                                                                    \
    "{\"name\":\"nightly\",\"state\":\"" state "\",\"started_at\":\"2026-06-01T00:00:00.1Z\"," \
    "\"path\":\"/var/backups/nightly\",\"bytes_done\":2048,\"bytes_total\":4096" more "}"
#define DONE \
    BACKUP("done", ",\"keys\":12,\"records\":3400,\"finished_at\":\"2026-06-01T00:00:07Z\"")

static void test_a_backup(void **state)
{
    struct drive *drive = *state;
    drive_with(drive, "backup nightly", DONE);
    assert_int_equal(drive->exit, EXIT_DONE);
    assert_asks(drive, "POST /v1/backups", "{\"name\":\"nightly\"}");
    assert_says(drive->out, "/var/backups/nightly\n");
    assert_has(drive->err, "nightly: 12 keys, 3400 audit records, 2.0 KiB, in ");
    drive_with(drive, "backup", DONE);
    assert_asks(drive, "POST /v1/backups", "{}");
    drive_with(drive, "backup --json", DONE);
    assert_says(drive->out, DONE "\n");
    assert_says(drive->err, "");
}

static void *finish(void *arg)
{
    struct drive *drive = arg;
    if (http_stub_wait(drive->stub, 3)) {
        http_stub_serve(drive->stub, span_text(DONE));
    }
    return NULL;
}

static void test_waits_until_it_is_done(void **state)
{
    struct drive *drive = *state;
    const pthread_t thread = sync_thread("finish", finish, drive);
    drive_with(drive, "backup", BACKUP("running", ""));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(drive->exit, EXIT_DONE);
    assert_asks(drive, "GET /v1/backups/nightly", "");
    assert_true(http_stub_count(drive->stub) >= 3);
    assert_says(drive->out, "/var/backups/nightly\n");
}

static void test_a_backup_that_failed(void **state)
{
    struct drive *drive = *state;
    drive_with(drive, "backup", BACKUP("failed", ",\"error\":\"the disk is full\""));
    assert_int_equal(drive->exit, EXIT_REFUSED);
    assert_says(drive->out, "");
    assert_has(drive->err, "hsmgate: the backup failed: the disk is full (io)\n");
    drive_refused(drive, "backup", "409 Conflict",
                  "{\"code\":\"conflict\",\"detail\":\"one is running\"}");
    assert_has(drive->err, "hsmgate: one is running (conflict)\n");
}

static void test_lists_backups(void **state)
{
    struct drive *drive = *state;
    drive_with(drive, "backups",
               "{\"backups\":[" DONE "," BACKUP("failed", ",\"error\":\"no room\"") "]}");
    assert_asks(drive, "GET /v1/backups", "");
    assert_says(drive->out, "NAME     STATE   STARTED               FINISHED              SIZE     "
                            "PATH\n"
                            "nightly  done    2026-06-01T00:00:00Z  2026-06-01T00:00:07Z  2.0 KiB  "
                            "/var/backups/nightly\n"
                            "nightly  failed  2026-06-01T00:00:00Z                        2.0 KiB  "
                            "no room\n");
}

static void test_restore_needs_no_gateway(void **state)
{
    struct drive *drive = *state;
    const struct command *command =
        drive_parse(drive, "restore /nowhere --database /tmp/d --audit /tmp/a");
    assert_true(command_is_offline(command));
    drive_run(drive, "restore /nowhere --database /nowhere/d --audit /nowhere/a");
    assert_int_equal(drive->exit, EXIT_REFUSED);
    assert_has(drive->err, "/nowhere/manifest.json: there is no such file (not_found)");
    assert_int_equal(http_stub_count(drive->stub), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define DRIVEN(test) cmocka_unit_test_setup_teardown(test, drive_open, drive_close)
        DRIVEN(test_a_backup),
        DRIVEN(test_waits_until_it_is_done),
        DRIVEN(test_a_backup_that_failed),
        DRIVEN(test_lists_backups),
        DRIVEN(test_restore_needs_no_gateway),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
