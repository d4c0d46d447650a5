/* What the worker itself knows of quorums, and how it says no. */
#include "pkcs11/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "tests/unit/glass_fixture.h"

static char folder[64];
static struct glass glass;
static struct worker_config config;
static struct judge judge;

static int make(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf hex = {0};
    memcpy(folder, "/tmp/hsmgate-test-XXXXXX", 25);
    assert_non_null(mkdtemp(folder));
    glass_make(&glass);
    glass_add_roster(&glass, "root");
    struct err err = hex_encode(span_of(glass.chain[0].digest, SHA256_LEN), &hex);
    assert_int_equal(err.code, ERR_OK);
    config =
        (struct worker_config){.latch_dir = folder, .roster_root = span_to_text(buf_span(&hex))};
    judge_init(&judge, &config, "a/../serial 1");
    return 0;
}

static int drop(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *command = mem_format("rm -r %s", folder);
    judge_clear(&judge);
    glass_clear(&glass);
    mem_free(config.roster_root);
    return system(command); /* NOLINT(cert-env33-c): a test of ours */
}

/* A token's serial is the vendor's text: it must not lead out of the folder. */
static void test_paths(void **state)
{
    (void)state;
    const char *const paths[] = {judge.newest_path, judge.spent_path, judge.lock_path};
    assert_true(judge.pinned);
    assert_memory_equal(judge.root, glass.chain[0].digest, SHA256_LEN);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        assert_memory_equal(paths[i], folder, strlen(folder));
        assert_null(strchr(paths[i] + strlen(folder) + 1, '/'));
        assert_non_null(strstr(paths[i], "-a_.._serial_1."));
    }
}

static void test_demands(void **state)
{
    (void)state;
    uint8_t random[UUID_LEN] = {1};
    uint8_t ruled[APPROVAL_CKA_ID_LEN];
    uint8_t free_one[APPROVAL_CKA_ID_LEN];
    approval_cka_id(span_text("keepers"), 2, random, ruled);
    approval_cka_id(span_text("keepers"), 0, random, free_one);
    assert_true(judge_demands(&judge, span_of(ruled, sizeof(ruled))));
    assert_false(judge_demands(&judge, span_of(free_one, sizeof(free_one))));
    assert_false(judge_demands(&judge, span_text("theirs")));
    judge.floor = 2;
    assert_true(judge_demands(&judge, span_of(free_one, sizeof(free_one))));
    assert_true(judge_demands(&judge, span_text("theirs")));
}

static const struct {
    enum err_code code;
    const char *detail;
    enum frame_class class;
    const char *reason;
} refusals[] = {
    {ERR_APPROVAL_REQUIRED, "1 of 2", FRAME_UNAPPROVED, "1 of 2"},
    {ERR_APPROVAL_REQUIRED, "J\xc3\xbcrgen\n\x1b[2J denied", FRAME_UNAPPROVED,
     "J??rgen??[2J denied"},
    {ERR_IO, "cannot keep it", FRAME_UNAPPROVED, "cannot keep it"},
    {ERR_CORRUPT, "cannot read it", FRAME_UNAPPROVED, "cannot read it"},
    {ERR_CONFLICT, "used before", FRAME_SPENT, ""},
    {ERR_INVALID_CIPHERTEXT, "does not open", FRAME_CALLER_DATA, ""},
    {ERR_INVALID_STATE, "no root", FRAME_UNPINNED, ""},
    {ERR_INTERNAL, "a bug", FRAME_OUR_MISTAKE, ""},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        CLEANUP(buf_clear) struct buf results = {0};
        struct frame_item reply = {.input = span_text("a secret"), .aad = span_text("more")};
        struct err err = buf_append_text(&results, "a secret");
        assert_int_equal(err.code, ERR_OK);
        err = err_new(refusals[i].code, __func__, "%s", refusals[i].detail);
        struct ckr_verdict verdict = judge_refusal(err, &reply, &results);
        assert_int_equal(verdict.class, refusals[i].class);
        assert_true(span_is(reply.input, refusals[i].reason));
        assert_int_equal(reply.aad.len, 0);
    }
}

static enum err_code show(void)
{
    CLEANUP(buf_clear) struct buf bundle = {0};
    glass_bundle(&glass, span_of(NULL, 0), NULL, 0, glass.rosters, &bundle);
    return judge_rosters(&judge, buf_span(&bundle)).code;
}

static void test_rosters(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf bundle = {0};
    struct judged judged = {0};
    assert_int_equal(show(), ERR_OK);
    /* nobody asks for anything in it */
    glass_bundle(&glass, span_of(NULL, 0), NULL, 0, 1, &bundle);
    struct err err = judge_bundle(&judge, buf_span(&bundle), glass_now(), &judged);
    assert_int_equal(err.code, ERR_APPROVAL_REQUIRED);
    judged_clear(&judged);
    judge.root[0] ^= 1;
    assert_int_equal(show(), ERR_APPROVAL_REQUIRED);
    judge.root[0] ^= 1;
    judge.pinned = false;
    assert_int_equal(show(), ERR_INVALID_STATE);
    judge.pinned = true;
    mem_free(judge.lock_path);
    judge.lock_path = mem_format("%s/missing/lock", folder);
    assert_int_equal(show(), ERR_IO);
}

/* A file of the operator's that is no digest pins nothing, rather than something else. */
static void test_no_root(void **state)
{
    (void)state;
    static char short_root[] = "0123";
    struct worker_config other = {.latch_dir = folder, .roster_root = short_root};
    struct judge unsure;
    judge_init(&unsure, &other, "1");
    assert_false(unsure.pinned);
    judge_clear(&unsure);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_paths),   CASE(test_demands), CASE(test_refusals),
        CASE(test_rosters), CASE(test_no_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
