/* Making keys and versions: what is there afterwards, and that a failure leaves nothing. */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/sync.h"
#include "tests/unit/rotation_test.h"

static void makes_keys_of_every_algorithm(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    /* Larger RSA keys differ only in the minutes that software needs for them. */
    for (enum algorithm algorithm = 0; algorithm <= ALGORITHM_RSA_2048; algorithm++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "a/%s", algorithm_info(algorithm)->name);
        assert_ok(create(&bench, name, algorithm));
        CLEANUP(key_release_at)
        const struct key *key = keystore_find(bench.fixture.store, span_text(name));
        assert_non_null(key);
        const struct version *version = key_primary(key);
        assert_int_equal(version->number, 1);
        assert_true(version->activated_at >= NOW);
        assert_true(version->identity_len > 0);
        enum family family = algorithm_info(algorithm)->family;
        bool secret = family == FAMILY_AES || family == FAMILY_HMAC;
        assert_int_equal(version->public_key.len == 0, secret);
    }
    assert_int_equal(fake_token_count(bench.token), ALGORITHM_RSA_2048 + 1);
}

static void writes_the_rule_into_the_cka_id(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    struct key_spec spec = spec_of("a/b");
    struct moment moment = moment_at(NOW);
    spec.facts.approval = (struct approval_rule){"officers", 2};
    assert_ok(rotation_create_key(&bench.rotation, &spec, &moment, SOON));
    uint32_t number = 0;
    assert_ok(rotate(&bench, "a/b", &number));
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(bench.fixture.store, span_text("a/b"));
    for (size_t i = 0; i < key->version_count; i++) {
        const struct version *version = &key->versions[i];
        assert_int_equal(version->cka_id_len, 18);
        assert_int_equal(version->cka_id[16], 1);
        assert_int_equal(version->cka_id[17], 2);
    }
    assert_memory_not_equal(key->versions[0].cka_id, key->versions[1].cka_id, 16);
    assert_int_equal(fake_token_decryptions(bench.token), 0);
    spec.name = "a/c";
    spec.facts.approval.m = 256;
    assert_code(rotation_create_key(&bench.rotation, &spec, &moment, SOON), ERR_INVALID_FIELD);
}

static void labels_objects_with_key_and_version(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    char label[TOKEN_TEXT_MAX + 1];
    char name[NAME_MAX_LEN + 1] = "namespace/";
    memset(name + 10, 'x', 63);
    static const char *const names[] = {"a/b", NULL};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *wanted = names[i] != NULL ? names[i] : name;
        assert_ok(create(&bench, wanted, ALGORITHM_AES_256_GCM));
        CLEANUP(key_release_at)
        const struct key *key = keystore_find(bench.fixture.store, span_text(wanted));
        const struct version *version = key_primary(key);
        fake_token_label(bench.token, span_of(version->cka_id, version->cka_id_len), label);
        size_t len = strlen(label);
        assert_true(len <= TOKEN_TEXT_MAX);
        assert_string_equal(label + len - 2, "@1");
        assert_memory_equal(label, wanted + strlen(wanted) + 2 - len, len - 2);
    }
}

static void promotes_the_next_version_at_once(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    assert_ok(create(&bench, "a/b", ALGORITHM_ECDSA_P256));
    for (uint32_t expected = 2; expected < 5; expected++) {
        uint32_t number = 0;
        assert_ok(rotate(&bench, "a/b", &number));
        assert_int_equal(number, expected);
        CLEANUP(key_release_at)
        const struct key *key = keystore_find(bench.fixture.store, span_text("a/b"));
        assert_int_equal(key->primary, expected);
        expect_state(bench.fixture.store, "a/b", expected - 1, VERSION_RETIRING);
    }
    assert_int_equal(fake_token_count(bench.token), 4);
}

/* The way out when the primary was compromised. */
static void rotates_a_key_without_a_primary(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    assert_ok(create(&bench, "a/b", ALGORITHM_AES_256_GCM));
    assert_ok(move(bench.fixture.store, "a/b", 1, VERSION_ACTIVE, VERSION_COMPROMISED));
    uint32_t number = 0;
    assert_ok(rotate(&bench, "a/b", &number));
    expect_state(bench.fixture.store, "a/b", 1, VERSION_COMPROMISED);
    expect_state(bench.fixture.store, "a/b", 2, VERSION_ACTIVE);
}

static void refuses_before_it_makes_anything(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    uint32_t number = 77;
    struct moment moment = moment_at(NOW);
    struct key_spec elsewhere = spec_of("a/c");
    elsewhere.token = "other";
    assert_ok(create(&bench, "a/b", ALGORITHM_AES_256_GCM));
    assert_code(create(&bench, "a/b", ALGORITHM_AES_256_GCM), ERR_CONFLICT);
    assert_code(rotation_create_key(&bench.rotation, &elsewhere, &moment, SOON), ERR_INVALID_FIELD);
    assert_code(rotate(&bench, "a/c", &number), ERR_NOT_FOUND);
    assert_ok(keystore_claim(bench.fixture.store, span_text("a/b")));
    assert_code(rotate(&bench, "a/b", &number), ERR_CONFLICT);
    keystore_unclaim(bench.fixture.store, span_text("a/b"));
    fake_token_only(bench.token, 1u << ALGORITHM_ED25519);
    assert_code(create(&bench, "a/c", ALGORITHM_AES_256_GCM), ERR_UNSUPPORTED_BY_TOKEN);
    assert_code(rotate(&bench, "a/b", &number), ERR_UNSUPPORTED_BY_TOKEN);
    assert_int_equal(number, 77);
    expect_nothing(&bench, "a/c", 1);
    assert_int_equal(fake_token_calls(bench.token, FAKE_GENERATE), 1);
}

static const struct {
    const char *name;
    struct fake_fault fault;
    enum err_code code;
} faults[] = {
    {"generate refused",
     {FAKE_GENERATE, FAKE_REFUSE, 0, ERR_UNSUPPORTED_BY_TOKEN, NULL, NULL},
     ERR_UNSUPPORTED_BY_TOKEN},
    {"generate lost", {FAKE_GENERATE, FAKE_LOSE, 0, ERR_DEADLINE, NULL, NULL}, ERR_DEADLINE},
    {"identity wrong", {FAKE_GENERATE, FAKE_CORRUPT, 0, ERR_OK, NULL, NULL}, ERR_TOKEN_UNAVAILABLE},
    {"use refused",
     {FAKE_RUN, FAKE_REFUSE, 0, ERR_TOKEN_UNAVAILABLE, NULL, NULL},
     ERR_TOKEN_UNAVAILABLE},
    {"use wrong", {FAKE_RUN, FAKE_CORRUPT, 0, ERR_OK, NULL, NULL}, ERR_TOKEN_UNAVAILABLE},
};

static void leaves_nothing_of_a_failed_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        CLEANUP(bench_drop) struct bench bench;
        bench_make(&bench);
        fake_token_fault(bench.token, faults[i].fault);
        assert_code_of(faults[i].name, create(&bench, "a/b", ALGORITHM_ECDSA_P256), faults[i].code);
        expect_nothing(&bench, "a/b", 0);
        heal(&bench);
        assert_ok(create(&bench, "a/b", ALGORITHM_ECDSA_P256));
    }
}

static void keeps_the_primary_when_a_rotation_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        CLEANUP(bench_drop) struct bench bench;
        bench_make(&bench);
        uint32_t number = 77;
        assert_ok(create(&bench, "a/b", ALGORITHM_ECDSA_P256));
        fake_token_fault(bench.token, faults[i].fault);
        assert_code_of(faults[i].name, rotate(&bench, "a/b", &number), faults[i].code);
        assert_int_equal(number, 77);
        assert_int_equal(fake_token_count(bench.token), 1);
        expect_state(bench.fixture.store, "a/b", 1, VERSION_ACTIVE);
        assert_int_equal(versions_in(&bench, "a/b", VERSION_PENDING), 0);
        heal(&bench);
        assert_ok(rotate(&bench, "a/b", &number));
        assert_int_equal(number, 3);
    }
}

/* An object with our fresh CKA_ID would be somebody else's. */
static void never_destroys_what_it_did_not_make(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    struct fake_fault taken = {.call = FAKE_GENERATE, .action = FAKE_LOSE, .code = ERR_CONFLICT};
    fake_token_fault(bench.token, taken);
    assert_code(create(&bench, "a/b", ALGORITHM_AES_256_GCM), ERR_CONFLICT);
    assert_int_equal(fake_token_calls(bench.token, FAKE_DESTROY), 0);
    expect_nothing(&bench, "a/b", 1);
}

/* A token without a turn in time made nothing: the row goes without another wait for a turn. */
static void overload_leaves_nothing_behind(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    struct fake_fault busy = {.call = FAKE_GENERATE, .action = FAKE_REFUSE, .code = ERR_OVERLOADED};
    fake_token_fault(bench.token, busy);
    assert_code(create(&bench, "a/b", ALGORITHM_AES_256_GCM), ERR_OVERLOADED);
    assert_int_equal(fake_token_calls(bench.token, FAKE_DESTROY), 0);
    expect_nothing(&bench, "a/b", 0);
}

static void break_destroy(void *arg)
{
    fake_token_fault(arg, (struct fake_fault){.call = FAKE_DESTROY,
                                              .action = FAKE_REFUSE,
                                              .code = ERR_TOKEN_UNAVAILABLE});
}

static struct fake_fault token_goes_down(struct bench *bench)
{
    return (struct fake_fault){.call = FAKE_GENERATE,
                               .action = FAKE_LOSE,
                               .code = ERR_TOKEN_UNAVAILABLE,
                               .hook = break_destroy,
                               .arg = bench->token};
}

/* The undo fails too: the row stays, so that the object is not forgotten, and the next try cleans
 * up before it starts. */
static void cleans_up_an_undo_that_failed(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    uint32_t number = 0;
    fake_token_fault(bench.token, token_goes_down(&bench));
    assert_code(create(&bench, "a/b", ALGORITHM_AES_256_GCM), ERR_TOKEN_UNAVAILABLE);
    assert_int_equal(versions_in(&bench, "a/b", VERSION_PENDING), 1);
    assert_code(create(&bench, "a/b", ALGORITHM_AES_256_GCM), ERR_TOKEN_UNAVAILABLE);
    assert_int_equal(fake_token_count(bench.token), 1);
    heal(&bench);
    assert_ok(create(&bench, "a/b", ALGORITHM_AES_256_GCM));
    assert_int_equal(fake_token_count(bench.token), 1);

    fake_token_fault(bench.token, token_goes_down(&bench));
    assert_code(rotate(&bench, "a/b", &number), ERR_TOKEN_UNAVAILABLE);
    assert_int_equal(versions_in(&bench, "a/b", VERSION_PENDING), 1);
    heal(&bench);
    assert_ok(rotate(&bench, "a/b", &number));
    assert_int_equal(versions_in(&bench, "a/b", VERSION_PENDING), 0);
    assert_int_equal(fake_token_count(bench.token), 2);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void fill_the_disk(void *arg)
{
    (void)arg;
    limit_files(1);
}

/* The store stops taking writes after the material was made, or just before activation: nothing is
 * destroyed while it is uncertain what the disk holds. */
static void destroys_nothing_while_the_store_fails(void **state)
{
    (void)state;
    static const enum fake_call when[] = {FAKE_GENERATE, FAKE_RUN};
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    for (size_t i = 0; i < ARRAY_LEN(when); i++) {
        CLEANUP(bench_drop) struct bench bench;
        bench_make(&bench);
        uint32_t number = 0;
        assert_ok(create(&bench, "a/b", ALGORITHM_ECDSA_P256));
        /* No action but the hook: a code of ERR_OK loses nothing. */
        struct fake_fault fault = {.call = when[i], .action = FAKE_LOSE, .hook = fill_the_disk};
        fake_token_fault(bench.token, fault);
        struct err err = rotate(&bench, "a/b", &number);
        limit_files(RLIM_INFINITY);
        assert_int_equal(err.code, ERR_STORE_UNAVAILABLE);
        heal(&bench);
        assert_int_equal(fake_token_calls(bench.token, FAKE_DESTROY), 0);
        assert_int_equal(fake_token_count(bench.token), 2);
        expect_state(bench.fixture.store, "a/b", 1, VERSION_ACTIVE);
        assert_ok(rotate(&bench, "a/b", &number));
        assert_int_equal(fake_token_count(bench.token), 2);
        assert_int_equal(versions_in(&bench, "a/b", VERSION_PENDING), 0);
    }
}

struct rival {
    struct bench *bench;
    unsigned done;
    unsigned refused;
};

static void *rotate_often(void *arg)
{
    struct rival *rival = arg;
    for (unsigned i = 0; i < 20; i++) {
        uint32_t number = 0;
        struct err err = rotate(rival->bench, "a/b", &number);
        assert_true(err.code == ERR_OK || err.code == ERR_CONFLICT);
        rival->done += err.code == ERR_OK ? 1 : 0;
        rival->refused += err.code == ERR_CONFLICT ? 1 : 0;
    }
    return NULL;
}

static void rotates_a_key_once_at_a_time(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    assert_ok(create(&bench, "a/b", ALGORITHM_AES_256_GCM));
    struct rival rivals[4];
    pthread_t threads[ARRAY_LEN(rivals)];
    for (size_t i = 0; i < ARRAY_LEN(rivals); i++) {
        rivals[i] = (struct rival){.bench = &bench};
        threads[i] = sync_thread("rival", rotate_often, &rivals[i]);
    }
    unsigned done = 0;
    for (size_t i = 0; i < ARRAY_LEN(rivals); i++) {
        pthread_join(threads[i], NULL);
        done += rivals[i].done;
    }
    assert_true(done > 0);
    assert_int_equal(versions_in(&bench, "a/b", VERSION_ACTIVE), 1);
    assert_int_equal(versions_in(&bench, "a/b", VERSION_RETIRING), done);
    assert_int_equal(versions_in(&bench, "a/b", VERSION_PENDING), 0);
    assert_int_equal(fake_token_count(bench.token), done + 1);
}

static void finds_tokens_by_name(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    assert_ptr_equal(rotation_token(&bench.rotation, "soft"), bench.token);
    assert_null(rotation_token(&bench.rotation, "sof"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_keys_of_every_algorithm),
        cmocka_unit_test(writes_the_rule_into_the_cka_id),
        cmocka_unit_test(labels_objects_with_key_and_version),
        cmocka_unit_test(promotes_the_next_version_at_once),
        cmocka_unit_test(rotates_a_key_without_a_primary),
        cmocka_unit_test(refuses_before_it_makes_anything),
        cmocka_unit_test(leaves_nothing_of_a_failed_key),
        cmocka_unit_test(keeps_the_primary_when_a_rotation_fails),
        cmocka_unit_test(never_destroys_what_it_did_not_make),
        cmocka_unit_test(overload_leaves_nothing_behind),
        cmocka_unit_test(cleans_up_an_undo_that_failed),
        cmocka_unit_test(destroys_nothing_while_the_store_fails),
        cmocka_unit_test(rotates_a_key_once_at_a_time),
        cmocka_unit_test(finds_tokens_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
