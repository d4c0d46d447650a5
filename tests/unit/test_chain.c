/* Chains of rosters: each follows from the one before, or the whole is refused. */
#include <string.h>

#include "base_test.h"
#include "quorum_fixture.h"

static int open_fixture(void **state)
{
    struct quorum_fixture *fix = mem_alloc(sizeof(*fix));
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

static struct err open_chain(const struct quorum_fixture *fix, struct roster_chain **out)
{
    return roster_chain_open(fix->links, fix->link_count, fix->root, out);
}

/* --- the plain way --- */

static void a_chain_opens(void **state)
{
    static const uint8_t no_digest[SHA256_LEN] = {1};
    struct quorum_fixture *fix = *state;
    (void)people_person(fix, "eve");
    (void)people_group(fix, "admins", 3, "ann,bob,cem,dora,eve");
    (void)people_next_roster(fix, "ann,bob");
    people_remove_person(fix, "bob");
    (void)people_group(fix, "ops", 2, "ann,cem,dora");
    (void)people_group(fix, "admins", 3, "ann,cem,dora,eve");
    (void)people_next_roster(fix, "ann,cem,eve");
    CLEANUP(roster_chain_free_at) struct roster_chain *chain = NULL;
    assert_ok(open_chain(fix, &chain));
    assert_int_equal(roster_chain_newest(chain)->number, 3);
    assert_null(roster_person(roster_chain_newest(chain), span_text("bob")));
    assert_int_equal(roster_chain_find(chain, fix->rosters[1]->digest)->number, 2);
    assert_null(roster_chain_find(chain, no_digest));
    assert_int_equal(roster_chain_number(chain, 1)->person_count, 4);
    assert_null(roster_chain_number(chain, 0));
    assert_null(roster_chain_number(chain, 4));
    roster_chain_free(NULL);
}

static void a_root_alone_opens(void **state)
{
    struct quorum_fixture *fix = *state;
    CLEANUP(roster_chain_free_at) struct roster_chain *chain = NULL;
    assert_ok(open_chain(fix, &chain));
    assert_int_equal(roster_chain_newest(chain)->number, 1);
}

static void the_authority_may_wait(void **state)
{
    struct quorum_fixture *fix = *state;
    people_group(fix, "admins", 2, "ann,bob,cem,dora")->wait_s = 60;
    (void)people_next_roster(fix, "ann,bob");
    (void)people_next_roster(fix, "ann,bob");
    CLEANUP(roster_chain_free_at) struct roster_chain *chain = NULL;
    assert_ok(open_chain(fix, &chain));
}

/* --- attacks --- */

/* The last link's statement changed and approved again by ann and bob. */
static void approve_again(struct quorum_fixture *fix, const struct statement *says)
{
    struct roster_link *link = &fix->links[fix->link_count - 1];
    link->statement = people_bytes(fix, says);
    struct vote *votes = mem_array(2, sizeof(*votes));
    fix->owned[fix->owned_count++] = votes;
    votes[0] = people_vote(fix, "ann", VOTE_APPROVE, link->statement, FIXTURE_NOW);
    votes[1] = people_vote(fix, "bob", VOTE_APPROVE, link->statement, FIXTURE_NOW);
    link->votes = votes;
    link->vote_count = 2;
}

/* Replaces the last roster by this one, with a statement and votes that fit it. */
static void replace_last(struct quorum_fixture *fix, const struct roster *roster)
{
    struct roster_link *link = &fix->links[fix->link_count - 1];
    const struct roster *before = fix->rosters[fix->link_count - 2];
    struct statement says = people_statement(fix, STATEMENT_ROSTER);
    link->roster = people_roster_bytes(fix, roster);
    says.next_number = roster->number;
    roster_digest(link->roster, says.next_sha256);
    says.roster_number = before->number;
    memcpy(says.roster_sha256, before->digest, SHA256_LEN);
    approve_again(fix, &says);
}

static struct statement last_statement(struct quorum_fixture *fix)
{
    struct statement says = people_statement(fix, STATEMENT_ROSTER);
    says.next_number = 2;
    roster_digest(fix->links[1].roster, says.next_sha256);
    says.roster_number = 1;
    memcpy(says.roster_sha256, fix->rosters[0]->digest, SHA256_LEN);
    return says;
}

static struct roster second_roster(struct quorum_fixture *fix)
{
    struct roster roster = people_roster(fix);
    roster.number = 2;
    memcpy(roster.previous, fix->rosters[0]->digest, SHA256_LEN);
    return roster;
}

static void nothing(struct quorum_fixture *fix)
{
    fix->link_count = 0;
}
static void another_root(struct quorum_fixture *fix)
{
    fix->root[0] ^= 1;
}
static void root_replaced(struct quorum_fixture *fix)
{
    /* as a database's owner might: the same people but one, and a chain that fits */
    struct roster roster = people_roster(fix);
    roster.number = 1;
    memset(roster.previous, 0, SHA256_LEN);
    roster.created_at++;
    fix->links[0].roster = people_roster_bytes(fix, &roster);
    fix->link_count = 1;
}
static void pinned_in_the_middle(struct quorum_fixture *fix)
{
    roster_digest(fix->links[1].roster, fix->root);
    fix->links[0] = fix->links[1];
    fix->links[0].statement = (struct span){0};
    fix->links[0].vote_count = 0;
    fix->link_count = 1;
}
static void root_with_votes(struct quorum_fixture *fix)
{
    fix->links[0].votes = fix->links[1].votes;
    fix->links[0].vote_count = 1;
}
static void root_with_statement(struct quorum_fixture *fix)
{
    fix->links[0].statement = fix->links[1].statement;
}
static void unsigned_roster(struct quorum_fixture *fix)
{
    fix->links[1].vote_count = 0;
}
static void one_vote(struct quorum_fixture *fix)
{
    fix->links[1].vote_count = 1;
}
static void one_vote_twice(struct quorum_fixture *fix)
{
    struct vote *votes = mem_array(2, sizeof(*votes));
    fix->owned[fix->owned_count++] = votes;
    votes[0] = fix->links[1].votes[0];
    votes[1] = fix->links[1].votes[0];
    fix->links[1].votes = votes;
}
static void denied(struct quorum_fixture *fix)
{
    struct vote *votes = mem_array(3, sizeof(*votes));
    fix->owned[fix->owned_count++] = votes;
    memcpy(votes, fix->links[1].votes, 2 * sizeof(*votes));
    votes[2] =
        people_vote(fix, "cem", VOTE_DENY, fix->links[1].statement, FIXTURE_NOW + FIXTURE_WINDOW);
    fix->links[1].votes = votes;
    fix->links[1].vote_count = 3;
}
static void requester_votes(struct quorum_fixture *fix)
{
    struct statement says = last_statement(fix);
    says.requester = span_text("token:bob");
    approve_again(fix, &says);
}
static void newcomers_vote_themselves_in(struct quorum_fixture *fix)
{
    (void)people_person(fix, "eve");
    (void)people_person(fix, "fay");
    (void)people_group(fix, "admins", 2, "eve,fay,dora");
    struct roster roster = second_roster(fix);
    replace_last(fix, &roster);
    struct vote *votes = mem_array(2, sizeof(*votes));
    fix->owned[fix->owned_count++] = votes;
    votes[0] = people_vote(fix, "eve", VOTE_APPROVE, fix->links[1].statement, FIXTURE_NOW);
    votes[1] = people_vote(fix, "fay", VOTE_APPROVE, fix->links[1].statement, FIXTURE_NOW);
    fix->links[1].votes = votes;
}
static void another_group_is_asked(struct quorum_fixture *fix)
{
    struct statement says = last_statement(fix);
    says.rule.group = span_text("ops");
    approve_again(fix, &says);
}
static void statement_of_an_opening(struct quorum_fixture *fix)
{
    struct statement says = last_statement(fix);
    says.kind = STATEMENT_OPEN;
    approve_again(fix, &says);
}
static void statement_for_another_roster(struct quorum_fixture *fix)
{
    struct statement says = last_statement(fix);
    says.next_sha256[0] ^= 1;
    approve_again(fix, &says);
}
static void statement_for_another_number(struct quorum_fixture *fix)
{
    struct statement says = last_statement(fix);
    says.next_number = 3;
    approve_again(fix, &says);
}
static void statement_under_another_roster(struct quorum_fixture *fix)
{
    struct statement says = last_statement(fix);
    says.roster_sha256[0] ^= 1;
    approve_again(fix, &says);
}
static void statement_under_another_number(struct quorum_fixture *fix)
{
    struct statement says = last_statement(fix);
    says.roster_number = 7;
    approve_again(fix, &says);
}
static void never_usable(struct quorum_fixture *fix)
{
    struct statement says = last_statement(fix);
    says.rule.wait_s = 7200;
    approve_again(fix, &says);
}
static void roster_swapped(struct quorum_fixture *fix)
{
    (void)people_person(fix, "eve");
    struct roster roster = second_roster(fix);
    fix->links[1].roster = people_roster_bytes(fix, &roster);
}
static void number_skipped(struct quorum_fixture *fix)
{
    struct roster roster = second_roster(fix);
    roster.number = 3;
    replace_last(fix, &roster);
}
static void forked(struct quorum_fixture *fix)
{
    struct roster roster = second_roster(fix);
    roster.previous[0] ^= 1;
    replace_last(fix, &roster);
}
static void made_before(struct quorum_fixture *fix)
{
    struct roster roster = second_roster(fix);
    roster.created_at = fix->rosters[0]->created_at - 1;
    replace_last(fix, &roster);
}
static void out_of_order(struct quorum_fixture *fix)
{
    (void)people_next_roster(fix, "ann,bob");
    struct roster_link held = fix->links[1];
    fix->links[1] = fix->links[2];
    fix->links[2] = held;
}
static void repeated(struct quorum_fixture *fix)
{
    fix->links[fix->link_count] = fix->links[1];
    fix->rosters[fix->link_count] = NULL;
    fix->link_count++;
}
static void link_missing(struct quorum_fixture *fix)
{
    (void)people_next_roster(fix, "ann,bob");
    fix->links[1] = fix->links[2];
    fix->link_count = 2;
    roster_free(TAKE(fix->rosters[2]));
}
static void removed_person_votes(struct quorum_fixture *fix)
{
    (void)people_group(fix, "admins", 2, "ann,cem,dora");
    (void)people_next_roster(fix, "ann,bob");
    (void)people_next_roster(fix, "ann,bob");
}
static void unreadable_roster(struct quorum_fixture *fix)
{
    fix->links[1].roster.len--;
}
static void unreadable_statement(struct quorum_fixture *fix)
{
    fix->links[1].statement.len--;
}
static void no_statement(struct quorum_fixture *fix)
{
    fix->links[1].statement = (struct span){0};
}

static const struct {
    const char *label;
    void (*make)(struct quorum_fixture *fix);
    enum err_code code;
    const char *detail; /* part of it */
} attacks[] = {
    {"nothing", nothing, ERR_FORBIDDEN, "0 rosters"},
    {"another root", another_root, ERR_FORBIDDEN, "not the root that is pinned"},
    {"root replaced", root_replaced, ERR_FORBIDDEN, "not the root that is pinned"},
    {"pinned in the middle", pinned_in_the_middle, ERR_FORBIDDEN, "number is not 1"},
    {"root with votes", root_with_votes, ERR_FORBIDDEN, "not voted for"},
    {"root with a statement", root_with_statement, ERR_FORBIDDEN, "not voted for"},
    {"unsigned", unsigned_roster, ERR_FORBIDDEN, "roster 2 is not approved"},
    {"one vote", one_vote, ERR_FORBIDDEN, "roster 2 is not approved"},
    {"one vote twice", one_vote_twice, ERR_FORBIDDEN, "roster 2 is not approved"},
    {"denied", denied, ERR_FORBIDDEN, "cem denied it"},
    {"the requester votes", requester_votes, ERR_FORBIDDEN, "roster 2 is not approved"},
    {"newcomers vote themselves in", newcomers_vote_themselves_in, ERR_FORBIDDEN, "not approved"},
    {"another group is asked", another_group_is_asked, ERR_FORBIDDEN, "does not ask the authority"},
    {"statement of an opening", statement_of_an_opening, ERR_FORBIDDEN, "about something else"},
    {"statement for another roster", statement_for_another_roster, ERR_FORBIDDEN, "another one"},
    {"statement for another number", statement_for_another_number, ERR_FORBIDDEN, "another one"},
    {"statement under another roster", statement_under_another_roster, ERR_FORBIDDEN,
     "names another one to change"},
    {"statement under another number", statement_under_another_number, ERR_FORBIDDEN,
     "names another one to change"},
    {"never usable", never_usable, ERR_FORBIDDEN, "the time to use it ended"},
    {"roster swapped", roster_swapped, ERR_FORBIDDEN, "another one"},
    {"number skipped", number_skipped, ERR_FORBIDDEN, "behind number 1 is number 3"},
    {"forked", forked, ERR_FORBIDDEN, "does not follow"},
    {"made before", made_before, ERR_FORBIDDEN, "older than the one before"},
    {"out of order", out_of_order, ERR_FORBIDDEN, "behind number 1 is number 3"},
    {"repeated", repeated, ERR_FORBIDDEN, "behind number 2 is number 2"},
    {"link missing", link_missing, ERR_FORBIDDEN, "behind number 1 is number 3"},
    {"removed person votes", removed_person_votes, ERR_FORBIDDEN, "roster 4 is not approved"},
    {"unreadable roster", unreadable_roster, ERR_INVALID_FIELD, ""},
    {"unreadable statement", unreadable_statement, ERR_INVALID_FIELD, ""},
    {"no statement", no_statement, ERR_INVALID_FIELD, ""},
};

static void no_attack_opens(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(attacks); i++) {
        void *own = NULL;
        (void)open_fixture(&own);
        struct quorum_fixture *fix = own;
        (void)people_next_roster(fix, "ann,bob");
        struct roster_chain *chain = NULL;
        assert_ok(open_chain(fix, &chain));
        roster_chain_free_at(&chain);
        size_t links = fix->link_count;
        attacks[i].make(fix);
        struct err err = open_chain(fix, &chain);
        assert_code_of(attacks[i].label, err, attacks[i].code);
        if (strstr(err.detail, attacks[i].detail) == NULL) {
            fail_msg("%s: %s", attacks[i].label, err.detail);
        }
        assert_null(chain);
        fix->link_count = fix->link_count < links ? links : fix->link_count;
        (void)close_fixture(&own);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_chain_opens, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(a_root_alone_opens, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(the_authority_may_wait, open_fixture, close_fixture),
        cmocka_unit_test(no_attack_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
