/* Everything that a front without the people may try with a key that M of them guard: a table, one
 * bent thing each, and rosters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/unit/glass_scene.h"

/* Each bends one thing of an opening that would work. */
static struct locked other; /* another key with a ciphertext of its own */

static void bend_voters_one(struct ask *ask)
{
    ask->voters = "0";
}
static void bend_voters_none(struct ask *ask)
{
    ask->voters = "";
}
static void bend_voters_twice(struct ask *ask)
{
    ask->voters = "11";
}
static void bend_voters_stranger(struct ask *ask)
{
    ask->voters = "03"; /* voter-3 is no keeper */
}
static void bend_voters_denied(struct ask *ask)
{
    ask->voters = "012d";
}
static void bend_voters_forged(struct ask *ask)
{
    ask->voters = "01f";
}
static void bend_voters_early(struct ask *ask)
{
    ask->voters = "01e";
}
static void bend_votes_twisted(struct ask *ask)
{
    ask->twisted = true;
    ask->voters = "0d1d"; /* two noes that are shown as yes */
}
static void bend_votes_of_another(struct ask *ask)
{
    ask->another = true;
}
static void bend_requester(struct ask *ask)
{
    ask->says.rule.m = 4; /* more than there are */
    ask->voters = "012";
}
static void bend_expired(struct ask *ask)
{
    ask->says.created_at -= 2 * HOUR_MS;
    ask->says.expires_at -= 2 * HOUR_MS;
}
static void bend_future(struct ask *ask)
{
    ask->says.created_at += HOUR_MS;
    ask->says.expires_at += HOUR_MS;
}
static void bend_wait(struct ask *ask)
{
    ask->says.rule.wait_s = 600;
}
static void bend_kind(struct ask *ask)
{
    ask->says.kind = STATEMENT_DESTROY;
}
static void bend_group(struct ask *ask)
{
    ask->says.rule.group = span_text("others");
    ask->voters = "12";
}
static void bend_group_owners(struct ask *ask)
{
    ask->says.rule.group = span_text("owners");
}
static void bend_statement_ciphertext(struct ask *ask)
{
    ask->says.ciphertext_sha256[0] ^= 1;
}
static void bend_ciphertext(struct ask *ask)
{
    ask->ciphertext = buf_span(&other.blob);
}
static void bend_context(struct ask *ask)
{
    ask->context = span_text("{\"tenant\":\"b\"}");
}
static void bend_no_context(struct ask *ask)
{
    ask->context = span_of(NULL, 0);
}
static void bend_version(struct ask *ask)
{
    ask->says.version++;
}
static void bend_key_id(struct ask *ask)
{
    ask->says.key_id = other.id;
}
static void bend_name(struct ask *ask)
{
    ask->says.key = span_text("drill/prod/dek");
}
static void bend_key(struct ask *ask)
{
    ask->key = other.key;
}
static void bend_key_and_statement(struct ask *ask)
{
    locked_identify(&ask->says, &other);
    ask->key = other.key;
}
static void bend_identity(struct ask *ask)
{
    ask->key.identity[0] ^= 1;
}
static void bend_cka_id(struct ask *ask)
{
    memcpy(ask->key.cka_id, other.key.cka_id, sizeof(ask->key.cka_id));
}
static void bend_roster_digest(struct ask *ask)
{
    ask->says.roster_sha256[0] ^= 1;
}
static void bend_no_rosters(struct ask *ask)
{
    ask->rosters = 0;
}

static const struct {
    const char *name;
    void (*bend)(struct ask *ask);
    const char *says;
} bends[] = {
    {"one vote", bend_voters_one, "1 of 2"},
    {"no vote", bend_voters_none, "0 of 2"},
    {"one person twice", bend_voters_twice, "1 of 2"},
    {"a voter of another group", bend_voters_stranger, "1 of 2"},
    {"a deny", bend_voters_denied, "denied"},
    {"a forged vote", bend_voters_forged, "1 of 2"},
    {"a vote before the statement", bend_voters_early, "1 of 2"},
    {"noes shown as yes", bend_votes_twisted, "0 of 2"},
    {"votes for another statement", bend_votes_of_another, "0 of 2"},
    {"more than there are", bend_requester, "cannot be met"},
    {"expired", bend_expired, "ended"},
    {"from the future", bend_future, "0 of 2"},
    {"the waiting time", bend_wait, "waits until"},
    {"a statement that destroys", bend_kind, "not ask to open"},
    {"another group", bend_group, "another group"},
    {"the authority instead of the group", bend_group_owners, "another group"},
    {"another ciphertext in the statement", bend_statement_ciphertext, "another ciphertext"},
    {"another ciphertext", bend_ciphertext, "another ciphertext"},
    {"another context", bend_context, "another context"},
    {"no context", bend_no_context, "another context"},
    {"another version", bend_version, "another key or version"},
    {"another key's id", bend_key_id, "another key or version"},
    {"the name of another key", bend_name, "names the key drill/prod/dek@3, but"},
    {"another key", bend_key, "another key on the token"},
    {"another key in the statement, too", bend_key_and_statement, "another key or version"},
    {"another CKA_ID", bend_cka_id, "another key on the token"},
    {"another identity", bend_identity, "another key on the token"},
    {"a roster that there is not", bend_roster_digest, "not in the chain"},
    {"no roster", bend_no_rosters, ""},
};

static void test_attacks(void **state)
{
    (void)state;
    CLEANUP(locked_clear) struct locked locked;
    scene_lock_up(2, ENVELOPE_DATA, &locked);
    scene_lock_up(2, ENVELOPE_DATA, &other);
    for (size_t i = 0; i < ARRAY_LEN(bends); i++) {
        CLEANUP(ask_clear) struct ask ask;
        CLEANUP(buf_clear) struct buf jwe = {0};
        ask_begin(&ask, &locked);
        bends[i].bend(&ask);
        struct err err = ask_open(&ask, &jwe);
        if (err.code != ERR_APPROVAL_REQUIRED || strstr(err.detail, bends[i].says) == NULL) {
            fail_msg("%s: %s: %s", bends[i].name, err_word(err.code), err.detail);
        }
        assert_int_equal(jwe.len, 0);
    }
    assert_false(softhsm_has_state(&scene.softhsm, "spent-"));
    locked_expect_opens(&locked);
    assert_true(softhsm_has_state(&scene.softhsm, "spent-"));
    locked_clear(&other);
}

/* No bundle, half a bundle, one with another byte anywhere. */
static void test_damaged_bundles(void **state)
{
    (void)state;
    CLEANUP(locked_clear) struct locked locked;
    CLEANUP(ask_clear) struct ask ask;
    CLEANUP(buf_clear) struct buf jwe = {0};
    scene_lock_up(2, ENVELOPE_DATA, &locked);
    ask_begin(&ask, &locked);
    ask_bundle(&ask);
    size_t len = ask.bundle.len;
    ask.bundle.len = 0;
    scene_expect(ask_send(scene.token, &ask, &jwe), ERR_APPROVAL_REQUIRED, "approval of a quorum");
    ask.bundle.len = len / 2;
    scene_expect(ask_send(scene.token, &ask, &jwe), ERR_APPROVAL_REQUIRED, "");
    ask.bundle.len = len;
    for (size_t at = 0; at < len; at += 53) {
        ask.bundle.data[at] ^= 1;
        scene_expect(ask_send(scene.token, &ask, &jwe), ERR_APPROVAL_REQUIRED, "");
        ask.bundle.data[at] ^= 1;
    }
    assert_int_equal(jwe.len, 0);
    scene_ok(ask_send(scene.token, &ask, &jwe));
}

/* --- rosters --- */

static struct err show(const struct glass *glass, size_t rosters)
{
    CLEANUP(buf_clear) struct buf bundle = {0};
    glass_bundle(glass, span_of(NULL, 0), NULL, 0, rosters, &bundle);
    return token_show_rosters(scene.token, buf_span(&bundle), SOON);
}

static void test_rolled_back(void **state)
{
    (void)state;
    CLEANUP(locked_clear) struct locked locked;
    CLEANUP(ask_clear) struct ask old;
    CLEANUP(ask_clear) struct ask whole;
    CLEANUP(buf_clear) struct buf jwe = {0};
    scene_lock_up(2, ENVELOPE_DATA, &locked);
    ask_begin(&old, &locked); /* under roster 1 */
    ask_begin(&whole, &locked);
    scene_ok(show(&scene.glass, 1));
    glass_add_roster(&scene.glass, "second");
    scene_ok(show(&scene.glass, 2));
    scene_expect(ask_open(&old, &jwe), ERR_APPROVAL_REQUIRED, "rolled back");
    scene_expect(show(&scene.glass, 1), ERR_APPROVAL_REQUIRED, "rolled back");
    scene_restart();
    scene_expect(ask_send(scene.token, &old, &jwe), ERR_APPROVAL_REQUIRED, "rolled back");
    assert_int_equal(jwe.len, 0);
    /* asked under roster 1, but shown with what came after it */
    whole.rosters = 2;
    scene_ok(ask_open(&whole, &jwe));
    /* an opening shows rosters, too */
    glass_add_roster(&scene.glass, "third");
    locked_expect_opens(&locked);
    scene_expect(show(&scene.glass, 2), ERR_APPROVAL_REQUIRED, "rolled back");
}

static void test_forked(void **state)
{
    (void)state;
    CLEANUP(glass_clear) struct glass fork;
    CLEANUP(locked_clear) struct locked locked;
    CLEANUP(ask_clear) struct ask ask;
    CLEANUP(buf_clear) struct buf jwe = {0};
    scene_lock_up(2, ENVELOPE_DATA, &locked);
    glass_copy_people(&scene.glass, &fork);
    scene_ok(buf_append(&fork.chain[0].roster, buf_span(&scene.glass.chain[0].roster)));
    memcpy(fork.chain[0].digest, scene.glass.chain[0].digest, SHA256_LEN);
    fork.rosters = 1;
    glass_add_roster(&fork, "the other second");
    glass_add_roster(&fork, "the other third");
    glass_add_roster(&scene.glass, "second");
    scene_ok(show(&scene.glass, 2));
    scene_expect(show(&fork, 2), ERR_APPROVAL_REQUIRED, "forked");
    scene_expect(show(&fork, 3), ERR_APPROVAL_REQUIRED, "forked");
    ask_begin(&ask, &locked);
    glass_begin_statement(&fork, STATEMENT_OPEN, glass_now(), &ask.says);
    locked_identify(&ask.says, &locked);
    scene_digest(ask.ciphertext, ask.says.ciphertext_sha256);
    scene_digest(ask.context, ask.says.context_sha256);
    ask.says.recipient = scene.recipient;
    ask.glass = &fork;
    ask.rosters = 3;
    scene_expect(ask_open(&ask, &jwe), ERR_APPROVAL_REQUIRED, "forked");
    locked_expect_opens(&locked);
}

static void test_other_root(void **state)
{
    (void)state;
    CLEANUP(glass_clear) struct glass strangers;
    CLEANUP(locked_clear) struct locked locked;
    CLEANUP(ask_clear) struct ask ask;
    CLEANUP(buf_clear) struct buf jwe = {0};
    scene_lock_up(2, ENVELOPE_DATA, &locked);
    glass_make(&strangers);
    glass_add_roster(&strangers, "theirs");
    ask_begin(&ask, &locked);
    memcpy(ask.says.roster_sha256, strangers.chain[0].digest, SHA256_LEN);
    ask.glass = &strangers;
    scene_expect(ask_open(&ask, &jwe), ERR_APPROVAL_REQUIRED, "not the root");
    scene_expect(show(&strangers, 1), ERR_APPROVAL_REQUIRED, "not the root");
    /* a roster that nobody voted for */
    glass_add_roster(&scene.glass, "second");
    scene.glass.chain[1].vote_count = 1;
    scene_expect(show(&scene.glass, 2), ERR_APPROVAL_REQUIRED, "not approved");
    scene.glass.chain[1].vote_count = 2;
    scene_ok(show(&scene.glass, 2));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, scene_start, scene_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_attacks), CASE(test_damaged_bundles), CASE(test_rolled_back),
        CASE(test_forked),  CASE(test_other_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
