/* Bearer tokens and access keys: what is asked, what goes to the file and what to the terminal, and
 * that each list has its own kind. */
#include <sys/stat.h>

#include "test_cli_drive.h"

#define TOKEN  "{\"name\":\"ci\",\"token\":\"hg_secret\",\"expires_at\":\"2027-01-31T00:00:00Z\"}"
#define SECRET "abcdefghijklmnopqrstuvwxyz0123456789+/AB"
#define MADE_OF(id, secret, subject)                                               \
    "{\"name\":\"orders-aws\",\"subject\":\"" subject "\",\"access_key_id\":\"" id \
    "\",\"secret_access_key\":\"" secret "\",\"expires_at\":\"2027-01-31T00:00:00Z\"}"
#define MADE MADE_OF("HGAKABCDEFGH23456789", SECRET, "orders")
#define CREDENTIALS \
    "[default]\naws_access_key_id = HGAKABCDEFGH23456789\naws_secret_access_key = " SECRET "\n"
#define NOTICE                                                                                \
    "access key HGAKABCDEFGH23456789 of token:orders, valid until 2027-01-31T00:00:00Z; its " \
    "secret is not shown again\n"

/* --- a file for --out --- */

struct place {
    char folder[40];
    char path[64];
};

static void place_make(struct place *place)
{
    *place = (struct place){.folder = "/tmp/hsmgate-cli-test-XXXXXX"};
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->path, sizeof(place->path), "%s/out", place->folder);
}

static void place_drop(struct place *place)
{
    (void)unlink(place->path);
    (void)rmdir(place->folder);
}

static void run_to(struct drive *drive, const struct place *place, const char *line,
                   const char *answer)
{
    CLEANUP(mem_free_at) char *whole = mem_format("%s --out %s", line, place->path);
    drive_with(drive, whole, answer);
}

static void assert_holds(const struct place *place, const char *text)
{
    CLEANUP(buf_clear) struct buf file = {0};
    struct stat info;
    assert_int_equal(stat(place->path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_ok(file_read(place->path, &file));
    assert_span_is(buf_span(&file), text);
}

static bool is_there(const struct place *place)
{
    return access(place->path, F_OK) == 0;
}

/* --- tokens --- */

static void test_a_token_is_made(void **state)
{
    struct drive *drive = *state;
    CLEANUP(place_drop) struct place place;
    place_make(&place);
    drive_with(drive, "token create ci --ttl 1h", TOKEN);
    assert_asks(drive, "POST /v1/auth/tokens", "{\"name\":\"ci\",\"ttl\":\"1h\"}");
    assert_says(drive->out, "hg_secret\n");
    assert_says(drive->err, "token:ci, valid until 2027-01-31T00:00:00Z; it is not shown again\n");
    run_to(drive, &place, "token create ci --ttl 1h", TOKEN);
    assert_says(drive->out, "");
    assert_holds(&place, "hg_secret\n");
}

static void test_a_token_is_revoked(void **state)
{
    struct drive *drive = *state;
    drive_with(drive, "token revoke ci", "");
    assert_asks(drive, "DELETE /v1/auth/tokens/ci", "");
    assert_says(drive->out, "revoked token:ci\n");
    drive_with(drive, "token revoke ci --json", "");
    assert_says(drive->out, "{}\n");
}

/* --- access keys --- */

static void test_an_access_key_goes_to_a_file(void **state)
{
    struct drive *drive = *state;
    CLEANUP(place_drop) struct place place;
    place_make(&place);
    run_to(drive, &place, "access-key create orders-aws --subject orders --ttl 30d", MADE);
    assert_int_equal(drive->exit, EXIT_DONE);
    assert_asks(drive, "POST /v1/auth/access-keys",
                "{\"name\":\"orders-aws\",\"subject\":\"orders\",\"ttl\":\"30d\"}");
    assert_holds(&place, CREDENTIALS);
    assert_says(drive->out, "");
    assert_says(drive->err, NOTICE);
    assert_int_equal(chmod(place.path, 0644), 0); /* one that is there is replaced, not opened */
    run_to(drive, &place, "access-key create orders --ttl 30d", MADE);
    assert_asks(drive, "POST /v1/auth/access-keys", "{\"name\":\"orders\",\"ttl\":\"30d\"}");
    assert_holds(&place, CREDENTIALS);
    run_to(drive, &place, "access-key create orders --ttl 30d --subject=", MADE);
    assert_asks(drive, "POST /v1/auth/access-keys",
                "{\"name\":\"orders\",\"subject\":\"\",\"ttl\":\"30d\"}"); /* not the default */
}

static void test_an_access_key_goes_to_the_terminal_when_told_to(void **state)
{
    struct drive *drive = *state;
    drive_with(drive, "access-key create orders-aws --ttl 30d --out -", MADE);
    assert_says(drive->out, CREDENTIALS);
    assert_says(drive->err, NOTICE);
}

static void test_an_access_key_as_json(void **state)
{
    struct drive *drive = *state;
    CLEANUP(place_drop) struct place place;
    place_make(&place);
    run_to(drive, &place, "access-key create orders-aws --ttl 30d --json", MADE);
    assert_holds(&place, MADE "\n");
    assert_says(drive->out, "");
    assert_says(drive->err, "");
}

/* The file is read by programs: AWS's run what stands in it as credential_process. */
static void test_an_answer_adds_no_line_to_the_file(void **state)
{
    struct drive *drive = *state;
    static const char *const answers[] = {
        MADE_OF("HGAK\\ncredential_process = id", SECRET, "orders"),
        MADE_OF("HGAK", "x\\ncredential_process = id", "orders"),
        MADE_OF("HGAK", "x y", "orders"),
        MADE_OF("HGAK", "\\u001b[2J", "orders"),
        MADE_OF("", SECRET, "orders"),
        MADE_OF("HGAK", "", "orders"),
        "{\"access_key_id\":\"HGAK\"}",
        "{\"access_key_id\":1,\"secret_access_key\":\"x\"}",
        "[]",
    };
    CLEANUP(place_drop) struct place place;
    place_make(&place);
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        run_to(drive, &place, "access-key create orders-aws --ttl 30d", answers[i]);
        assert_int_equal(drive->exit, EXIT_REFUSED);
        assert_has(drive->err, "the server's answer has no usable '");
        assert_says(drive->out, "");
        assert_false(is_there(&place));
    }
    run_to(drive, &place, "access-key create orders-aws --ttl 30d",
           MADE_OF("HGAK", SECRET, "a\\u001b[31m"));
    assert_has(drive->err, "token:a?[31m, valid");
}

static void test_what_the_gateway_refuses_makes_no_file(void **state)
{
    struct drive *drive = *state;
    CLEANUP(place_drop) struct place place;
    place_make(&place);
    CLEANUP(mem_free_at)
    char *line = mem_format("access-key create admin --ttl 1h --out %s", place.path);
    drive_refused(drive, line, "403 Forbidden",
                  "{\"code\":\"forbidden\",\"detail\":\"Administrators alone.\"}");
    assert_int_equal(drive->exit, EXIT_REFUSED);
    assert_has(drive->err, "hsmgate: Administrators alone. (forbidden)\n");
    assert_false(is_there(&place));
}

static void test_an_access_key_is_revoked(void **state)
{
    struct drive *drive = *state;
    drive_with(drive, "access-key revoke orders-aws", "");
    assert_asks(drive, "DELETE /v1/auth/tokens/orders-aws", "");
    assert_says(drive->out, "revoked access key orders-aws\n");
    drive_with(drive, "access-key revoke orders-aws --json", "");
    assert_says(drive->out, "{}\n");
    drive_refused(drive, "access-key revoke none", "404 Not Found",
                  "{\"code\":\"not_found\",\"detail\":\"there is none\"}");
    assert_int_equal(drive->exit, EXIT_REFUSED);
}

/* --- lists --- */

#define ONE_TOKEN                                                                \
    "{\"name\":\"ci\",\"created_at\":\"2026-01-01T00:00:00Z\",\"last_used_at\":" \
    "\"2026-01-02T00:00:00Z\"}"
#define ONE_KEY                                                                        \
    "{\"name\":\"orders-aws\",\"access_key_id\":\"HGAKABCDEFGH23456789\",\"subject\":" \
    "\"orders\",\"created_at\":\"2026-02-01T00:00:00Z\",\"expires_at\":"               \
    "\"2026-03-01T00:00:00Z\"}"
#define ODD_KEY                                                                          \
    "{\"name\":\"z\\u001b[2J\",\"access_key_id\":\"\",\"subject\":\"z\",\"created_at\":" \
    "\"2026-02-01T00:00:00Z\",\"last_used_at\":\"2026-02-02T00:00:00Z\"}"

static const char both[] = "{\"tokens\":[" ONE_TOKEN "," ONE_KEY "," ODD_KEY "]}";

static void test_each_list_has_its_kind(void **state)
{
    struct drive *drive = *state;
    drive_with(drive, "token list", both);
    assert_asks(drive, "GET /v1/auth/tokens", "");
    assert_says(drive->out, "NAME  CREATED               EXPIRES  LAST USED\n"
                            "ci    2026-01-01T00:00:00Z           2026-01-02T00:00:00Z\n");
    drive_with(drive, "access-key list", both);
    assert_asks(drive, "GET /v1/auth/tokens", "");
    assert_says(drive->out,
                "NAME        ACCESS KEY            SUBJECT  EXPIRES               LAST USED\n"
                "orders-aws  HGAKABCDEFGH23456789  orders   2026-03-01T00:00:00Z  \n"
                "z?[2J                             z                              "
                "2026-02-02T00:00:00Z\n");
}

static void test_each_list_as_json_too(void **state)
{
    struct drive *drive = *state;
    drive_with(drive, "token list --json", both);
    assert_says(drive->out, "{\"tokens\":[" ONE_TOKEN "]}\n");
    drive_with(drive, "access-key list --json", both);
    assert_says(drive->out, "{\"tokens\":[" ONE_KEY "," ODD_KEY "]}\n");
}

static void test_empty_lists(void **state)
{
    struct drive *drive = *state;
    static const char *const answers[] = {"{\"tokens\":[]}", "{\"tokens\":[" ONE_TOKEN "]}", "{}",
                                          "[]"};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        drive_with(drive, "access-key list", answers[i]);
        assert_int_equal(drive->exit, EXIT_DONE);
        assert_says(drive->out, "NAME  ACCESS KEY  SUBJECT  EXPIRES  LAST USED\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define DRIVEN(test) cmocka_unit_test_setup_teardown(test, drive_open, drive_close)
        DRIVEN(test_a_token_is_made),
        DRIVEN(test_a_token_is_revoked),
        DRIVEN(test_an_access_key_goes_to_a_file),
        DRIVEN(test_an_access_key_goes_to_the_terminal_when_told_to),
        DRIVEN(test_an_access_key_as_json),
        DRIVEN(test_an_answer_adds_no_line_to_the_file),
        DRIVEN(test_what_the_gateway_refuses_makes_no_file),
        DRIVEN(test_an_access_key_is_revoked),
        DRIVEN(test_each_list_has_its_kind),
        DRIVEN(test_each_list_as_json_too),
        DRIVEN(test_empty_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
