/* What tests of requests and votes share: one of each kind of request, and a way to each state. */
#ifndef HSMGATE_TESTS_UNIT_REQUEST_FIXTURE_H
#define HSMGATE_TESTS_UNIT_REQUEST_FIXTURE_H

#include "base/sync.h"
#include "keystore/db.h"
#include "tests/unit/keystore_test.h"

#define HOUR ((int64_t)3600 * 1000)

static inline struct uuid request_id(uint8_t number)
{
    return (struct uuid){.bytes = {[0] = 7, [15] = number}};
}

static inline struct quorum_request request_of(uint8_t number)
{
    return (struct quorum_request){.id = request_id(number),
                                   .kind = "open",
                                   .key = "a/b",
                                   .version = 3,
                                   .requester = "unix:1000",
                                   .statement = span_text("{\"statement\":1}"),
                                   .ciphertext = span_text("blob"),
                                   .context = span_text("{}"),
                                   .created_at = NOW,
                                   .expires_at = NOW + HOUR};
}

static inline void put_request(struct keystore *store, uint8_t number)
{
    struct quorum_request request = request_of(number);
    assert_ok(keystore_put_request(store, &request));
}

static inline struct err move_request(struct keystore *store, uint8_t number,
                                      enum request_state from, enum request_state to)
{
    const struct request_move move = {.from = from, .to = to};
    return keystore_move_request(store, request_id(number), &move, NOW + 5);
}

/* The shortest way that there is. */
static inline void bring_request(struct keystore *store, uint8_t number, enum request_state to)
{
    bool spent = to == REQUEST_OPENING || to == REQUEST_OPENED || to == REQUEST_FAILED ||
                 to == REQUEST_INDETERMINATE;
    enum request_state at = REQUEST_PENDING;
    if (spent) {
        assert_ok(move_request(store, number, at, REQUEST_APPROVED));
        assert_ok(move_request(store, number, REQUEST_APPROVED, REQUEST_OPENING));
        at = REQUEST_OPENING;
    }
    if (at != to) {
        assert_ok(move_request(store, number, at, to));
    }
}

static inline void expect_request(struct keystore *store, uint8_t number, enum request_state state)
{
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    assert_ok(keystore_find_request(store, request_id(number), &request));
    assert_string_equal(request_state_name(request->state), request_state_name(state));
}

static inline struct request_vote vote_of(const char *voter, const char *choice)
{
    return (struct request_vote){.voter = voter,
                                 .choice = choice,
                                 .format = "raw",
                                 .signed_at = "2023-11-14T22:13:20Z",
                                 .signature = span_text("signature"),
                                 .received_at = NOW + 1};
}

static inline struct err vote(struct keystore *store, uint8_t number, const char *voter,
                              const char *choice)
{
    struct request_vote one = vote_of(voter, choice);
    return keystore_put_vote(store, request_id(number), &one);
}

/* Somebody changes the closed store's database by hand; `sql` may break the constraints. */
static inline void tamper(struct fixture *fixture, const char *sql)
{
    CLEANUP(db_close_at) struct db *db = NULL;
    keystore_close(fixture->store);
    fixture->store = NULL;
    assert_ok(db_open(fixture->path, &db));
    assert_ok(db_script(db, "PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF"));
    assert_ok(db_script(db, sql));
    db_close(TAKE(db));
    fixture_open(fixture);
}

/* Runs it twice at the same time, and says how often each was ok. */
struct race {
    struct keystore *store;
    struct err (*run)(struct race *race, unsigned who);
    struct err outcomes[2];
    pthread_barrier_t start;
};
struct racer {
    struct race *race;
    unsigned who;
};

static inline void *race_thread(void *arg)
{
    const struct racer *racer = arg;
    pthread_barrier_wait(&racer->race->start);
    racer->race->outcomes[racer->who] = racer->race->run(racer->race, racer->who);
    return NULL;
}

static inline unsigned race(struct race *race)
{
    pthread_t threads[2];
    struct racer racers[2] = {{race, 0}, {race, 1}};
    assert_int_equal(pthread_barrier_init(&race->start, NULL, 2), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        threads[i] = sync_thread("racer", race_thread, &racers[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    pthread_barrier_destroy(&race->start);
    return (race->outcomes[0].code == ERR_OK ? 1u : 0u) +
           (race->outcomes[1].code == ERR_OK ? 1u : 0u);
}

#endif
