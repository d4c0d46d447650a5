/* drills: measured steps and their verdict, clearing up, the loop that keeps using, and a verifier
 * of JWTs that believes the key set alone. */
#include "base/clock.h"
#include "base/encoding.h"
#include "cli/drill.h"
#include "cli/drill_loop.h"
#include "cli/jwt_check.h"
#include "test_cli_drive.h"

/* What a gateway answered: two JWTs of a key that was rotated between them, and its key set. */
static const char first_token[] =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImRyaWxsL3JvdGF0ZS0xL2tleUAxIiwidHlwIjoiSldUIn0"
    "."
    "eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xOjM1MTk5L29pZGMvZHJpbGwvcm90YXRlLTEiLCJpYXQiOjE3OTU2"
    "NTEwNTcsIm5iZiI6MTc5NTY1MTA1NywiZXhwIjoxNzk1NjUxMDY3LCJqdGkiOiI1MjBkOGE4OS05YTkwLTQ2"
    "MzctOGRjYi1iNmFmMzExNWExNTYiLCJzdWIiOiJkcmlsbCJ9"
    "."
    "bqxlpJERsFQajZMub1aRRJt5zeGn16oVkpWeY2ZmAjZCMBxi4sqaqHC1bUL6KfTh_RlYoNjwv6gkuI8ErQxX"
    "7w";
static const char second_token[] =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImRyaWxsL3JvdGF0ZS0xL2tleUAyIiwidHlwIjoiSldUIn0"
    "."
    "eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xOjM1MTk5L29pZGMvZHJpbGwvcm90YXRlLTEiLCJpYXQiOjE3OTU2"
    "NTEwNTcsIm5iZiI6MTc5NTY1MTA1NywiZXhwIjoxNzk1NjUxMDY3LCJqdGkiOiIwMjVkZDNhMC1kMGYzLTRh"
    "NzMtYWNlYi0xMmY5YmU2MjFiMWUiLCJzdWIiOiJkcmlsbCJ9"
    "."
    "GBxBMwPKGthOCxGgSFOYgDL-f-bGo9UIQFOeOyrvc0YrI_NLOdl-"
    "AFFq1z1w6KhuM0kOJ5DpGPk06W_U9WmrBg";
#define FIRST_KEY                                                                              \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"rI3p2L1dTbmjST_NlF1a8RHI3SEESM8UNZjBU5du0V4\"," \
    "\"y\":\"RetKw4Ubg4lPVTLBcSxZ3wW1jaACvnBxlP0F7GlXuRo\",\"kid\":\"drill/rotate-1/key@1\"}"
#define SECOND_KEY                                                                             \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"rurixLWu_g0DttbL5h27oMysllvstgAtR7HRbVxZ5Uw\"," \
    "\"y\":\"iE4GZhhCqEPufdArovCj3lllzGm2Ubi7OHhWpdFMHLg\",\"kid\":\"drill/rotate-1/key@2\"}"

/* --- the verifier --- */

static void read_keys(const char *set, struct jwt_keys *out)
{
    *out = (struct jwt_keys){0};
    assert_ok(json_parse(span_text(set), &out->set));
}

static void test_believes_the_key_set(void **state)
{
    (void)state;
    CLEANUP(jwt_keys_clear) struct jwt_keys both;
    CLEANUP(jwt_keys_clear) struct jwt_keys old;
    CLEANUP(jwt_keys_clear) struct jwt_keys swapped;
    CLEANUP(buf_clear) struct buf kid = {0};
    read_keys("{\"keys\":[" FIRST_KEY "," SECOND_KEY "]}", &both);
    read_keys("{\"keys\":[" FIRST_KEY "]}", &old);
    assert_ok(jwt_check(&both, span_text(first_token), &kid));
    assert_span_is(buf_span(&kid), "drill/rotate-1/key@1");
    assert_ok(jwt_check(&both, span_text(second_token), &kid));
    assert_span_is(buf_span(&kid), "drill/rotate-1/key@2");
    assert_ok(jwt_check(&old, span_text(first_token), &kid));
    assert_code(jwt_check(&old, span_text(second_token), &kid), ERR_NOT_FOUND);
    assert_true(jwt_keys_list(&both, span_text("drill/rotate-1/key@2")));
    assert_false(jwt_keys_list(&old, span_text("drill/rotate-1/key@2")));
    /* another key under the kid */
    CLEANUP(mem_free_at) char *text = mem_text("{\"keys\":[" SECOND_KEY "]}");
    *(strstr(text, "key@2") + 4) = '1';
    read_keys(text, &swapped);
    assert_code(jwt_check(&swapped, span_text(first_token), &kid), ERR_FORBIDDEN);
}

static void test_refuses_what_was_changed(void **state)
{
    (void)state;
    CLEANUP(jwt_keys_clear) struct jwt_keys keys;
    CLEANUP(buf_clear) struct buf kid = {0};
    read_keys("{\"keys\":[" FIRST_KEY "]}", &keys);
    CLEANUP(mem_free_at) char *changed = mem_text(first_token);
    char *payload = strchr(changed, '.') + 5;
    *payload = *payload == 'A' ? 'B' : 'A';
    assert_code(jwt_check(&keys, span_text(changed), &kid), ERR_FORBIDDEN);
    static const struct {
        const char *token;
        enum err_code code;
    } strange[] = {
        {"", ERR_CORRUPT},
        {"a.b", ERR_CORRUPT},
        {"eyJhbGciOiJub25lIn0.e30.", ERR_CORRUPT}, /* alg none */
        {"e30.e30.AAAA", ERR_CORRUPT},
        {"!!.e30.AAAA", ERR_CORRUPT},
    };
    for (size_t i = 0; i < ARRAY_LEN(strange); i++) {
        assert_code_of(strange[i].token, jwt_check(&keys, span_text(strange[i].token), &kid),
                       strange[i].code);
    }
    static const char *const sets[] = {
        "{\"keys\":[{\"kid\":\"drill/rotate-1/key@1\",\"crv\":\"P-384\"}]}",
        "{\"keys\":[{\"kid\":\"drill/rotate-1/"
        "key@1\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}]}"};
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        CLEANUP(jwt_keys_clear) struct jwt_keys odd;
        read_keys(sets[i], &odd);
        assert_code_of(sets[i], jwt_check(&odd, span_text(first_token), &kid), ERR_CORRUPT);
    }
}

static void test_keeps_a_copy_as_long_as_it_may(void **state)
{
    struct drive *drive = *state;
    CLEANUP(jwt_keys_clear) struct jwt_keys keys = {0};
    http_stub_say(drive->stub, span_text("HTTP/1.1 200 OK\r\ncache-control: public, max-age=300\r\n"
                                         "Content-Length: 11\r\n\r\n{\"keys\":[]}"));
    assert_ok(jwt_keys_refresh(&keys, drive->client, "a/b"));
    assert_int_equal(keys.max_age_s, 300);
    assert_ok(jwt_keys_refresh(&keys, drive->client, "a/b"));
    assert_int_equal(keys.fetched, 1);
    keys.until_ns = clock_mono_ns();
    http_stub_serve(drive->stub, span_text("{\"keys\":[]}")); /* does not say: not kept at all */
    assert_ok(jwt_keys_refresh(&keys, drive->client, "a/b"));
    assert_ok(jwt_keys_refresh(&keys, drive->client, "a/b"));
    assert_int_equal(keys.fetched, 3);
    assert_int_equal(keys.max_age_s, 0);
}

/* --- the loop --- */

/* Good until `until`, then refused for `refused` uses, then as `then` says. */
struct script {
    int until;
    int refused;
    enum drill_use then;
    int uses;
};

static enum drill_use follow(struct client *client, void *arg, int64_t *out_version,
                             struct err *out_err)
{
    struct script *script = arg;
    assert_non_null(client);
    script->uses++;
    *out_version = script->uses <= script->until ? 1 : 2;
    *out_err = err_new(ERR_INVALID_STATE, __func__, "use %d", script->uses);
    if (script->uses <= script->until) {
        return DRILL_GOOD;
    }
    return script->uses <= script->until + script->refused ? DRILL_REFUSED : script->then;
}

static void test_the_loop_counts(void **state)
{
    (void)state;
    static const struct {
        struct script script;
        uint64_t good_after, failed;
    } cases[] = {
        {{3, 1000000, DRILL_REFUSED, 0}, 0, 0},
        {{3, 2, DRILL_GOOD, 0}, 1, 0}, /* one that should have been refused */
        {{3, 0, DRILL_FAILED, 0}, 0, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct script script = cases[i].script;
        struct drill_counts counts;
        CLEANUP(drill_loop_stop) struct drill_loop loop;
        const int64_t start_ns = clock_mono_ns();
        assert_ok(drill_loop_start(&loop, follow, &script));
        assert_true(drill_loop_wait(&loop, drill_has_good, 3, 20000, &counts));
        const bool refused =
            drill_loop_wait(&loop, drill_has_refused, 2, script.refused > 0 ? 20000 : 50, &counts);
        assert_int_equal(refused, script.refused > 0);
        if (cases[i].good_after > 0) {
            assert_true(drill_loop_wait(&loop, drill_has_version, 2, 20000, &counts));
        }
        drill_loop_stop(&loop);
        counts = loop.counts;
        assert_true((counts.good_after_refusal > 0) == (cases[i].good_after > 0));
        assert_true((counts.failed > 0) == (cases[i].failed > 0));
        assert_true(counts.first_refusal_ns == 0 || counts.first_refusal_ns >= start_ns);
        if (counts.failed > 0) {
            assert_string_equal(counts.first_failure.detail, "use 4");
        }
    }
}

/* --- steps, verdict, clearing up --- */

static struct err all_good(struct drill *drill, const struct options *options)
{
    (void)options;
    const char *name = NULL;
    TRY(drill_make_key(drill, "ed25519", ",\"jwt\":{\"max_ttl\":\"5s\"}", &name));
    const int64_t now_ns = clock_mono_ns();
    drill_note(
        drill,
        &(struct drill_measure){
            .start_ns = now_ns, .end_ns = now_ns + 999000001, .limit_ms = 1000, .passed = true},
        "fast enough");
    return err_ok();
}

static struct err too_slow(struct drill *drill, const struct options *options)
{
    (void)options;
    const int64_t now_ns = clock_mono_ns();
    drill_note(
        drill,
        &(struct drill_measure){
            .start_ns = now_ns, .end_ns = now_ns + 1000000001, .limit_ms = 1000, .passed = true},
        "too slow");
    return err_ok();
}

static struct err broken(struct drill *drill, const struct options *options)
{
    (void)options;
    drill_note(drill, &(struct drill_measure){.passed = true}, "begun");
    return err_new(ERR_FORBIDDEN, __func__, "you may not\x1b[31m");
}

static drill_work *chosen; /* of the test at hand */

static struct err run_chosen(struct client *client, const struct options *options, int *out_exit)
{
    return drill_run(client, options, "test", chosen, out_exit);
}

static void run(struct drive *drive, drill_work *work, const char *option)
{
    char out[40];
    chosen = work;
    drive->options = (struct options){0};
    if (strcmp(option, "--keep") == 0) {
        drive->options.values[OPTION_KEEP] = "";
    }
    if (strcmp(option, "--json") == 0) {
        drive->options.values[OPTION_JSON] = "";
    }
    (void)fflush(NULL);
    const int saved = drive_redirect(STDOUT_FILENO, out);
    drive->exit = EXIT_DONE;
    assert_ok(run_chosen(drive->client, &drive->options, &drive->exit));
    (void)fflush(NULL);
    drive_restore(STDOUT_FILENO, saved, out, &drive->out);
    buf_clear(&drive->request);
    http_stub_last(drive->stub, &drive->request);
    assert_ok(buf_append_u8(&drive->request, 0));
}

static void test_verdicts(void **state)
{
    struct drive *drive = *state;
    http_stub_serve(drive->stub, span_text("{\"versions\":[{\"version\":1,\"state\":\"active\"},"
                                           "{\"version\":2,\"state\":\"destroyed\"},"
                                           "{\"version\":3,\"state\":\"compromised\"}]}"));
    run(drive, all_good, "");
    assert_int_equal(drive->exit, EXIT_DONE);
    assert_has(drive->out, "VERDICT  MS");
    assert_has(drive->out, "/key: made (ed25519)\n");
    assert_has(drive->out, "passed   1000  1000   fast enough\n");
    assert_has(drive->out, "the destruction of 3 versions is scheduled\n\ntest: passed\n");
    assert_has(drive->request, "POST /v1/keys/drill/test-");
    assert_has(drive->request, "/key@3:schedule-destroy HTTP/1.1");
    assert_has(drive->request, "\"after\":\"24h\",\"despite_use\":true}");
    /* made, looked at, 1 disabled and scheduled, 3 scheduled */
    assert_true(http_stub_wait(drive->stub, 5));
    assert_int_equal(http_stub_count(drive->stub), 5);
    run(drive, too_slow, "");
    assert_int_equal(drive->exit, EXIT_REFUSED);
    assert_has(drive->out, "FAILED   1001  1000   too slow\n\ntest: FAILED\n");
    run(drive, broken, "--json");
    assert_int_equal(drive->exit, EXIT_REFUSED);
    assert_says(drive->out,
                "{\"drill\":\"test\",\"passed\":false,\"keys\":[],\"steps\":[{\"step\":\"begun\","
                "\"passed\":"
                "true},{\"step\":\"stopped: you may not?[31m (forbidden)\",\"passed\":false}]}\n");
}

static void test_keys_are_kept_when_asked(void **state)
{
    struct drive *drive = *state;
    http_stub_serve(drive->stub, span_text("{}"));
    run(drive, all_good, "--keep");
    assert_int_equal(drive->exit, EXIT_DONE);
    assert_true(span_starts(buf_span(&drive->request), "POST /v1/keys HTTP/1.1\r\n"));
    assert_has(drive->request,
               "\"algorithm\":\"ed25519\",\"owner\":\"drill\",\"contact\":\"#drill\","
               "\"description\":\"made by hsmgate drill test\","
               "\"jwt\":{\"max_ttl\":\"5s\"}}");
}

/* A gateway that refuses everything: the drill says so and does not pass. */
static void test_drills_that_cannot_begin(void **state)
{
    struct drive *drive = *state;
    static const char *const lines[] = {"drill revoke", "drill rotate", "drill restore"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        drive_refused(drive, lines[i], "403 No", "{\"code\":\"forbidden\",\"detail\":\"no\"}");
        assert_int_equal(drive->exit, EXIT_REFUSED);
        assert_has(drive->out, "stopped: no (forbidden)\n");
        assert_has(drive->out, ": FAILED\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define DRIVEN(test) cmocka_unit_test_setup_teardown(test, drive_open, drive_close)
        cmocka_unit_test(test_believes_the_key_set),
        cmocka_unit_test(test_refuses_what_was_changed),
        DRIVEN(test_keeps_a_copy_as_long_as_it_may),
        cmocka_unit_test(test_the_loop_counts),
        DRIVEN(test_verdicts),
        DRIVEN(test_keys_are_kept_when_asked),
        DRIVEN(test_drills_that_cannot_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
