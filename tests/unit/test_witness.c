/* The witness over a real log and store and a token in software: when it signs, with which key,
 * what it does while the token fails, and what the gateway says of it. */
#include <sys/stat.h>

#include "audit/checkpoint.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/sync.h"
#include "gateway/signer.h"
#include "gateway/witness.h"
#include "gateway_fixture.h"

#define WITHIN_MS 30000
#define NEVER_S   ((int64_t)3600)

static struct fixture fixture;
static char copy_path[128];
static const char *copy_files[1] = {copy_path};

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture);
    snprintf(copy_path, sizeof(copy_path), "%s/copy", fixture.folder);
    fixture.config.audit.origin = "tests.example/audit";
    fixture.config.audit.checkpoint_every_s = NEVER_S;
    fixture.config.audit.checkpoint_records = 10;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    witness_close(fixture.gateway.witness);
    fixture.gateway.witness = NULL;
    fake_token_signs(FAKE_HONEST);
    fake_token_fail(ERR_OK);
    fixture_close(&fixture);
    return 0;
}

/* --- helpers --- */

static void open_witness(void)
{
    fixture.gateway.witness = witness_open(&fixture.gateway);
}

static void close_witness(void)
{
    witness_close(fixture.gateway.witness);
    fixture.gateway.witness = NULL;
}

static struct witness_status status_now(void)
{
    struct witness_status status;
    witness_status(fixture.gateway.witness, &status);
    return status;
}

typedef bool status_test(const struct witness_status *status, uint64_t figure);

static struct witness_status wait_until(status_test *good, uint64_t figure)
{
    pthread_mutex_t mutex;
    pthread_cond_t never;
    int64_t deadline = clock_deadline(WITHIN_MS);
    sync_init(&mutex, &never);
    struct witness_status status = status_now();
    while (!good(&status, figure)) {
        assert_true(clock_left_ms(deadline) > 0);
        sync_lock(&mutex);
        (void)sync_wait(&never, &mutex, clock_deadline(2));
        sync_unlock(&mutex);
        status = status_now();
    }
    sync_destroy(&mutex, &never);
    return status;
}

static bool covers(const struct witness_status *status, uint64_t size)
{
    return status->signed_size >= size;
}

static bool has_failed(const struct witness_status *status, uint64_t times)
{
    return status->sign_failures >= times;
}

static bool has_copied(const struct witness_status *status, uint64_t times)
{
    return status->copies >= times && status->copies_waiting == 0;
}

static uint64_t durable(void)
{
    struct audit_status status;
    audit_status(fixture.gateway.audit, &status);
    return status.durable_seq;
}

static void write_records(size_t count)
{
    struct audit_record record = {
        .time = clock_wall_ms(), .kind = "request", .outcome = "ok", .status = 200};
    for (size_t i = 0; i < count; i++) {
        assert_ok(audit_write(fixture.gateway.audit, &record));
    }
}

/* The stored note, opened as an auditor does with the key beside it. */
static struct tree_head stored_head(void)
{
    CLEANUP(buf_clear) struct buf note = {0};
    CLEANUP(buf_clear) struct buf key = {0};
    CLEANUP(buf_clear) struct buf asked = {0};
    CLEANUP(checkpoint_verifier_clear) struct checkpoint_verifier verifier = {0};
    CLEANUP(mem_free_at) char *path = mem_format("%s/checkpoint.pub", fixture.audit_folder);
    struct tree_head head;
    assert_ok(audit_get_checkpoint(fixture.gateway.audit, &note));
    assert_ok(file_read(path, &key));
    assert_ok(signer_find_key(&fixture.gateway, buf_span(&note), &asked));
    struct span text = buf_span(&key);
    text.len -= text.len > 0 && text.data[text.len - 1] == '\n' ? 1 : 0;
    assert_true(span_equal(text, buf_span(&asked)));
    assert_ok(checkpoint_verifier_read(text, &verifier));
    assert_string_equal(verifier.name, "tests.example/audit");
    assert_ok(checkpoint_open(buf_span(&note), &verifier, &head));
    return head;
}

/* --- signing --- */

static void it_makes_its_key_and_signs_soon_after_the_start(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf none = {0};
    assert_code(signer_find_key(&fixture.gateway, span_text("x"), &none), ERR_NOT_FOUND);
    open_witness();
    struct witness_status status = wait_until(covers, 2);
    assert_true(status.signed_ms > 0);
    assert_int_equal(status.sign_failures, 0);
    assert_int_equal(stored_head().size, status.signed_size);
    assert_int_equal(fixture_count_records(&fixture, "\"operation\":\"create\""), 1);
    assert_int_equal(fixture_count_records(&fixture, "\"operation\":\"witness-started\""), 1);
    assert_int_equal(fixture_count_records(&fixture, "\"verifier_key\":\"tests.example/audit+"), 1);
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(fixture.gateway.store, span_text(WITNESS_KEY));
    assert_non_null(key);
    assert_int_equal(key->algorithm, ALGORITHM_ECDSA_P256); /* all that this token can */
    assert_string_equal(key->facts.owner, "hsmgate");
    assert_string_equal(key->token, "main");
    assert_int_equal(key->facts.classification, CLASS_INTERNAL);
    assert_true(uses_count(key_primary(key)) > 0);
}

static void so_many_records_make_it_due(void **state)
{
    (void)state;
    open_witness();
    (void)wait_until(covers, 2);
    for (size_t i = 1; i <= 3; i++) {
        write_records(10);
        (void)wait_until(covers, 2 + i * 10);
        assert_true(stored_head().size >= 2 + i * 10);
    }
}

static void time_makes_it_due(void **state)
{
    (void)state;
    fixture.config.audit.checkpoint_every_s = 1;
    open_witness();
    (void)wait_until(covers, 2);
    write_records(1);
    (void)wait_until(covers, 3);
    write_records(1);
    (void)wait_until(covers, 4);
}

static void a_nudge_signs_what_is_new_and_only_that(void **state)
{
    (void)state;
    fixture.config.audit.copy_files = copy_files;
    fixture.config.audit.copy_file_count = 1;
    open_witness();
    (void)wait_until(has_copied, 1);
    witness_nudge(fixture.gateway.witness);
    witness_nudge(fixture.gateway.witness);
    write_records(1);
    witness_nudge(fixture.gateway.witness);
    (void)wait_until(covers, 3);
    struct witness_status status = wait_until(has_copied, 2);
    assert_int_equal(status.copies, 2);
    assert_int_equal(durable(), 3); /* a checkpoint adds no record */
}

static void closing_covers_the_last_record(void **state)
{
    (void)state;
    fixture.config.audit.copy_files = copy_files;
    fixture.config.audit.copy_file_count = 1;
    open_witness();
    (void)wait_until(covers, 2);
    write_records(3);
    close_witness();
    assert_int_equal(durable(), 5);
    assert_int_equal(stored_head().size, 5);
    CLEANUP(buf_clear) struct buf note = {0};
    CLEANUP(buf_clear) struct buf copy = {0};
    assert_ok(audit_get_checkpoint(fixture.gateway.audit, &note));
    assert_ok(file_read(copy_path, &copy));
    assert_true(span_equal(buf_span(&copy), buf_span(&note)));
    witness_close(NULL);
}

static void a_restart_goes_on_with_the_same_key(void **state)
{
    (void)state;
    open_witness();
    (void)wait_until(covers, 2);
    close_witness();
    fixture.config.audit.copy_files = copy_files;
    fixture.config.audit.copy_file_count = 1;
    fake_token_fail(ERR_TOKEN_UNAVAILABLE);
    open_witness();
    struct witness_status status = wait_until(has_copied, 1); /* the stored one, without a token */
    assert_int_equal(status.signed_ms, 0);
    fake_token_fail(ERR_OK);
    (void)wait_until(covers, 3);
    assert_int_equal(fixture_count_records(&fixture, "\"operation\":\"create\""), 1);
    assert_int_equal(fixture_count_records(&fixture, "\"operation\":\"witness-started\""), 2);
    (void)stored_head();
}

static void a_rotated_key_signs_and_is_announced(void **state)
{
    (void)state;
    open_witness();
    (void)wait_until(covers, 2);
    uint32_t version = 0;
    struct moment moment;
    rotation_moment(&fixture.gateway.rotation, &moment);
    assert_ok(rotation_rotate(&fixture.gateway.rotation, span_text(WITNESS_KEY), ROTATE_AT_ONCE,
                              &moment, clock_deadline(WITHIN_MS), &version));
    assert_int_equal(version, 2);
    (void)stored_head(); /* still found, though another version is the primary */
    write_records(10);
    (void)wait_until(covers, 13);
    (void)stored_head();
    assert_int_equal(fixture_count_records(&fixture, "\"operation\":\"witness-started\""), 2);
}

/* --- when something fails --- */

static void a_token_that_fails_is_tried_again(void **state)
{
    (void)state;
    fake_token_fail(ERR_TOKEN_UNAVAILABLE);
    open_witness();
    struct witness_status status = wait_until(has_failed, 2);
    assert_int_equal(status.signed_size, 0);
    fake_token_fail(ERR_OK);
    status = wait_until(covers, 1);
    assert_int_equal(stored_head().size, status.signed_size);
}

static void a_wrong_signature_is_never_used(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf note = {0};
    open_witness();
    (void)wait_until(covers, 2);
    fake_token_signs(FAKE_LYING);
    write_records(10);
    (void)wait_until(has_failed, 1);
    assert_int_equal(stored_head().size, 2);
    fake_token_signs(FAKE_HONEST);
    (void)wait_until(covers, 12);
    assert_int_equal(stored_head().size, 12);
}

static void a_key_without_an_active_version_signs_nothing(void **state)
{
    (void)state;
    open_witness();
    (void)wait_until(covers, 2);
    const struct version_move off = {.number = 1, .from = VERSION_ACTIVE, .to = VERSION_DISABLED};
    const struct version_move on = {.number = 1, .from = VERSION_DISABLED, .to = VERSION_ACTIVE};
    assert_ok(
        keystore_move(fixture.gateway.store, span_text(WITNESS_KEY), &off, 1, clock_wall_ms()));
    write_records(10);
    (void)wait_until(has_failed, 1);
    const struct key *key = NULL;
    assert_code(signer_key(&fixture.gateway, clock_deadline(WITHIN_MS), &key), ERR_INVALID_STATE);
    assert_ok(
        keystore_move(fixture.gateway.store, span_text(WITNESS_KEY), &on, 1, clock_wall_ms()));
    (void)wait_until(covers, 12);
}

static void a_token_that_is_not_configured_signs_nothing(void **state)
{
    (void)state;
    struct gateway bare = fixture.gateway;
    CLEANUP(key_release_at) const struct key *key = NULL;
    CLEANUP(buf_clear) struct buf note = {0};
    const struct tree_head head = {.size = 1};
    assert_ok(signer_key(&fixture.gateway, clock_deadline(WITHIN_MS), &key));
    bare.token_count = 0;
    bare.rotation.token_count = 0;
    assert_code(signer_sign(&bare, key, &head, clock_deadline(WITHIN_MS), &note), ERR_CONFIG);
    assert_int_equal(note.len, 0);
}

static void a_folder_that_takes_no_checkpoint_is_counted(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *blocker = mem_format("%s/checkpoint", fixture.audit_folder);
    fixture.config.audit.copy_files = copy_files;
    fixture.config.audit.copy_file_count = 1;
    assert_int_equal(mkdir(blocker, 0700), 0);
    open_witness();
    (void)wait_until(has_failed, 1);
    (void)wait_until(has_copied, 1); /* but elsewhere it arrives */
    assert_int_equal(remove(blocker), 0);
    (void)wait_until(covers, 2);
}

/* --- the route --- */

static struct answer get(const char *query, const char *bearer)
{
    return fixture_ask(&fixture, &(struct asking){.method = METHOD_GET,
                                                  .path = "/v1/audit/checkpoint",
                                                  .query = query,
                                                  .bearer = bearer});
}

static void auditors_get_the_checkpoint(void **state)
{
    (void)state;
    CLEANUP(answer_clear) struct answer early = get(NULL, ADMIN_TOKEN);
    assert_problem(&early, 404, "not_found");
    CLEANUP(answer_clear) struct answer denied = get(NULL, OTHER_TOKEN);
    assert_problem(&denied, 403, "forbidden");
    CLEANUP(answer_clear) struct answer wrong = get("x=1", ADMIN_TOKEN);
    assert_problem(&wrong, 400, "unknown_field");
    open_witness();
    (void)wait_until(covers, 2);
    CLEANUP(answer_clear) struct answer answer = get(NULL, ADMIN_TOKEN);
    assert_int_equal(answer.status, 200);
    CLEANUP(checkpoint_verifier_clear) struct checkpoint_verifier verifier = {0};
    CLEANUP(buf_clear) struct buf root = {0};
    struct tree_head head;
    assert_ok(checkpoint_verifier_read(answer_text(&answer, "key"), &verifier));
    assert_ok(checkpoint_open(answer_text(&answer, "checkpoint"), &verifier, &head));
    assert_span_is(answer_text(&answer, "origin"), "tests.example/audit");
    assert_int_equal(answer_integer(&answer, "size"), (int64_t)head.size);
    assert_ok(base64_encode(span_of(head.root.bytes, TREE_HASH_LEN), &root));
    assert_true(span_equal(answer_text(&answer, "root"), buf_span(&root)));
    assert_true(answer_text(&answer, "signed_at").len > 0);
}

static void what_another_process_signed_has_no_time(void **state)
{
    (void)state;
    open_witness();
    (void)wait_until(covers, 2);
    close_witness();
    CLEANUP(answer_clear) struct answer answer = get(NULL, ADMIN_TOKEN);
    assert_int_equal(answer.status, 200);
    assert_null(json_member(answer.json.root, "signed_at"));
    assert_true(answer_text(&answer, "key").len > 0);
    fixture.config.audit.origin = "renamed.example/audit";
    CLEANUP(answer_clear) struct answer other = get(NULL, ADMIN_TOKEN);
    assert_int_equal(other.status, 200);
    assert_null(json_member(other.json.root, "key"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_makes_its_key_and_signs_soon_after_the_start),
        CASE(so_many_records_make_it_due),
        CASE(time_makes_it_due),
        CASE(a_nudge_signs_what_is_new_and_only_that),
        CASE(closing_covers_the_last_record),
        CASE(a_restart_goes_on_with_the_same_key),
        CASE(a_rotated_key_signs_and_is_announced),
        CASE(a_token_that_fails_is_tried_again),
        CASE(a_wrong_signature_is_never_used),
        CASE(a_key_without_an_active_version_signs_nothing),
        CASE(a_token_that_is_not_configured_signs_nothing),
        CASE(a_folder_that_takes_no_checkpoint_is_counted),
        CASE(auditors_get_the_checkpoint),
        CASE(what_another_process_signed_has_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
