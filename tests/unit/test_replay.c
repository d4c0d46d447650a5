/* Signatures that were used: known until their end, each for itself, whoever asks; where there is
 * no more room, the one that ends first goes. */
#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base_test.h"
#include "gateway/aws/replay.h"

#define NOW    ((int64_t)1767323045000)
#define LATER  (NOW + 300000)
#define PLACES 8 /* of one bucket */

/* --- signatures --- */

struct signature {
    uint8_t bytes[SHA256_LEN];
};

/* As good as random. */
static struct signature signature_of(unsigned number)
{
    struct signature signature;
    uint8_t hash[DIGEST_MAX];
    digest_of(DIGEST_SHA256, span_of(&number, sizeof(number)), hash);
    memcpy(signature.bytes, hash, SHA256_LEN);
    return signature;
}

/* All in one bucket: they begin alike. */
static struct signature neighbour_of(unsigned number)
{
    struct signature signature = signature_of(number);
    memset(signature.bytes, 0xa5, 4);
    return signature;
}

static bool note(struct replay *replay, struct signature signature, int64_t now, int64_t until)
{
    return replay_note(replay, signature.bytes, now, until, 0);
}

static int open_replay(void **state)
{
    *state = replay_open();
    return 0;
}

static int close_replay(void **state)
{
    replay_close(*state);
    return 0;
}

/* --- until when --- */

static void is_known_until_its_end(void **state)
{
    struct replay *replay = *state;
    assert_true(note(replay, signature_of(1), NOW, LATER));
    assert_false(note(replay, signature_of(1), NOW, LATER));
    assert_false(note(replay, signature_of(1), LATER - 1, LATER + 1000));
    /* a refused note changes nothing, the end least of all */
    assert_true(note(replay, signature_of(1), LATER, LATER + 1000));
    assert_false(note(replay, signature_of(1), LATER + 999, LATER + 2000));
    assert_true(note(replay, signature_of(1), LATER + 1000, LATER + 2000));
}

/* What comes twice at once is no repetition; when it comes later is counted from the first time. */
static void is_forgiven_for_a_while(void **state)
{
    struct replay *replay = *state;
    struct signature signature = signature_of(1);
    static const struct {
        int64_t after, grace;
        bool fresh;
    } rows[] = {{0, 50, true}, {49, 50, true}, {50, 50, false}, {49, 0, false}, {49, 50, true}};
    assert_true(replay_note(replay, signature.bytes, NOW, LATER, 50));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(rows[i].fresh == replay_note(replay, signature.bytes, NOW + rows[i].after,
                                                 LATER, rows[i].grace));
    }
}

static void tells_signatures_apart(void **state)
{
    struct replay *replay = *state;
    for (unsigned i = 0; i < PLACES; i++) {
        assert_true(note(replay, neighbour_of(i), NOW, LATER));
    }
    for (unsigned i = 0; i < PLACES; i++) {
        assert_false(note(replay, neighbour_of(i), NOW, LATER));
    }
    assert_true(note(replay, signature_of(1), NOW, LATER)); /* begins unlike them */
}

/* One changed bit makes another signature; 128 of its bits stand for it. */
static void tells_close_ones_apart(void **state)
{
    struct replay *replay = *state;
    static const size_t places[] = {4, 11, 19};
    assert_true(note(replay, signature_of(1), NOW, LATER));
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct signature other = signature_of(1);
        other.bytes[places[i]] ^= 1;
        assert_true(note(replay, other, NOW, LATER));
    }
}

static void a_gateway_has_room_for_many(void **state)
{
    struct replay *replay = *state;
    const unsigned many = REPLAY_MAX / 8;
    for (unsigned i = 0; i < many; i++) {
        assert_true(note(replay, signature_of(i), NOW, LATER));
    }
    for (unsigned i = 0; i < many; i++) {
        assert_false(note(replay, signature_of(i), NOW, LATER));
    }
}

/* --- when there is no more room --- */

static void the_one_that_ends_first_is_forgotten(void **state)
{
    static const int64_t ends[PLACES] = {70, 40, 60, 10, 80, 20, 50, 30};
    struct replay *replay = *state;
    for (unsigned i = 0; i < PLACES; i++) {
        assert_true(note(replay, neighbour_of(i), NOW, NOW + ends[i]));
    }
    assert_true(note(replay, neighbour_of(100), NOW, NOW + 90));
    assert_true(note(replay, neighbour_of(101), NOW, NOW + 90));
    for (unsigned i = 0; i < PLACES; i++) {
        if (ends[i] > 20) {
            assert_false(note(replay, neighbour_of(i), NOW, NOW + ends[i]));
        }
    }
    assert_false(note(replay, neighbour_of(100), NOW, NOW + 90));
    assert_false(note(replay, neighbour_of(101), NOW, NOW + 90));
    assert_true(note(replay, neighbour_of(3), NOW, NOW + 100));
}

/* What has ended gives its place before what has not. */
static void what_has_ended_makes_room(void **state)
{
    struct replay *replay = *state;
    for (unsigned i = 0; i < PLACES; i++) {
        assert_true(note(replay, neighbour_of(i), NOW, i % 2 == 0 ? NOW + 10 : LATER));
    }
    for (unsigned i = 100; i < 100 + PLACES / 2; i++) {
        assert_true(note(replay, neighbour_of(i), NOW + 10, LATER));
    }
    for (unsigned i = 0; i < PLACES; i++) {
        if (i % 2 == 1) {
            assert_false(note(replay, neighbour_of(i), NOW + 10, LATER));
        }
    }
    for (unsigned i = 100; i < 100 + PLACES / 2; i++) {
        assert_false(note(replay, neighbour_of(i), NOW + 10, LATER));
    }
}

static void a_full_bucket_is_no_other_ones(void **state)
{
    struct replay *replay = *state;
    assert_true(note(replay, signature_of(1), NOW, NOW + 1));
    for (unsigned i = 0; i < 10 * PLACES; i++) {
        assert_true(note(replay, neighbour_of(i), NOW, LATER));
    }
    assert_false(note(replay, signature_of(1), NOW, LATER));
}

/* --- several at once --- */

#define THREADS 4
#define EACH    2000

struct racer {
    struct replay *replay;
    unsigned fresh;
};

static void *race(void *arg)
{
    struct racer *racer = arg;
    for (unsigned i = 0; i < EACH; i++) {
        racer->fresh += note(racer->replay, signature_of(i), NOW, LATER) ? 1 : 0;
    }
    return NULL;
}

static void of_several_at_once_one_is_first(void **state)
{
    pthread_t threads[THREADS];
    struct racer racers[THREADS];
    unsigned fresh = 0;
    for (size_t i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.replay = *state};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        fresh += racers[i].fresh;
    }
    assert_int_equal(fresh, EACH);
}

static void nothing_is_closed_too(void **state)
{
    (void)state;
    replay_close(NULL);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_replay, close_replay)
    const struct CMUnitTest tests[] = {
        CASE(is_known_until_its_end),          CASE(is_forgiven_for_a_while),
        CASE(tells_signatures_apart),          CASE(tells_close_ones_apart),
        CASE(a_gateway_has_room_for_many),     CASE(the_one_that_ends_first_is_forgotten),
        CASE(what_has_ended_makes_room),       CASE(a_full_bucket_is_no_other_ones),
        CASE(of_several_at_once_one_is_first), cmocka_unit_test(nothing_is_closed_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
