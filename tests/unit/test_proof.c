/* Proofs of records: made from leaves or from lines, checked without the log, and refused when any
 * byte of them, the log or the key is another. */
#include "audit_fixture.h"
#include "audit_signer.h"

#include <string.h>
#include <unistd.h>

#include "audit/log_names.h"
#include "audit/proof.h"
#include "base/file.h"

#define RECORDS 23

struct logged {
    char *folder;
    struct signer signer;
    struct checkpoint_verifier verifier;
    struct buf note;
};

static void write_records(struct logged *logged)
{
    struct tree_head head;
    struct audit *audit = open_log(logged->folder, 0, 600);
    for (size_t i = 0; i < RECORDS + 2; i++) {
        struct audit_record record = record_with_id("some");
        assert_ok(audit_write(audit, &record));
        if (i + 1 == RECORDS) {
            audit_head(audit, &head);
        }
    }
    audit_close(audit);
    signer_note(&logged->signer, &head, &logged->note);
}

static int log_setup(void **state)
{
    struct logged *logged = mem_alloc(sizeof(*logged));
    void *folder = NULL;
    assert_int_equal(folder_setup(&folder), 0);
    logged->folder = folder;
    signer_make(&logged->signer, "example.com/log", "ED25519");
    signer_verifier(&logged->signer, &logged->verifier);
    write_records(logged);
    *state = logged;
    return 0;
}

static int log_teardown(void **state)
{
    struct logged *logged = *state;
    void *folder = logged->folder;
    signer_clear(&logged->signer);
    checkpoint_verifier_clear(&logged->verifier);
    buf_clear(&logged->note);
    mem_free(logged);
    return folder_teardown(&folder);
}

static void check_one(const struct logged *logged, uint64_t seq)
{
    CLEANUP(buf_clear) struct buf proof = {0};
    struct audit_proved proved;
    assert_ok(audit_prove(logged->folder, seq, buf_span(&logged->note), &proof));
    assert_ok(audit_check_proof(buf_span(&proof), &logged->verifier, &proved));
    assert_int_equal(proved.seq, seq);
    assert_int_equal(proved.head.size, RECORDS);
    CLEANUP(mem_free_at) char *lead = mem_format("{\"seq\":%lu,", (unsigned long)seq);
    assert_true(span_starts(buf_span(&proved.record), lead));
    assert_int_equal(proved.record.data[proved.record.len - 1], '}');
    buf_clear(&proved.record);
}

static void every_record_can_be_proved(void **state)
{
    const struct logged *logged = *state;
    for (uint64_t seq = 1; seq <= RECORDS; seq++) {
        check_one(logged, seq);
    }
}

static void remove_leaves(const char *folder)
{
    for (uint64_t first = 1; first <= RECORDS; first++) {
        char name[LOG_NAME_MAX];
        log_names_beside(first, LOG_LEAVES, name);
        CLEANUP(mem_free_at) char *path = mem_format("%s/%s", folder, name);
        (void)unlink(path);
    }
}

static void without_leaves_lines_are_hashed(void **state)
{
    const struct logged *logged = *state;
    remove_leaves(logged->folder);
    for (uint64_t seq = 1; seq <= RECORDS; seq += 4) {
        check_one(logged, seq);
    }
}

static void any_changed_byte_is_refused(void **state)
{
    const struct logged *logged = *state;
    CLEANUP(buf_clear) struct buf proof = {0};
    assert_ok(audit_prove(logged->folder, 6, buf_span(&logged->note), &proof));
    for (size_t i = 0; i < proof.len; i++) {
        struct audit_proved proved = {0};
        proof.data[i] ^= 0x01;
        struct err err = audit_check_proof(buf_span(&proof), &logged->verifier, &proved);
        assert_true(err.code == ERR_CORRUPT || err.code == ERR_FORBIDDEN);
        proof.data[i] ^= 0x01;
        err = audit_check_proof(span_of(proof.data, i), &logged->verifier, &proved);
        assert_true(err.code == ERR_CORRUPT || err.code == ERR_FORBIDDEN);
        assert_null(proved.record.data);
    }
}

static void shapes_that_are_refused(void **state)
{
    const struct logged *logged = *state;
    static const char *const proofs[] = {
        "",
        "c2sp.org/tlog-proof@v2\n",
        "c2sp.org/tlog-proof@v1\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n\n",
        "c2sp.org/tlog-proof@v1\nextra *\nindex 0\n\n",
        "c2sp.org/tlog-proof@v1\nextra e30=\n\n",
        "c2sp.org/tlog-proof@v1\nextra e30=\nindex 00\n\n",
        "c2sp.org/tlog-proof@v1\nextra e30=\nindex \n\n",
        "c2sp.org/tlog-proof@v1\nextra e30=\nindex 1x\n\n",
        "c2sp.org/tlog-proof@v1\nextra e30=\nindex 9999999999999999999\n\n",
        "c2sp.org/tlog-proof@v1\nextra e30=\nindex 1\nAAAA\n\n",
        "c2sp.org/tlog-proof@v1\nextra e30=\nindex 1\n\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(proofs); i++) {
        struct audit_proved proved;
        assert_code_of(proofs[i],
                       audit_check_proof(span_text(proofs[i]), &logged->verifier, &proved),
                       ERR_CORRUPT);
    }
}

static void what_cannot_be_proved(void **state)
{
    const struct logged *logged = *state;
    CLEANUP(buf_clear) struct buf out = {0};
    CLEANUP(buf_clear) struct buf other = {0};
    struct span note = buf_span(&logged->note);
    assert_code(audit_prove(logged->folder, 0, note, &out), ERR_NOT_FOUND);
    assert_code(audit_prove(logged->folder, RECORDS + 1, note, &out), ERR_NOT_FOUND);
    assert_code(audit_prove(logged->folder, 1, span_text("?"), &out), ERR_CORRUPT);
    assert_code(audit_prove("/nonexistent", 1, note, &out), ERR_IO);
    struct tree_head head = {.size = RECORDS}; /* another root */
    signer_note(&logged->signer, &head, &other);
    assert_code(audit_prove(logged->folder, 1, buf_span(&other), &out), ERR_CORRUPT);
    head.size = RECORDS + 9;
    buf_clear(&other);
    signer_note(&logged->signer, &head, &other);
    assert_code(audit_prove(logged->folder, 1, buf_span(&other), &out), ERR_NOT_FOUND);
    assert_code(audit_prove(logged->folder, RECORDS + 5, buf_span(&other), &out), ERR_NOT_FOUND);
    assert_int_equal(out.len, 0);
    struct signer stranger;
    CLEANUP(checkpoint_verifier_clear) struct checkpoint_verifier verifier = {0};
    struct audit_proved proved;
    signer_make(&stranger, "example.com/log", "P-256");
    signer_verifier(&stranger, &verifier);
    assert_ok(audit_prove(logged->folder, 1, note, &out));
    assert_code(audit_check_proof(buf_span(&out), &verifier, &proved), ERR_FORBIDDEN);
    signer_clear(&stranger);
}

#define WITH_LOG(test) cmocka_unit_test_setup_teardown(test, log_setup, log_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOG(every_record_can_be_proved),  WITH_LOG(without_leaves_lines_are_hashed),
        WITH_LOG(any_changed_byte_is_refused), WITH_LOG(shapes_that_are_refused),
        WITH_LOG(what_cannot_be_proved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
