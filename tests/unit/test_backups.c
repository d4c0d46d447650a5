/* Backups over the API: made while the gateway serves, whole or not there, and good to open. */
#include "gateway/backups.h"

#include <sys/stat.h>
#include <unistd.h>

#include "audit/verify.h"
#include "base/clock.h"
#include "base/file.h"
#include "gateway/backup_manifest.h"
#include "gateway_fixture.h"

#define LOOKS 4000

static struct fixture fixture;
static char folder[128];

static int set_up(void **state)
{
    (void)state;
    fixture_open(&fixture);
    (void)snprintf(folder, sizeof(folder), "%s/backups", fixture.folder);
    return backups_open(&fixture.gateway, folder, &fixture.gateway.backups).code == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    backups_close(fixture.gateway.backups);
    fixture_close(&fixture);
    return 0;
}

static struct answer get(const char *path)
{
    return fixture_admin(&fixture, METHOD_GET, path, NULL);
}

/* Each look is a request of its own, which is pace enough. */
static struct answer wait_done(const char *path)
{
    for (int i = 0; i < LOOKS; i++) {
        struct answer answer = get(path);
        assert_int_equal(answer.status, 200);
        if (!span_is(answer_text(&answer, "state"), "running")) {
            return answer;
        }
        answer_clear(&answer);
    }
    fail_msg("%s is not done", path);
    return (struct answer){0};
}

static void start(const char *body)
{
    CLEANUP(answer_clear)
    struct answer answer = fixture_admin(&fixture, METHOD_POST, "/v1/backups", body);
    assert_int_equal(answer.status, 202);
}

static void a_backup_is_whole(void **state)
{
    (void)state;
    fixture_make_key(&fixture, "a/b", "");
    start("{\"name\":\"first\"}");
    CLEANUP(answer_clear) struct answer done = wait_done("/v1/backups/first");
    assert_span_is(answer_text(&done, "state"), "done");
    assert_int_equal(answer_integer(&done, "keys"), 1);
    int64_t records = answer_integer(&done, "records");
    assert_true(records >= 3);
    CLEANUP(mem_free_at) char *path = span_to_text(answer_text(&done, "path"));
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0700);
    /* the log in it is a log */
    CLEANUP(mem_free_at) char *log = mem_format("%s/audit", path);
    struct audit_verify what = {.folder = log};
    struct audit_finding finding;
    assert_ok(audit_verify(&what, &finding));
    assert_int_equal(finding.verdict, AUDIT_INTACT);
    assert_int_equal(finding.records, records);
    /* and the store is a store, which knows what it is */
    CLEANUP(mem_free_at) char *database = mem_format("%s/hsmgate.db", path);
    struct keystore *store = NULL;
    assert_ok(keystore_open(database, &store));
    assert_true(keystore_restored_from(store) > 0);
    assert_int_equal(keystore_count(store), 1);
    keystore_close(store);
    /* the log goes on where it was */
    struct audit_config config = {.folder = log, .queue_max = 10};
    struct audit *audit = NULL;
    struct tree_head head;
    assert_ok(audit_open(&config, &audit));
    audit_head(audit, &head);
    assert_int_equal(head.size, records);
    audit_close(audit);
}

static void names_are_made_taken_and_checked(void **state)
{
    (void)state;
    start(NULL);
    CLEANUP(answer_clear) struct answer listed = get("/v1/backups");
    const struct json_value *first = json_first(json_member(listed.json.root, "backups"));
    struct span name;
    assert_true(json_as_text(json_member(first, "name"), &name));
    assert_int_equal(name.len, sizeof("20261125-203000-123") - 1);
    CLEANUP(mem_free_at) char *path = mem_format("/v1/backups/%s", (const char *)name.data);
    CLEANUP(answer_clear) struct answer done = wait_done(path);
    CLEANUP(mem_free_at) char *again = mem_format("{\"name\":\"%s\"}", (const char *)name.data);
    CLEANUP(answer_clear)
    struct answer taken = fixture_admin(&fixture, METHOD_POST, "/v1/backups", again);
    assert_problem(&taken, 409, "conflict");
    static const char *const bad[] = {"{\"name\":\"a/b\"}", "{\"name\":\"..\"}", "{\"name\":\"A\"}",
                                      "{\"name\":\".x\"}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(answer_clear)
        struct answer answer = fixture_admin(&fixture, METHOD_POST, "/v1/backups", bad[i]);
        assert_problem(&answer, 400, "invalid_field");
    }
    CLEANUP(answer_clear) struct answer none = get("/v1/backups/nothing");
    assert_problem(&none, 404, "not_found");
}

/* Whatever one is called, making it touches no other. */
static void a_backup_keeps_its_neighbours(void **state)
{
    (void)state;
    static const char *const names[] = {"a.partial", "a", "a.partial.partial", "a.aside"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(mem_free_at) char *body = mem_format("{\"name\":\"%s\"}", names[i]);
        CLEANUP(mem_free_at) char *path = mem_format("/v1/backups/%s", names[i]);
        start(body);
        CLEANUP(answer_clear) struct answer done = wait_done(path);
        assert_span_is(answer_text(&done, "state"), "done");
    }
    CLEANUP(answer_clear) struct answer listed = get("/v1/backups");
    assert_int_equal(json_count(json_member(listed.json.root, "backups")), ARRAY_LEN(names));
}

/* A folder that cannot be written: said, and nothing stays. */
static void a_failed_backup_leaves_nothing(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *blocked = mem_format("%s/.blocked.partial", folder);
    CLEANUP(mem_free_at) char *inside = mem_format("%s/.blocked.partial/x/y", folder);
    CLEANUP(mem_free_at) char *whole = mem_format("%s/blocked", folder);
    assert_ok(file_make_folder(inside, 0700)); /* a crash left it: it gives way */
    start("{\"name\":\"blocked\"}");
    CLEANUP(answer_clear) struct answer done = wait_done("/v1/backups/blocked");
    assert_span_is(answer_text(&done, "state"), "done");
    assert_int_not_equal(access(blocked, F_OK), 0);
    assert_int_equal(access(whole, F_OK), 0);
    CLEANUP(mem_free_at) char *aside = mem_format("%s.aside", folder);
    assert_int_equal(rename(folder, aside), 0);
    assert_ok(file_write(folder, span_text("a file where the folder was"), 0600));
    start("{\"name\":\"lost\"}");
    CLEANUP(answer_clear) struct answer lost = wait_done("/v1/backups/lost");
    assert_span_is(answer_text(&lost, "state"), "failed");
    assert_true(answer_text(&lost, "error").len > 0);
}

static void others_may_not(void **state)
{
    (void)state;
    static const struct {
        enum method method;
        const char *path;
    } asked[] = {
        {METHOD_POST, "/v1/backups"}, {METHOD_GET, "/v1/backups"}, {METHOD_GET, "/v1/backups/x"}};
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        const struct asking asking = {
            .method = asked[i].method, .path = asked[i].path, .bearer = OTHER_TOKEN};
        CLEANUP(answer_clear) struct answer answer = fixture_ask(&fixture, &asking);
        assert_problem(&answer, 403, "forbidden");
    }
}

static void nothing_is_served_without_a_folder(void **state)
{
    (void)state;
    struct backups *kept = fixture.gateway.backups;
    fixture.gateway.backups = NULL;
    CLEANUP(answer_clear)
    struct answer answer = fixture_admin(&fixture, METHOD_POST, "/v1/backups", NULL);
    assert_problem(&answer, 404, "not_found");
    fixture.gateway.backups = kept;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_backup_is_whole),
        TEST(names_are_made_taken_and_checked),
        TEST(a_backup_keeps_its_neighbours),
        TEST(a_failed_backup_leaves_nothing),
        TEST(others_may_not),
        TEST(nothing_is_served_without_a_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
