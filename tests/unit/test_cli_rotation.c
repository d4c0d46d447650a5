/* retire-check, token inventory and clock: verdicts as sentences and exit statuses, whose an object
 * is and how it is adopted, and what a jumped clock asks for. */
#include "test_cli_drive.h"

#define CHECK(needed, sure, more)                                                                  \
    "{\"key\":\"a/b\",\"version\":1,\"state\":\"retired\",\"needed\":\"" needed "\"" more          \
    ",\"sure\":\"" sure "\",\"findings\":[{\"what\":\"jwt\",\"verdict\":\"needs\",\"detail\":\"a " \
    "JWT is valid\",\"until\":"                                                                    \
    "\"2026-06-01T00:00:00.5Z\"},{\"what\":\"uses\",\"verdict\":\"free\",\"detail\":\"no use\"}]," \
    "\"evidence\":{\"uses\":7,\"last_open_at\":\"2026-05-01T00:00:00.1Z\",\"last_open_by\":"       \
    "\"spiffe://example.org/a-rather-long-name/of/some/service\",\"recorded_since\":"              \
    "\"2026-01-01T00:00:00Z\"}}"

static void test_retire_check(void **state)
{
    struct drive *drive = *state;
    drive_with(drive, "key retire-check a/b@1",
               CHECK("yes", "certain", ",\"needed_until\":\"2026-06-01T00:00:00.5Z\""));
    assert_asks(drive, "GET /v1/keys/a/b@1:retire-check", "");
    assert_int_equal(drive->exit, EXIT_REFUSED);
    assert_says(drive->out,
                "a/b@1 (retired): something still needs it, until 2026-06-01T00:00:00Z; that is "
                "certain\n\n"
                "WHAT  VERDICT  WHY             UNTIL\n"
                "jwt   needs    a JWT is valid  2026-06-01T00:00:00Z\n"
                "uses  free     no use          \n"
                "\n"
                "uses            7\n"
                "last opened     2026-05-01T00:00:00Z\n"
                "by              spiffe://example.org/a-rather-long-name/of/some/service\n"
                "recorded since  2026-01-01T00:00:00Z\n");
    static const struct {
        const char *answer, *sentence;
        int exit;
    } cases[] = {
        {CHECK("no", "recorded", ""),
         "a/b@1 (retired): nothing needs it any more; as far as uses were recorded\n", EXIT_DONE},
        {CHECK("unknown", "unknown", ""),
         "a/b@1 (retired): whether something needs it is not known; uses were not recorded well "
         "enough to be sure\n",
         EXIT_REFUSED},
        {CHECK("perhaps\\u001b", "so-so", ""), "a/b@1 (retired): perhaps?; so-so\n", EXIT_REFUSED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        drive_with(drive, "key retire-check a/b@1", cases[i].answer);
        assert_int_equal(drive->exit, cases[i].exit);
        assert_true(strncmp((const char *)drive->out.data, cases[i].sentence,
                            strlen(cases[i].sentence)) == 0);
        drive_with(drive, "key retire-check a/b@1 --json", cases[i].answer);
        assert_int_equal(drive->exit, cases[i].exit);
    }
}

static const char inventory[] =
    "{\"token\":\"dev\",\"objects\":["
    "{\"cka_id\":\"0a01\",\"label\":\"a/"
    "b@1\",\"class\":\"private\",\"algorithm\":\"ecdsa-p256\",\"status\":"
    "\"ours\",\"key\":\"a/b\",\"version\":1,\"attributes\":[]},"
    "{\"cka_id\":\"0b\",\"label\":\"old\",\"class\":\"private\",\"algorithm\":\"rsa-2048\","
    "\"status\":"
    "\"adoptable\",\"attributes\":[\"extractable\",\"imported\",\"modifiable\"]},"
    "{\"cka_id\":\"0b\",\"label\":\"old\",\"class\":\"public\",\"algorithm\":\"rsa-2048\","
    "\"status\":"
    "\"adoptable\",\"attributes\":[]},"
    "{\"cka_id\":\"\",\"label\":\"it's\\u001b mine\",\"class\":\"secret\",\"status\":\"adoptable\","
    "\"attributes\":[]},"
    "{\"cka_id\":\"0c\",\"label\":\"x\",\"class\":\"secret\",\"status\":\"orphan\",\"attributes\":["
    "\"imported\"],"
    "\"why\":\"no row\"}],\"missing\":[{\"key\":\"a/c\",\"version\":3}]}";

static void test_inventory(void **state)
{
    struct drive *drive = *state;
    drive_with(drive, "token inventory dev", inventory);
    assert_asks(drive, "GET /v1/tokens/dev/inventory", "");
    assert_says(
        drive->out,
        "TOKEN  STATUS     CLASS    ALGORITHM   CKA_ID  LABEL       KEY    NOTES\n"
        "dev    ours       private  ecdsa-p256  0a01    a/b@1       a/b@1  \n"
        "dev    adoptable  private  rsa-2048    0b      old                extractable, imported, "
        "modifiable\n"
        "dev    adoptable  public   rsa-2048    0b      old                \n"
        "dev    adoptable  secret                       it's? mine         \n"
        "dev    orphan     secret               0c      x                  imported: no row\n"
        "missing: a/c@3 has no material on dev\n"
        "adopt: hsmgate key create NAMESPACE/NAME --owner OWNER --algorithm rsa-2048 --token dev "
        "--adopt-id 0b --allow extractable --allow modifiable\n"
        "adopt: hsmgate key create NAMESPACE/NAME --owner OWNER --algorithm ALGORITHM --token dev "
        "--adopt-label 'it'\\''s? mine'\n");
    CLEANUP(mem_free_at) char *line = mem_format("%s\n", inventory);
    drive_with(drive, "token inventory dev --json", inventory);
    assert_says(drive->out, line);
}

/* The stub answers everything alike: a list of tokens, and each one's inventory. */
static void test_inventory_of_all_tokens(void **state)
{
    struct drive *drive = *state;
    drive_with(drive, "token inventory",
               "{\"tokens\":[{\"name\":\"one\"},{\"name\":\"two\"}],\"objects\":[{\"status\":"
               "\"foreign\"}]}");
    assert_asks(drive, "GET /v1/tokens/two/inventory", "");
    assert_says(drive->out, "TOKEN  STATUS   CLASS  ALGORITHM  CKA_ID  LABEL  KEY  NOTES\n"
                            "one    foreign                                        \n"
                            "two    foreign                                        \n");
    drive_run(drive, "token inventory ../keys/a/b#");
    assert_int_equal(drive->exit, EXIT_REFUSED);
    assert_has(drive->err, "(invalid_name)");
}

static void test_clock(void **state)
{
    struct drive *drive = *state;
    drive_with(
        drive, "clock show",
        "{\"wall\":\"2026-06-03T02:00:00.1Z\",\"now\":\"2026-06-01T00:00:00.1Z\",\"behind_ms\":"
        "180000000,\"lived_ms\":2592000000,\"jumped\":true}");
    assert_asks(drive, "GET /v1/clock", "");
    assert_has(drive->out, "the machine's clock  2026-06-03T02:00:00Z\n"
                           "the gateway goes by  2026-06-01T00:00:00Z\n"
                           "behind by            2d 2h\n"
                           "lived                30d\n"
                           "jumped               yes\n");
    assert_has(drive->out, "hsmgate clock accept --reason TEXT\n");
    drive_with(
        drive, "clock accept --reason NTP_was_wrong",
        "{\"wall\":\"2026-06-03T02:00:00Z\",\"now\":\"2026-06-03T02:00:00Z\",\"jumped\":false}");
    assert_asks(drive, "POST /v1/clock:accept", "{\"reason\":\"NTP was wrong\"}");
    assert_says(drive->out, "accepted: the gateway goes by 2026-06-03T02:00:00Z now\n");
    drive_with(drive, "clock show", "{\"jumped\":false}");
    assert_null(strstr((const char *)drive->out.data, "accept"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define DRIVEN(test) cmocka_unit_test_setup_teardown(test, drive_open, drive_close)
        DRIVEN(test_retire_check),
        DRIVEN(test_inventory),
        DRIVEN(test_inventory_of_all_tokens),
        DRIVEN(test_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
