/* The next roster: people, keys and groups in and out, and what of it is said. */
#include "cli/chain_file.h"
#include "cli/roster_change.h"
#include "cli/roster_draft.h"
#include "cli_test.h"
#include "quorum_fixture.h"

#define NOW ((int64_t)1767323045678)

static int open_fixture(void **state)
{
    struct quorum_fixture *fix = mem_alloc(sizeof *fix);
    people_open(fix);
    *state = fix;
    return 0;
}

static int close_fixture(void **state)
{
    people_close(*state);
    mem_free(*state);
    return 0;
}

/* Somebody's registration in a file. */
static void write_registration(struct quorum_fixture *fix, const char *id, size_t key,
                               char path[40])
{
    CLEANUP(buf_clear) struct buf text = {0};
    struct roster_person person = people_person(fix, id)->is;
    person.keys[0] = person.keys[key];
    (void)snprintf(path, 40, "/tmp/hsmgate-cli-test-XXXXXX");
    int fd = mkstemp(path);
    assert_ok(voter_file_write(&person, &text));
    assert_ok(fd_write_all(fd, buf_span(&text)));
    fd_close(&fd);
}

static struct err add(struct quorum_fixture *fix, struct roster_draft *draft, const char *id,
                      size_t key)
{
    char path[40];
    write_registration(fix, id, key, path);
    const struct err err = roster_draft_add(draft, path);
    (void)unlink(path);
    return err;
}

static void free_roster(const struct roster **roster)
{
    roster_free(*roster);
}

/* Writes, reads, and says what changed. */
static char *finish(struct roster_draft *draft, const struct roster *before)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    CLEANUP(buf_clear) struct buf lines = {0};
    CLEANUP(free_roster) const struct roster *after = NULL;
    assert_ok(roster_draft_write(draft, &bytes));
    assert_ok(roster_parse(buf_span(&bytes), &after));
    assert_int_equal(after->number, before != NULL ? before->number + 1 : 1);
    assert_ok(roster_change_lines(before, after, &lines));
    return span_to_text(buf_span(&lines));
}

#define assert_line(text, line)                          \
    do {                                                 \
        if (strstr((text), (line)) == NULL) {            \
            fail_msg("no '%s' in:\n%s", (line), (text)); \
        }                                                \
    } while (0)

static void test_the_first_one(void **state)
{
    struct quorum_fixture *fix = *state;
    CLEANUP(roster_draft_clear) struct roster_draft draft;
    roster_draft_start(NULL, NOW, &draft);
    assert_ok(add(fix, &draft, "ann", 0));
    assert_ok(add(fix, &draft, "bob", 0));
    assert_ok(roster_draft_group(&draft, "officers:2:ann,bob,wait=10m,within=1h"));
    CLEANUP(mem_free_at) char *lines = finish(&draft, NULL);
    assert_line(lines, "+ ann (");
    assert_line(lines, "+ key of ann: ed25519 ");
    assert_line(lines, "+ ann is, as a caller: token:ann\n");
    assert_line(lines, "+ group officers: 2 of 2 people (ann, bob), after waiting 600 s, to be "
                       "used within 3600 s\n");
    assert_line(lines, "+ the roster is changed by group officers\n");
}

static void test_people_and_keys_come_and_go(void **state)
{
    struct quorum_fixture *fix = *state;
    const struct roster *before = people_newest(fix);
    CLEANUP(roster_draft_clear) struct roster_draft draft;
    roster_draft_start(before, NOW, &draft);
    people_add_key(fix, "ann", VOTER_KEY_P256);
    (void)people_person(fix, "eve");
    assert_ok(add(fix, &draft, "ann", 1));
    assert_ok(add(fix, &draft, "eve", 0));
    assert_ok(roster_draft_remove(&draft, span_text("cem")));
    assert_ok(roster_draft_group(&draft, "ops:3:ann,bob,dora,eve"));
    draft.is.authority = span_text("ops");
    CLEANUP(mem_free_at) char *lines = finish(&draft, before);
    assert_line(lines, "- cem (");
    assert_line(lines, "+ key of ann: ecdsa-p256 ");
    assert_line(lines, "+ eve (");
    assert_line(lines, "~ group ops: 3 of 4 people (ann, bob, dora, eve)\n  before: group ops: 2 "
                       "of 4 people (ann, bob, cem, dora)\n");
    assert_line(lines, "~ group admins: 2 of 3 people (ann, bob, dora)\n");
    assert_line(lines, "~ the roster is changed by group ops\n");
    assert_null(strstr(lines, "bob ("));
}

static void test_groups_go(void **state)
{
    struct quorum_fixture *fix = *state;
    const struct roster *before = people_newest(fix);
    CLEANUP(roster_draft_clear) struct roster_draft draft;
    roster_draft_start(before, NOW, &draft);
    assert_ok(roster_draft_group(&draft, "more:2:ann,group:ops"));
    assert_ok(roster_draft_remove_group(&draft, span_text("ops")));
    assert_ok(roster_draft_group(&draft, "more:2:ann,bob"));
    CLEANUP(mem_free_at) char *lines = finish(&draft, before);
    assert_line(lines, "- group ops\n");
    assert_line(lines, "+ group more: 2 of 2 people (ann, bob)\n");
    assert_code(roster_draft_remove_group(&draft, span_text("ops")), ERR_NOT_FOUND);
    assert_code(roster_draft_remove(&draft, span_text("nobody")), ERR_NOT_FOUND);
}

static void test_what_cannot_be(void **state)
{
    struct quorum_fixture *fix = *state;
    static const char *const bad[] = {
        "ops",         "ops:2",         "ops:2:",        "ops:1:ann,bob",
        "ops:256:ann", "ops:x:ann",     "ops:2:ann,",    "ops:2:ann,,bob",
        "ops:2x:ann",  "ops:2:ann,a=b", "ops:2:wait=no", "ops:-2:ann"};
    CLEANUP(roster_draft_clear) struct roster_draft draft;
    roster_draft_start(people_newest(fix), NOW, &draft);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_code_of(bad[i], roster_draft_group(&draft, bad[i]), ERR_INVALID_FIELD);
    }
    for (size_t i = 1; i < QUORUM_KEYS_MAX; i++) {
        people_add_key(fix, "ann", VOTER_KEY_ED25519);
        assert_ok(add(fix, &draft, "ann", i));
    }
    assert_code(add(fix, &draft, "ann", 0), ERR_TOO_LARGE);
    CLEANUP(buf_clear) struct buf bytes = {0};
    draft.is.authority = (struct span){0};
    assert_code(roster_draft_write(&draft, &bytes), ERR_INVALID_FIELD);
}

/* --- chains --- */

static void put_chain(struct quorum_fixture *fix, struct buf *out)
{
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    json_put_hex(&writer, "root", span_of(fix->root, SHA256_LEN));
    json_begin_array(&writer, "chain");
    for (size_t i = 0; i < fix->link_count; i++) {
        const struct roster_link *link = &fix->links[i];
        json_begin_object(&writer, NULL);
        json_put_integer(&writer, "number", (int64_t)i + 1);
        json_put_bytes(&writer, "roster", link->roster);
        if (i > 0) {
            json_put_bytes(&writer, "statement", link->statement);
            json_begin_array(&writer, "votes");
            for (size_t v = 0; v < link->vote_count; v++) {
                vote_put(&writer, NULL, &link->votes[v]);
            }
            json_end_array(&writer);
        }
        json_put_text(&writer, "added_at", "2026-01-02T03:04:05Z");
        json_end_object(&writer);
    }
    json_end_array(&writer);
    json_end_object(&writer);
    assert_ok(json_finish(&writer));
}

static struct err read_chain(struct span text, const uint8_t *root, struct chain_file *out)
{
    char path[] = "/tmp/hsmgate-cli-test-XXXXXX";
    int fd = mkstemp(path);
    assert_ok(fd_write_all(fd, text));
    fd_close(&fd);
    const struct err err = chain_file_read(path, root, out);
    (void)unlink(path);
    return err;
}

static void test_chains_are_checked_here(void **state)
{
    struct quorum_fixture *fix = *state;
    uint8_t root[SHA256_LEN];
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(chain_file_clear) struct chain_file file = {0};
    CLEANUP(chain_file_clear) struct chain_file given = {0};
    CLEANUP(chain_file_clear) struct chain_file bad = {0};
    (void)people_person(fix, "eve");
    (void)people_next_roster(fix, "ann,bob");
    put_chain(fix, &text);
    assert_ok(read_chain(buf_span(&text), NULL, &file));
    assert_int_equal(roster_chain_newest(file.chain)->number, 2);
    assert_span_is(chain_file_added_at(&file, 1), "2026-01-02T03:04:05Z");
    assert_ok(read_chain(buf_span(&text), fix->root, &given));
    const struct roster_person *eve =
        chain_file_person(&given, &people_person(fix, "eve")->is.keys[0]);
    assert_non_null(eve);
    assert_span_is(eve->id, "eve");
    memcpy(root, fix->root, sizeof root);
    root[0] ^= 1;
    assert_code(read_chain(buf_span(&text), root, &bad), ERR_FORBIDDEN);
    uint8_t *voter = memmem(text.data, text.len, "\"voter\":\"ann\"", 13);
    memcpy(voter + 9, "cem", 3);
    assert_code(read_chain(buf_span(&text), fix->root, &bad), ERR_FORBIDDEN);
    assert_null(bad.chain);
    assert_code(read_chain(span_text("{\"root\":\"\",\"chain\":[]}"), NULL, &bad), ERR_NOT_FOUND);
    assert_code(read_chain(span_text("{}"), NULL, &bad), ERR_INVALID_FIELD);
    assert_code(chain_file_digest("abcd", root), ERR_INVALID_FIELD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define FIXED(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)
        FIXED(test_the_first_one),  FIXED(test_people_and_keys_come_and_go), FIXED(test_groups_go),
        FIXED(test_what_cannot_be), FIXED(test_chains_are_checked_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
