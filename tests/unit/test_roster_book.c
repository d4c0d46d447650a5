/* The chain of rosters in a store: what is added, what is refused, and that rosters which somebody
 * wrote into the database by hand are shown to nobody. */
#include "rotation/rotation.h"

#include "tests/unit/quorum_fixture.h"
#include "tests/unit/request_fixture.h"

#define AT FIXTURE_NOW

struct shelf {
    struct fixture fixture;
    struct quorum_fixture people;
    struct roster_book *book;
};

static void shelf_close(struct shelf *shelf)
{
    roster_book_close(shelf->book);
    people_close(&shelf->people);
    fixture_drop(&shelf->fixture);
}

static void open_book(struct shelf *shelf)
{
    roster_book_open(shelf->fixture.store, shelf->people.root, &shelf->book);
}

/* On the heap: the people alone are large. */
static int setup(void **state)
{
    struct shelf *shelf = mem_alloc(sizeof(*shelf));
    fixture_make(&shelf->fixture);
    fixture_open(&shelf->fixture);
    people_open(&shelf->people);
    open_book(shelf);
    *state = shelf;
    return 0;
}

static int teardown(void **state)
{
    shelf_close(*state);
    mem_free(*state);
    return 0;
}

/* The book closed, the database changed by hand, and opened again. */
static void tamper_book(struct shelf *shelf, const char *sql)
{
    roster_book_close(shelf->book);
    tamper(&shelf->fixture, sql);
    open_book(shelf);
}

static void add_root(struct shelf *shelf)
{
    assert_ok(roster_book_add(shelf->book, &shelf->people.links[0], AT));
}

static void expect_newest(struct shelf *shelf, uint64_t number)
{
    CLEANUP(roster_view_release_at) const struct roster_view *view = NULL;
    assert_ok(roster_book_view(shelf->book, &view));
    assert_int_equal(view->newest->number, number);
    assert_int_equal(view->count, number);
    assert_memory_equal(view->newest->digest, shelf->people.rosters[number - 1]->digest,
                        SHA256_LEN);
}

static void expect_refusal(struct shelf *shelf, enum err_code code, const char *word)
{
    CLEANUP(roster_view_release_at) const struct roster_view *view = NULL;
    struct err err = roster_book_view(shelf->book, &view);
    assert_code_of(word, err, code);
    assert_non_null(strstr(err.detail, word));
    assert_null(view);
}

/* --- the root --- */

static void an_empty_store_waits_for_its_root(void **state)
{
    struct shelf *shelf = *state;
    const struct roster_view *view = NULL;
    assert_code(roster_book_view(NULL, &view), ERR_INVALID_STATE);
    expect_refusal(shelf, ERR_INVALID_STATE, "no roster yet");
    assert_memory_equal(roster_book_root(shelf->book), shelf->people.root, SHA256_LEN);
    add_root(shelf);
    expect_newest(shelf, 1);
    assert_code(roster_book_add(shelf->book, &shelf->people.links[0], AT), ERR_FORBIDDEN);
    roster_book_close(shelf->book);
    open_book(shelf);
    expect_newest(shelf, 1);
    roster_book_close(NULL);
    roster_view_release(NULL);
}

static void another_root_is_refused(void **state)
{
    struct shelf *shelf = *state;
    struct quorum_fixture *others = mem_alloc(sizeof(*others));
    people_open(others);
    assert_code(roster_book_add(shelf->book, &others->links[0], AT), ERR_FORBIDDEN);
    const struct roster_link none = {.roster = span_text("{}")};
    assert_code(roster_book_add(shelf->book, &none, AT), ERR_INVALID_FIELD);
    people_close(others);
    mem_free(others);
    expect_refusal(shelf, ERR_INVALID_STATE, "no roster yet");
    add_root(shelf);
}

/* --- what follows --- */

static void the_next_one_needs_its_votes(void **state)
{
    struct shelf *shelf = *state;
    struct quorum_fixture *people = &shelf->people;
    add_root(shelf);
    (void)people_person(people, "eve");
    (void)people_next_roster(people, "ann,bob");
    struct roster_link link = people->links[1];
    link.vote_count = 1;
    assert_code(roster_book_add(shelf->book, &link, AT), ERR_FORBIDDEN);
    link.vote_count = 0;
    assert_code(roster_book_add(shelf->book, &link, AT), ERR_FORBIDDEN);
    link = people->links[1];
    link.statement = (struct span){0};
    assert_code(roster_book_add(shelf->book, &link, AT), ERR_INVALID_FIELD);
    expect_newest(shelf, 1);
    assert_ok(roster_book_add(shelf->book, &people->links[1], AT));
    expect_newest(shelf, 2);
    assert_code(roster_book_add(shelf->book, &people->links[1], AT), ERR_FORBIDDEN);
    roster_book_close(shelf->book);
    open_book(shelf);
    expect_newest(shelf, 2);
}

static void a_waiting_time_is_waited_for(void **state)
{
    struct shelf *shelf = *state;
    struct quorum_fixture *people = &shelf->people;
    people_close(people);
    people_open_empty(people);
    (void)people_person(people, "ann");
    (void)people_person(people, "bob");
    people_group(people, "admins", 2, "ann,bob")->wait_s = 600;
    (void)people_next_roster(people, "");
    roster_book_close(shelf->book);
    open_book(shelf);
    add_root(shelf);
    /* the statement has the group's waiting time in its rule */
    struct roster roster = people_roster(people);
    struct roster_link link = {.roster = people_roster_bytes(people, &roster), .vote_count = 2};
    struct statement says = people_roster_statement(people, link.roster);
    says.rule.wait_s = 600;
    link.statement = people_bytes(people, &says);
    const struct vote votes[] = {people_vote(people, "ann", VOTE_APPROVE, link.statement, AT),
                                 people_vote(people, "bob", VOTE_APPROVE, link.statement, AT)};
    link.votes = votes;
    struct err err = roster_book_add(shelf->book, &link, AT + 599999);
    assert_int_equal(err.code, ERR_APPROVAL_REQUIRED);
    assert_non_null(strstr(err.detail, "waits until"));
    assert_ok(roster_book_add(shelf->book, &link, AT + 600000));
}

static void an_expired_approval_adds_nothing(void **state)
{
    struct shelf *shelf = *state;
    add_root(shelf);
    (void)people_next_roster(&shelf->people, "ann,bob");
    const struct roster_link *link = &shelf->people.links[1];
    assert_code(roster_book_add(shelf->book, link, AT + FIXTURE_WINDOW + 1), ERR_APPROVAL_REQUIRED);
    expect_newest(shelf, 1);
    assert_ok(roster_book_add(shelf->book, link, AT + FIXTURE_WINDOW));
    expect_newest(shelf, 2);
}

/* 32 people with long names in all the groups that there may be: some 140 KiB. */
static void make_crowd(struct quorum_fixture *people)
{
    CLEANUP(buf_clear) struct buf members = {0};
    people_close(people);
    people_open_empty(people);
    for (unsigned i = 0; i < FIXTURE_PEOPLE; i++) {
        struct span id = people_text(people, "person-%02u-%050u", i, 0);
        CLEANUP(mem_free_at) char *text = span_to_text(id);
        (void)people_person(people, text);
        assert_ok(buf_printf(&members, "%s%s", i > 0 ? "," : "", text));
    }
    assert_ok(buf_append_u8(&members, 0));
    (void)people_group(people, "admins", 2, (const char *)members.data);
    for (unsigned i = 1; i < QUORUM_GROUPS_MAX; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "group-%u", i);
        (void)people_group(people, id, 2, (const char *)members.data);
    }
}

/* Every opening shows the whole chain, which has to fit. */
static void a_full_chain_takes_no_more(void **state)
{
    struct shelf *shelf = *state;
    struct quorum_fixture *people = &shelf->people;
    make_crowd(people);
    CLEANUP(mem_free_at)
    char *voters = mem_format(
        "%.*s,%.*s", (int)people->people[0].is.id.len, (const char *)people->people[0].is.id.data,
        (int)people->people[1].is.id.len, (const char *)people->people[1].is.id.data);
    (void)people_next_roster(people, "");
    roster_book_close(shelf->book);
    open_book(shelf);
    add_root(shelf);
    struct err err = err_ok();
    for (size_t i = 1; i < FIXTURE_LINKS && err.code == ERR_OK; i++) {
        (void)people_next_roster(people, voters);
        err = roster_book_add(shelf->book, &people->links[i], AT);
    }
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_non_null(strstr(err.detail, "full"));
    expect_newest(shelf, people->link_count - 1);
}

/* --- what somebody wrote by hand --- */

static void rosters_that_do_not_follow_are_shown_to_nobody(void **state)
{
    static const char *const changes[] = {
        "UPDATE rosters SET roster = x'7b7d' WHERE number = 1",
        "UPDATE rosters SET roster = x'7b7d' WHERE number = 2",
        "UPDATE rosters SET votes = '[]' WHERE number = 2",
        "UPDATE rosters SET votes = '[{}]' WHERE number = 2",
        "UPDATE rosters SET votes = '{}' WHERE number = 2",
        "UPDATE rosters SET votes = 'nonsense' WHERE number = 2",
        "UPDATE rosters SET statement = x'7b7d' WHERE number = 2",
        "DELETE FROM rosters WHERE number = 1",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        void *own = NULL;
        (void)setup(&own);
        struct shelf *shelf = own;
        add_root(shelf);
        (void)people_next_roster(&shelf->people, "ann,bob");
        assert_ok(roster_book_add(shelf->book, &shelf->people.links[1], AT));
        tamper_book(shelf, changes[i]);
        const struct roster_view *view = NULL;
        struct err err = roster_book_view(shelf->book, &view);
        assert_code_of(changes[i], err, ERR_APPROVAL_REQUIRED);
        assert_non_null(strstr(err.detail, "not to be trusted"));
        /* nor does anything follow from them */
        (void)people_next_roster(&shelf->people, "ann,bob");
        assert_code_of(changes[i], roster_book_add(shelf->book, &shelf->people.links[2], AT),
                       ERR_APPROVAL_REQUIRED);
        (void)teardown(&own);
    }
}

static void another_pin_trusts_nothing_of_it(void **state)
{
    struct shelf *shelf = *state;
    uint8_t other[SHA256_LEN] = {1};
    add_root(shelf);
    roster_book_close(shelf->book);
    roster_book_open(shelf->fixture.store, other, &shelf->book);
    expect_refusal(shelf, ERR_APPROVAL_REQUIRED, "not the root");
}

/* --- readers --- */

static void a_view_outlives_a_change(void **state)
{
    struct shelf *shelf = *state;
    const struct roster_view *old = NULL;
    add_root(shelf);
    assert_ok(roster_book_view(shelf->book, &old));
    (void)people_person(&shelf->people, "eve");
    (void)people_next_roster(&shelf->people, "ann,bob");
    assert_ok(roster_book_add(shelf->book, &shelf->people.links[1], AT));
    expect_newest(shelf, 2);
    assert_int_equal(old->count, 1);
    assert_null(roster_person(old->newest, span_text("eve")));
    assert_true(span_equal(old->links[0].roster, shelf->people.links[0].roster));
    roster_view_release(old);
}

#define READS 200

static struct err read_or_add(struct race *race, unsigned who)
{
    struct shelf *shelf = (struct shelf *)(void *)race->store;
    if (who == 0) {
        for (size_t i = 1; i < shelf->people.link_count; i++) {
            TRY(roster_book_add(shelf->book, &shelf->people.links[i], AT));
        }
        return err_ok();
    }
    uint64_t last = 0;
    for (unsigned i = 0; i < READS; i++) {
        CLEANUP(roster_view_release_at) const struct roster_view *view = NULL;
        TRY(roster_book_view(shelf->book, &view));
        ENSURE(view->newest->number >= last && view->newest->number == view->count, ERR_INTERNAL,
               "a view of nothing");
        last = view->newest->number;
    }
    return err_ok();
}

static void readers_see_whole_chains(void **state)
{
    struct shelf *shelf = *state;
    add_root(shelf);
    for (size_t i = 1; i < FIXTURE_LINKS; i++) {
        (void)people_next_roster(&shelf->people, "ann,bob");
    }
    struct race both = {.store = (struct keystore *)(void *)shelf, .run = read_or_add};
    assert_int_equal(race(&both), 2);
    expect_newest(shelf, FIXTURE_LINKS);
}

static struct err add_second(struct race *race, unsigned who)
{
    struct shelf *shelf = (struct shelf *)(void *)race->store;
    (void)who;
    return roster_book_add(shelf->book, &shelf->people.links[1], AT);
}

static void the_same_one_is_added_once(void **state)
{
    struct shelf *shelf = *state;
    add_root(shelf);
    (void)people_next_roster(&shelf->people, "ann,bob");
    struct race both = {.store = (struct keystore *)(void *)shelf, .run = add_second};
    assert_int_equal(race(&both), 1);
    expect_newest(shelf, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_store_waits_for_its_root),
        TEST(another_root_is_refused),
        TEST(the_next_one_needs_its_votes),
        TEST(a_waiting_time_is_waited_for),
        TEST(an_expired_approval_adds_nothing),
        TEST(a_full_chain_takes_no_more),
        cmocka_unit_test(rosters_that_do_not_follow_are_shown_to_nobody),
        TEST(another_pin_trusts_nothing_of_it),
        TEST(a_view_outlives_a_change),
        TEST(readers_see_whole_chains),
        TEST(the_same_one_is_added_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
