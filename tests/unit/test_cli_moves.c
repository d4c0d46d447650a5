/* key rotate and the moves of one version: what is asked, and the sentence that comes of it. */
#include "test_cli_drive.h"

#define ANSWER(state, more) "{\"key\":\"a/b\",\"version\":2,\"state\":\"" state "\"" more "}"
#define AT                  "2026-12-24T18:00:00Z"

static void test_what_is_so_now(void **state)
{
    struct drive *drive = *state;
    static const struct {
        const char *line, *request, *body, *answer, *said;
    } cases[] = {
        {"key rotate a/b", "POST /v1/keys/a/b:rotate", "", ANSWER("active", ",\"primary\":2"),
         "a/b: version 2 is the primary now\n"},
        {"key rotate a/b --immediate", "POST /v1/keys/a/b:rotate", "{\"immediate\":true}",
         ANSWER("active", ",\"primary\":2"), "a/b: version 2 is the primary now\n"},
        {"key rotate a/b", "POST /v1/keys/a/b:rotate", "",
         ANSWER("pending", ",\"promote_at\":\"" AT "\""),
         "a/b: version 2 is published and becomes the primary at " AT "\n"
         "to do it now: hsmgate key promote a/b@2\n"},
        {"key rotate a/b --adopt-id 0AfF --allow extractable --allow modifiable",
         "POST /v1/keys/a/b:rotate",
         "{\"adopt\":{\"cka_id\":\"0AfF\",\"allow\":[\"extractable\",\"modifiable\"]}}",
         ANSWER("pending", ""),
         "a/b: version 2 is published and becomes the primary at a time that is not set\n"
         "to do it now: hsmgate key promote a/b@2\n"},
        {"key rotate a/b --immediate --adopt-label old_key", "POST /v1/keys/a/b:rotate",
         "{\"immediate\":true,\"adopt\":{\"label\":\"old key\"}}", ANSWER("active", ""),
         "a/b: version 2 is the primary now\n"},
        {"key promote a/b@2", "POST /v1/keys/a/b@2:promote", "", ANSWER("active", ""),
         "a/b: version 2 is the primary now\n"},
        {"key retire a/b@2 --reason done", "POST /v1/keys/a/b@2:retire", "{\"reason\":\"done\"}",
         ANSWER("retired", ""),
         "a/b: version 2 is retired: it opens and verifies, and is published no more\n"},
        {"key disable a/b@2", "POST /v1/keys/a/b@2:disable", "", ANSWER("disabled", ""),
         "a/b: version 2 is disabled: it does nothing\n"
         "to undo it: hsmgate key enable a/b@2\n"},
        {"key enable a/b@2", "POST /v1/keys/a/b@2:enable", "", ANSWER("retiring", ""),
         "a/b: version 2 is retiring: it opens and verifies, and is still published\n"},
        {"key compromise a/b@2 --reason it_leaked", "POST /v1/keys/a/b@2:compromise",
         "{\"reason\":\"it leaked\"}", ANSWER("compromised", ""),
         "a/b: version 2 is compromised: it protects nothing and is published no more\n"},
        {"key destroy a/b@2 --reason old", "POST /v1/keys/a/b@2:schedule-destroy",
         "{\"reason\":\"old\"}", ANSWER("destroy-scheduled", ",\"destroy_at\":\"" AT "\""),
         "a/b: version 2 will be destroyed at " AT "\n"
         "to undo it: hsmgate key cancel-destroy a/b@2\n"},
        {"key destroy a/b@2 --reason old --after 2d --despite-use",
         "POST /v1/keys/a/b@2:schedule-destroy",
         "{\"reason\":\"old\",\"after\":\"2d\",\"despite_use\":true}", ANSWER("destroyed", ""),
         "a/b: version 2 is destroyed\n"},
        {"key cancel-destroy a/b@2", "POST /v1/keys/a/b@2:cancel-destroy", "",
         ANSWER("retired", ""),
         "a/b: version 2 is retired: it opens and verifies, and is published no more\n"},
        {"key confirm-destroy a/b@2 --reason yes", "POST /v1/keys/a/b@2:confirm-destroy",
         "{\"reason\":\"yes\"}", ANSWER("some-new-state", ""),
         "a/b: version 2 is some-new-state\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        drive_with(drive, cases[i].line, cases[i].answer);
        assert_int_equal(drive->exit, EXIT_DONE);
        assert_says(drive->out, cases[i].said);
        assert_says(drive->err, "");
        CLEANUP(mem_free_at) char *start = mem_format("%s HTTP/1.1\r\n", cases[i].request);
        assert_true(span_starts(buf_span(&drive->request), start));
        assert_string_equal(strstr((const char *)drive->request.data, "\r\n\r\n") + 4,
                            cases[i].body);
    }
}

static void test_warnings_go_to_standard_error(void **state)
{
    struct drive *drive = *state;
    static const char answer[] =
        ANSWER("retired", ",\"warnings\":[\"tokens live on\",\"two\\u001b[31m lines\"]");
    drive_with(drive, "key retire a/b@2", answer);
    assert_says(drive->err, "warning: tokens live on\nwarning: two?[31m lines\n");
    drive_with(drive, "key retire a/b@2 --json", answer);
    assert_says(drive->err, "");
    CLEANUP(mem_free_at) char *line = mem_format("%s\n", answer);
    assert_says(drive->out, line);
}

static void test_refusals(void **state)
{
    struct drive *drive = *state;
    drive_refused(drive, "key promote a/b@2", "409 Conflict",
                  "{\"code\":\"invalid_state\",\"detail\":\"it is destroyed\"}");
    assert_int_equal(drive->exit, EXIT_REFUSED);
    assert_says(drive->out, "");
    assert_has(drive->err, "hsmgate: it is destroyed (invalid_state)\n");
    drive_run(drive, "key promote A/b@2");
    assert_has(drive->err, "(invalid_name)");
}

static void test_adoption_is_said_in_one_way(void **state)
{
    struct drive *drive = *state;
    static const char *const lines[] = {"key rotate a/b --adopt-id 00 --adopt-label x",
                                        "key rotate a/b --allow modifiable",
                                        ("key create a/b --algorithm ed25519 --owner me --allow "
                                         "extractable")};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        drive_run(drive, lines[i]);
        assert_int_equal(drive->exit, EXIT_USAGE);
        assert_has(drive->err, "--adopt-label");
    }
    assert_int_equal(http_stub_count(drive->stub), 0);
}

static void test_keys_are_made_of_adopted_material(void **state)
{
    struct drive *drive = *state;
    drive_with(
        drive,
        "key create a/b --algorithm ed25519 --owner me --adopt-label old --allow extractable "
        "--mode manual",
        "{\"name\":\"a/b\",\"primary\":1,\"algorithm\":\"ed25519\",\"purpose\":\"sign\"}");
    assert_asks(drive, "POST /v1/keys",
                "{\"name\":\"a/b\",\"algorithm\":\"ed25519\",\"owner\":\"me\","
                "\"rotation\":{\"mode\":\"manual\"},"
                "\"adopt\":{\"label\":\"old\",\"allow\":[\"extractable\"]}}");
    assert_says(drive->out, "created a/b, version 1 (ed25519, sign)\n");
    drive_with(drive, "key update a/b --mode automatic", "{}");
    assert_asks(drive, "PATCH /v1/keys/a/b", "{\"rotation\":{\"mode\":\"automatic\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define DRIVEN(test) cmocka_unit_test_setup_teardown(test, drive_open, drive_close)
        DRIVEN(test_what_is_so_now),
        DRIVEN(test_warnings_go_to_standard_error),
        DRIVEN(test_refusals),
        DRIVEN(test_adoption_is_said_in_one_way),
        DRIVEN(test_keys_are_made_of_adopted_material),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
