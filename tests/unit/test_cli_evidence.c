/* Evidence as an auditor checks it: a good file, every byte of it changed, and files that are put
 * together of good parts that do not belong together. */
#include "audit_fixture.h"
#include "audit_signer.h"
#include "quorum_fixture.h"

#include "audit/proof.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "cli/evidence.h"

#define ORIGIN "example.com/log"

struct story {
    struct quorum_fixture fix;
    struct signer signer;
    struct buf log_key;
    char *folder;
    struct statement says;
    struct span bytes;
    struct vote votes[3];
    char *steps; /* of the last check: a line each */
};

static void keep_step(void *arg, bool good, const char *text)
{
    struct story *story = arg;
    CLEANUP(mem_free_at) char *before = story->steps;
    story->steps = mem_format("%s%s %s\n", before, good ? "+" : "-", text);
}

static bool check_under(struct story *story, struct span file, const uint8_t root[SHA256_LEN])
{
    mem_free(story->steps);
    story->steps = mem_text("");
    return evidence_check(file, root, &(struct evidence_listener){.say = keep_step, .arg = story});
}

static bool check(struct story *story, struct span file)
{
    return check_under(story, file, story->fix.root);
}

/* --- making one --- */

static int story_open(void **state)
{
    struct story *story = mem_alloc(sizeof *story);
    void *folder = NULL;
    assert_int_equal(folder_setup(&folder), 0);
    story->folder = folder;
    story->steps = mem_text("");
    people_open(&story->fix);
    (void)people_person(&story->fix, "eve");
    (void)people_next_roster(&story->fix, "ann,bob,cem"); /* one vote more than it needs */
    signer_make(&story->signer, ORIGIN, "ED25519");
    assert_ok(checkpoint_key_text(&story->signer.as, &story->log_key));
    story->says = people_statement(&story->fix, STATEMENT_OPEN);
    story->says.gateway = span_text(ORIGIN);
    story->says.log_key = buf_span(&story->log_key);
    story->bytes = people_bytes(&story->fix, &story->says);
    static const char *const voters[] = {"ann", "bob", "cem"};
    for (size_t i = 0; i < ARRAY_LEN(voters); i++) {
        story->votes[i] =
            people_vote(&story->fix, voters[i], VOTE_APPROVE, story->bytes, FIXTURE_NOW + 1000);
    }
    *state = story;
    return 0;
}

static int story_close(void **state)
{
    struct story *story = *state;
    void *folder = story->folder;
    signer_clear(&story->signer);
    buf_clear(&story->log_key);
    people_close(&story->fix);
    mem_free(story->steps);
    mem_free(story);
    return folder_teardown(&folder);
}

/* What the record says instead of the truth; NULL: the truth. */
struct lie {
    const char *request;
    const char *digest;
    const char *roster;
    const char *operation;
    const char *outcome;
    int64_t time;
};

static char *hex_of(const uint8_t digest[SHA256_LEN])
{
    CLEANUP(buf_clear) struct buf hex = {0};
    assert_ok(hex_encode(span_of(digest, SHA256_LEN), &hex));
    return span_to_text(buf_span(&hex));
}

static char *detail_of(const struct story *story, const struct lie *lie)
{
    char id[UUID_TEXT_LEN + 1];
    uint8_t digest[SHA256_LEN];
    uuid_format(story->says.id, id);
    statement_digest(story->bytes, digest);
    CLEANUP(mem_free_at) char *statement = hex_of(digest);
    CLEANUP(mem_free_at) char *roster = hex_of(people_newest(&story->fix)->digest);
    return mem_format("{\"request\":\"%s\",\"kind\":\"open\",\"statement_sha256\":\"%s\","
                      "\"roster_sha256\":\"%s\"}",
                      lie->request != NULL ? lie->request : id,
                      lie->digest != NULL ? lie->digest : statement,
                      lie->roster != NULL ? lie->roster : roster);
}

static void prove_record(const struct story *story, const struct lie *lie, struct buf *out)
{
    struct tree_head head;
    CLEANUP(buf_clear) struct buf note = {0};
    CLEANUP(mem_free_at) char *detail = detail_of(story, lie);
    struct audit_record record = record_with_id("some");
    folder_empty(story->folder);
    struct audit *audit = open_log(story->folder, 0, 1 << 20);
    assert_ok(audit_write(audit, &record)); /* not the only one */
    record.time = lie->time != 0 ? lie->time : FIXTURE_NOW + 2000;
    record.operation = span_text(lie->operation != NULL ? lie->operation : "open-break-glass");
    record.outcome = lie->outcome != NULL ? lie->outcome : "ok";
    record.detail = span_text(detail);
    assert_ok(audit_write(audit, &record));
    audit_head(audit, &head);
    audit_close(audit);
    signer_note(&story->signer, &head, &note);
    assert_ok(audit_prove(story->folder, 2, buf_span(&note), out));
}

/* The file of these votes and this proof (or none). */
static void write_file(struct story *story, size_t votes, struct span proof, struct buf *out)
{
    const struct span bundle = people_bundle(&story->fix, story->bytes, story->votes, votes);
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "format", "hsmgate/v1/evidence");
    json_put_raw(&writer, "bundle", bundle);
    json_begin_array(&writer, "records");
    if (proof.len > 0) {
        json_put_span(&writer, NULL, proof);
    }
    json_end_array(&writer);
    json_end_object(&writer);
    assert_ok(json_finish(&writer));
}

static void write_with(struct story *story, size_t votes, const struct lie *lie, struct buf *out)
{
    CLEANUP(buf_clear) struct buf proof = {0};
    prove_record(story, lie, &proof);
    write_file(story, votes, buf_span(&proof), out);
}

#define assert_steps_have(story, text)                           \
    do {                                                         \
        if (strstr((story)->steps, (text)) == NULL) {            \
            fail_msg("no '%s' in:\n%s", (text), (story)->steps); \
        }                                                        \
    } while (0)

/* --- the tests --- */

static void test_a_good_one(void **state)
{
    struct story *story = *state;
    CLEANUP(buf_clear) struct buf file = {0};
    write_with(story, 3, &(struct lie){0}, &file);
    if (!check(story, buf_span(&file))) {
        fail_msg("%s", story->steps);
    }
    assert_steps_have(story, "+ the file: ");
    assert_steps_have(story, "+ the statement: open ");
    assert_steps_have(story, "+ record 2 of the log of " ORIGIN ", among 2 ");
    assert_steps_have(story, "+ 2 rosters, ");
    assert_steps_have(story, "+ the vote of ann: approve, ");
    assert_steps_have(story, "+ the vote of cem: approve, ");
    assert_steps_have(story, "+ the decision at the time of the record: met, 3 of 2 ");
    assert_null(strstr(story->steps, "- "));
}

/* Three votes where two are needed, in the request and for the second roster: every one counts. */
static void test_every_byte_counts(void **state)
{
    struct story *story = *state;
    CLEANUP(buf_clear) struct buf file = {0};
    write_with(story, 3, &(struct lie){0}, &file);
    assert_true(check(story, buf_span(&file)));
    for (size_t i = 0; i < file.len; i++) {
        const uint8_t bit = i % 2 == 0 ? 0x01 : 0x20; /* the last one also turns case */
        file.data[i] ^= bit;
        if (check(story, buf_span(&file))) {
            fail_msg("byte %zu with %#x changed is good: %.*s", i, bit, 40,
                     (const char *)file.data + (i > 20 ? i - 20 : 0));
        }
        assert_steps_have(story, "- ");
        file.data[i] ^= bit;
    }
    assert_true(check(story, buf_span(&file)));
}

static void test_cut_and_lengthened(void **state)
{
    struct story *story = *state;
    CLEANUP(buf_clear) struct buf file = {0};
    write_with(story, 2, &(struct lie){0}, &file);
    for (size_t len = 0; len < file.len; len += 61) {
        assert_false(check(story, span_of(file.data, len)));
    }
    assert_ok(buf_append_u8(&file, '\n'));
    assert_false(check(story, buf_span(&file)));
    assert_false(check(story, span_text("{\"format\":\"hsmgate/v1/evidence\"}")));
}

static void test_another_root(void **state)
{
    struct story *story = *state;
    uint8_t root[SHA256_LEN];
    CLEANUP(buf_clear) struct buf file = {0};
    write_with(story, 2, &(struct lie){0}, &file);
    memcpy(root, story->fix.root, sizeof root);
    root[31] ^= 1;
    assert_false(check_under(story, buf_span(&file), root));
    assert_steps_have(story, "- the rosters: ");
}

static void test_too_few_votes(void **state)
{
    struct story *story = *state;
    CLEANUP(buf_clear) struct buf file = {0};
    write_with(story, 1, &(struct lie){0}, &file);
    assert_false(check(story, buf_span(&file)));
    assert_steps_have(story, "- the decision at the time of the record: waiting, 1 of 2 ");
}

static void test_one_no(void **state)
{
    struct story *story = *state;
    CLEANUP(buf_clear) struct buf file = {0};
    story->votes[2] = people_vote(&story->fix, "cem", VOTE_DENY, story->bytes, FIXTURE_NOW + 1000);
    write_with(story, 3, &(struct lie){0}, &file);
    assert_false(check(story, buf_span(&file)));
    assert_steps_have(story, "- the decision at the time of the record: denied");
}

static void test_votes_of_others(void **state)
{
    struct story *story = *state;
    CLEANUP(buf_clear) struct buf file = {0};
    story->votes[2] =
        people_vote(&story->fix, "dora", VOTE_APPROVE, story->bytes, FIXTURE_NOW + 1000);
    write_with(story, 3, &(struct lie){0}, &file);
    assert_false(check(story, buf_span(&file)));
    assert_steps_have(story, "- the vote of dora: approve, ");
}

static void test_records_of_others(void **state)
{
    struct story *story = *state;
    static const struct {
        struct lie lie;
        const char *said;
    } cases[] = {
        {{.request = "00000000-0000-4000-8000-000000000000"}, "of another request"},
        {{.digest = "00"}, "of another statement"},
        {{.roster = "00"}, "do not end with the one that held then"},
        {{.operation = "decrypt"}, "does not say that something was opened"},
        {{.outcome = "denied"}, "does not say that something was opened"},
        {{.time = FIXTURE_NOW + FIXTURE_WINDOW + 1000}, "- the decision"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf file = {0};
        write_with(story, 2, &cases[i].lie, &file);
        assert_false(check(story, buf_span(&file)));
        assert_steps_have(story, cases[i].said);
    }
}

static void test_no_record(void **state)
{
    struct story *story = *state;
    CLEANUP(buf_clear) struct buf file = {0};
    write_file(story, 2, (struct span){0}, &file);
    assert_false(check(story, buf_span(&file)));
    assert_steps_have(story, "was not carried out");
}

/* A log of somebody else's key proves nothing, whatever it says. */
static void test_another_log(void **state)
{
    struct story *story = *state;
    CLEANUP(buf_clear) struct buf file = {0};
    signer_clear(&story->signer);
    story->signer.spki = (struct buf){0};
    signer_make(&story->signer, ORIGIN, "ED25519");
    write_with(story, 2, &(struct lie){0}, &file);
    assert_false(check(story, buf_span(&file)));
    assert_steps_have(story, "- the record in the audit log: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TOLD(test) cmocka_unit_test_setup_teardown(test, story_open, story_close)
        TOLD(test_a_good_one),      TOLD(test_every_byte_counts), TOLD(test_cut_and_lengthened),
        TOLD(test_another_root),    TOLD(test_too_few_votes),     TOLD(test_one_no),
        TOLD(test_votes_of_others), TOLD(test_records_of_others), TOLD(test_no_record),
        TOLD(test_another_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
