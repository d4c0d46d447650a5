/* The scheduler on a real store, a real log and a token in software: what is due gets done, what is
 * slow or broken holds nothing else up. */
#include <ftw.h>

#include "base/clock.h"
#include "base/sync.h"
#include "tests/unit/rotation_test.h"

#define WITHIN_MS  60000
#define STEPS_MAX  256
#define FOREVER_NS (clock_deadline(WITHIN_MS))

struct seen {
    char key[64];
    enum plan_action action;
    uint32_t version;
    enum err_code code;
};

struct world {
    struct bench bench;
    char log[96];
    struct audit *audit;
    struct scheduler *scheduler;
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    struct seen steps[STEPS_MAX];
    size_t count;
    bool holding; /* a generation that is held */
    bool held;    /* it has arrived */
};

static void observe(void *arg, const struct key *key, const struct plan_step *step,
                    const struct err *err)
{
    struct world *world = arg;
    sync_lock(&world->mutex);
    if (world->count < STEPS_MAX) {
        struct seen *seen = &world->steps[world->count++];
        *seen = (struct seen){.action = step->action, .version = step->version, .code = err->code};
        (void)snprintf(seen->key, sizeof(seen->key), "%s", key->name);
    }
    sync_wake_all(&world->changed);
    sync_unlock(&world->mutex);
}

static void start(struct world *world)
{
    struct rotation *rotation = &world->bench.rotation;
    struct audit_config audit = {.folder = world->log, .queue_max = 1000};
    rotation->rules = (struct rotation_rules){.clock_skew = 0, .look_back = 30 * 86400};
    assert_ok(timekeeper_open(rotation->store, &rotation->timekeeper));
    assert_ok(audit_open(&audit, &world->audit));
    struct scheduler_config config = {
        .rotation = rotation, .audit = world->audit, .observe = observe, .observer = world};
    world->scheduler = scheduler_open(&config);
}

static void stop(struct world *world)
{
    scheduler_close(world->scheduler);
    timekeeper_close(world->bench.rotation.timekeeper);
    audit_close(world->audit);
    world->scheduler = NULL;
    world->audit = NULL;
    world->bench.rotation.timekeeper = NULL;
}

static void world_make(struct world *world)
{
    *world = (struct world){0};
    bench_make(&world->bench);
    (void)snprintf(world->log, sizeof(world->log), "%s/audit", world->bench.fixture.folder);
    sync_init(&world->mutex, &world->changed);
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *at)
{
    (void)facts;
    (void)type;
    (void)at;
    return remove(path);
}

static void world_drop(struct world *world)
{
    if (world->scheduler != NULL) {
        stop(world);
    }
    (void)nftw(world->log, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    bench_drop(&world->bench);
    sync_destroy(&world->mutex, &world->changed);
}

static size_t steps_of(const struct world *world, const char *key, enum plan_action action,
                       enum err_code code)
{
    size_t found = 0;
    for (size_t i = 0; i < world->count; i++) {
        const struct seen *seen = &world->steps[i];
        found += strcmp(seen->key, key) == 0 && seen->action == action && seen->code == code;
    }
    return found;
}

static void await(struct world *world, const char *key, enum plan_action action, enum err_code code,
                  size_t count)
{
    int64_t deadline = FOREVER_NS;
    sync_lock(&world->mutex);
    bool in_time = true;
    while (steps_of(world, key, action, code) < count && in_time) {
        in_time = sync_wait(&world->changed, &world->mutex, deadline);
    }
    sync_unlock(&world->mutex);
    if (!in_time) {
        fail_msg("%s: not %zu of %s in time", key, count, plan_action_name(action));
    }
}

/* Made a day ago, so that whatever is due in a day is due now. */
static void make_old(struct world *world, const char *name, enum algorithm algorithm,
                     const struct rotation_policy *policy)
{
    struct key_spec spec = spec_of(name);
    struct moment moment;
    rotation_moment(&world->bench.rotation, &moment);
    moment.now -= 86400000;
    spec.algorithm = algorithm;
    spec.purpose = algorithm_info(algorithm)->purpose;
    spec.facts.rotation = *policy;
    assert_ok(rotation_create_key(&world->bench.rotation, &spec, &moment, SOON));
}

static const struct rotation_policy daily = {
    .every = 80000, .overlap = 1, .publish_ahead = 1, .mode = ROTATION_AUTOMATIC};

static size_t lines_with(const struct world *world, const char *needle)
{
    char path[160];
    char line[4096];
    size_t found = 0;
    (void)snprintf(path, sizeof(path), "%s/audit-000000000001.jsonl", world->log);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        found += strstr(line, needle) != NULL ? 1 : 0;
    }
    (void)fclose(file);
    return found;
}

static void leads_a_key_through_a_rotation(void **state)
{
    (void)state;
    CLEANUP(world_drop) struct world world;
    world_make(&world);
    make_old(&world, "a/due", ALGORITHM_ECDSA_P256, &daily);
    start(&world);
    await(&world, "a/due", PLAN_RETIRE, ERR_OK, 1);
    struct keystore *store = world.bench.fixture.store;
    expect_state(store, "a/due", 1, VERSION_RETIRED);
    expect_state(store, "a/due", 2, VERSION_ACTIVE);
    CLEANUP(key_release_at) const struct key *key = keystore_find(store, span_text("a/due"));
    const struct version *next = key_version(key, 2);
    /* seen by verifiers for a second, and the old one for a second more */
    assert_true(next->activated_at >= next->published_at + 1000);
    assert_true(key_version(key, 1)->entered_at >= next->activated_at + 1000);
    stop(&world);
    static const char *const actions[] = {"make", "promote", "retire"};
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        char needle[64];
        (void)snprintf(needle, sizeof(needle), "\"operation\":\"%s\"", actions[i]);
        assert_int_equal(lines_with(&world, needle), 2); /* intent and outcome */
    }
    assert_int_equal(lines_with(&world, "\"principal\":\"system:scheduler\""), 6);
}

static void follows_what_changes(void **state)
{
    (void)state;
    CLEANUP(world_drop) struct world world;
    world_make(&world);
    struct rotation_policy manual = daily;
    manual.mode = ROTATION_MANUAL;
    make_old(&world, "a/b", ALGORITHM_ECDSA_P256, &manual);
    start(&world);
    set_policy(&world.bench, "a/b", &daily); /* due from now on */
    await(&world, "a/b", PLAN_PROMOTE, ERR_OK, 1);
    make_old(&world, "a/late", ALGORITHM_ECDSA_P256, &daily); /* made while it runs */
    await(&world, "a/late", PLAN_PROMOTE, ERR_OK, 1);
}

/* Runs in the maker's thread, inside the generation. */
static void hold(void *arg)
{
    struct world *world = arg;
    sync_lock(&world->mutex);
    world->held = true;
    sync_wake_all(&world->changed);
    while (world->holding) {
        (void)sync_wait(&world->changed, &world->mutex, FOREVER_NS);
    }
    sync_unlock(&world->mutex);
}

static void set_holding(struct world *world, bool holding)
{
    sync_lock(&world->mutex);
    world->holding = holding;
    sync_wake_all(&world->changed);
    sync_unlock(&world->mutex);
}

static void await_held(struct world *world)
{
    int64_t deadline = FOREVER_NS;
    sync_lock(&world->mutex);
    while (!world->held) {
        assert_true(sync_wait(&world->changed, &world->mutex, deadline));
    }
    sync_unlock(&world->mutex);
}

/* One key's next version takes for ever; others are promoted and retired meanwhile, and so are the
 * versions of the very key that waits for a token. */
static void promotes_while_a_generation_is_slow(void **state)
{
    (void)state;
    CLEANUP(world_drop) struct world world;
    world_make(&world);
    struct rotation_policy manual = {.overlap = 1, .publish_ahead = 1};
    make_old(&world, "a/ready", ALGORITHM_ECDSA_P256, &manual);
    make_old(&world, "a/slow", ALGORITHM_RSA_2048, &daily);
    uint32_t number = 0;
    struct moment moment;
    rotation_moment(&world.bench.rotation, &moment);
    assert_ok(rotation_rotate(&world.bench.rotation, span_text("a/slow"), ROTATE_AT_ONCE, &moment,
                              SOON, &number)); /* version 1 of it will have to retire */
    moment.now -= 86400000;
    struct rotation_policy now = daily;
    now.every = 2;
    set_policy(&world.bench, "a/slow", &now);
    assert_ok(rotation_rotate(&world.bench.rotation, span_text("a/ready"), ROTATE_BY_POLICY,
                              &moment, SOON, &number));
    struct fake_fault fault = {.call = FAKE_GENERATE,
                               .action = FAKE_LOSE,
                               .code = ERR_TOKEN_UNAVAILABLE,
                               .hook = hold,
                               .arg = &world};
    fake_token_fault(world.bench.token, fault);
    set_holding(&world, true);
    start(&world);
    await_held(&world);
    await(&world, "a/ready", PLAN_PROMOTE, ERR_OK, 1);
    await(&world, "a/ready", PLAN_RETIRE, ERR_OK, 1);
    await(&world, "a/slow", PLAN_RETIRE, ERR_OK, 1);
    heal(&world.bench);
    set_holding(&world, false);
    await(&world, "a/slow", PLAN_PROMOTE, ERR_OK, 1); /* after its own retry */
}

static void tries_again_what_failed(void **state)
{
    (void)state;
    CLEANUP(world_drop) struct world world;
    world_make(&world);
    make_old(&world, "a/due", ALGORITHM_AES_256_GCM, &daily);
    struct fake_fault fault = {
        .call = FAKE_GENERATE, .action = FAKE_REFUSE, .code = ERR_TOKEN_UNAVAILABLE};
    fake_token_fault(world.bench.token, fault);
    start(&world);
    await(&world, "a/due", PLAN_MAKE, ERR_TOKEN_UNAVAILABLE, 2);
    heal(&world.bench);
    await(&world, "a/due", PLAN_MAKE, ERR_OK, 1);
    await(&world, "a/due", PLAN_PROMOTE, ERR_OK, 1);
    struct scheduler_status status;
    scheduler_status(world.scheduler, &status);
    assert_true(status.failures >= 2);
    assert_true(status.done >= 2);
    assert_int_equal(fake_token_count(world.bench.token), 2);
}

static void rotates_before_uses_run_out(void **state)
{
    (void)state;
    CLEANUP(world_drop) struct world world;
    world_make(&world);
    struct rotation_policy by_uses = {.max_uses = 16, .mode = ROTATION_AUTOMATIC};
    make_old(&world, "a/b", ALGORITHM_AES_256_GCM, &by_uses);
    start(&world);
    struct keystore *store = world.bench.fixture.store;
    make_old(&world, "a/never", ALGORITHM_AES_256_GCM, &by_uses);
    CLEANUP(key_release_at) const struct key *key = keystore_find(store, span_text("a/b"));
    for (int i = 0; i < 14; i++) {
        assert_ok(keystore_take_uses(store, key_primary(key), 1, 16, NOW));
    }
    await(&world, "a/b", PLAN_PROMOTE, ERR_OK, 1);
    expect_state(store, "a/b", 2, VERSION_ACTIVE);
    expect_state(store, "a/never", 1, VERSION_ACTIVE);
}

/* What cannot be recorded is not done. */
static void does_nothing_unrecorded(void **state)
{
    (void)state;
    CLEANUP(world_drop) struct world world;
    world_make(&world);
    make_old(&world, "a/due", ALGORITHM_AES_256_GCM, &daily);
    start(&world);
    await(&world, "a/due", PLAN_RETIRE, ERR_OK, 1);
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/audit-000000000001.jsonl", world.log);
    assert_int_equal(unlink(path), 0); /* the writer notices, and fails closed */
    struct rotation_policy now = daily;
    now.every = 1;
    now.publish_ahead = 0;
    set_policy(&world.bench, "a/due", &now);
    await(&world, "a/due", PLAN_MAKE, ERR_AUDIT_UNAVAILABLE, 1);
    assert_int_equal(versions_in(&world.bench, "a/due", VERSION_PENDING), 0);
    assert_int_equal(fake_token_count(world.bench.token), 2);
}

static void keeps_its_clock_through_a_restart(void **state)
{
    (void)state;
    CLEANUP(world_drop) struct world world;
    struct moment before, after;
    world_make(&world);
    start(&world);
    timekeeper_read(world.bench.rotation.timekeeper, &before);
    stop(&world);
    start(&world);
    timekeeper_read(world.bench.rotation.timekeeper, &after);
    assert_true(after.lived >= before.lived);
    assert_true(after.calm >= before.calm);
    assert_true(timekeeper_latest(world.bench.rotation.timekeeper) >= after.now);
    assert_ok(timekeeper_accept(world.bench.rotation.timekeeper, &after));
    assert_false(after.leapt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leads_a_key_through_a_rotation),
        cmocka_unit_test(follows_what_changes),
        cmocka_unit_test(promotes_while_a_generation_is_slow),
        cmocka_unit_test(tries_again_what_failed),
        cmocka_unit_test(rotates_before_uses_run_out),
        cmocka_unit_test(does_nothing_unrecorded),
        cmocka_unit_test(keeps_its_clock_through_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
