/* Who travels with whom: calls of several threads on a driver that stops when it is told to. */
#include <sched.h>
#include <string.h>

#include "base_test.h"

#include "base/clock.h"
#include "base/mem.h"
#include "pkcs11/convoy.h"

#define CALLERS_MAX 8
#define FRAMES_MAX  16
#define LONG_NS     INT64_C(3600000000000)
#define SHARE_ALL   ((int64_t)255 * 1024)

/* The driver: notes each frame, and lets it go when `held` allows. */
struct road {
    struct convoy convoy;
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    unsigned held; /* frames that have come and may not go yet, from the first */
    unsigned frames;
    size_t rides[FRAMES_MAX]; /* of each frame */
    size_t items[FRAMES_MAX];
    enum token_op ops[FRAMES_MAX];
    struct convoy_pace pace;
};

struct caller {
    struct road *road;
    enum token_op op;
    size_t count;
    int64_t left_ns;
    size_t len;
    pthread_t thread;
    struct err err;
};

static void drive(void *arg, struct ride *rides, struct convoy_pace *out_pace)
{
    struct road *road = arg;
    sync_lock(&road->mutex);
    unsigned frame = road->frames++;
    assert_true(frame < FRAMES_MAX);
    road->ops[frame] = rides->op;
    for (struct ride *ride = rides; ride != NULL; ride = ride->next) {
        assert_int_equal(ride->op, rides->op);
        road->rides[frame]++;
        road->items[frame] += ride->count;
        /* each hears of its own */
        ride->err = err_new(ERR_CONFLICT, __func__, "%zu", ride->items[0].input.len);
    }
    sync_wake_all(&road->changed);
    while (frame < road->held) {
        (void)sync_wait(&road->changed, &road->mutex, clock_deadline(60000));
    }
    *out_pace = road->pace;
    sync_unlock(&road->mutex);
}

static void road_open(struct road *road, unsigned frames_max)
{
    *road = (struct road){0};
    sync_init(&road->mutex, &road->changed);
    convoy_init(&road->convoy, drive, road);
    road->convoy.frames_max = frames_max;
    road->convoy.operation_ns = LONG_NS;
    road->convoy.patience_ns = LONG_NS;
    road->convoy.item_ns = 10000;
    road->convoy.share_k = SHARE_ALL;
}

static void road_close(struct road *road)
{
    assert_int_equal(road->convoy.waiting, 0);
    assert_int_equal(road->convoy.frames, 0);
    convoy_clear(&road->convoy);
    sync_destroy(&road->mutex, &road->changed);
}

static void *call(void *arg)
{
    static uint8_t input[64 << 10];
    struct caller *caller = arg;
    struct token_item items[32] = {0};
    struct frame_item requests[32] = {0};
    items[0].input = span_of(input, caller->len);
    struct ride ride = {.op = caller->op,
                        .items = items,
                        .requests = requests,
                        .count = caller->count,
                        .deadline_ns = clock_mono_ns() + caller->left_ns};
    caller->err = convoy_run(&caller->road->convoy, &ride);
    return NULL;
}

/* A call of one item whose length tells it from the others. */
static struct caller *start(struct road *road, struct caller *caller, enum token_op op, size_t len)
{
    *caller =
        (struct caller){.road = road, .op = op, .count = 1, .left_ns = 2 * LONG_NS, .len = len};
    caller->thread = sync_thread("caller", call, caller);
    return caller;
}

static void end(struct caller *caller)
{
    char due[24];
    assert_int_equal(pthread_join(caller->thread, NULL), 0);
    assert_int_equal(caller->err.code, ERR_CONFLICT);
    snprintf(due, sizeof(due), "%zu", caller->len);
    assert_string_equal(caller->err.detail, due);
}

static void await_frames(struct road *road, unsigned frames)
{
    sync_lock(&road->mutex);
    while (road->frames < frames) {
        assert_true(sync_wait(&road->changed, &road->mutex, clock_deadline(60000)));
    }
    assert_int_equal(road->frames, frames);
    sync_unlock(&road->mutex);
}

static void await_waiting(struct road *road, unsigned waiting)
{
    unsigned seen = 0;
    int64_t until = clock_deadline(60000);
    while (seen != waiting) {
        assert_true(clock_mono_ns() < until);
        (void)sched_yield();
        sync_lock(&road->convoy.mutex);
        seen = road->convoy.waiting;
        sync_unlock(&road->convoy.mutex);
    }
}

static void hold(struct road *road, unsigned frames)
{
    sync_lock(&road->mutex);
    road->held = frames;
    sync_wake_all(&road->changed);
    sync_unlock(&road->mutex);
}

static void who_waits_travels_together(void **state)
{
    (void)state;
    struct road road;
    struct caller callers[5];
    road_open(&road, 1);
    hold(&road, 1);
    start(&road, &callers[0], TOKEN_SIGN, 1);
    await_frames(&road, 1);
    for (size_t i = 1; i < 5; i++) {
        start(&road, &callers[i], TOKEN_SIGN, i + 1);
    }
    await_waiting(&road, 4);
    hold(&road, 0);
    for (size_t i = 0; i < 5; i++) {
        end(&callers[i]);
    }
    assert_int_equal(road.frames, 2);
    assert_int_equal(road.rides[0], 1);
    assert_int_equal(road.rides[1], 4);
    road_close(&road);
}

static void operations_do_not_mix(void **state)
{
    (void)state;
    struct road road;
    struct caller callers[4];
    road_open(&road, 1);
    hold(&road, 1);
    start(&road, &callers[0], TOKEN_SIGN, 1);
    await_frames(&road, 1);
    start(&road, &callers[1], TOKEN_ENCRYPT, 2);
    await_waiting(&road, 1);
    start(&road, &callers[2], TOKEN_SIGN, 3);
    await_waiting(&road, 2);
    start(&road, &callers[3], TOKEN_ENCRYPT, 4);
    await_waiting(&road, 3);
    hold(&road, 0);
    for (size_t i = 0; i < 4; i++) {
        end(&callers[i]);
    }
    assert_int_equal(road.frames, 3); /* the one that came first leads */
    assert_int_equal(road.ops[1], TOKEN_ENCRYPT);
    assert_int_equal(road.rides[1], 2);
    assert_int_equal(road.ops[2], TOKEN_SIGN);
    assert_int_equal(road.rides[2], 1);
    road_close(&road);
}

/* A frame takes two milliseconds of work along. */
static void a_frame_is_short(void **state)
{
    (void)state;
    struct road road;
    struct caller callers[6];
    road_open(&road, 1);
    road.convoy.item_ns = 800000;
    hold(&road, 1);
    start(&road, &callers[0], TOKEN_SIGN, 1);
    await_frames(&road, 1);
    for (size_t i = 1; i < 6; i++) {
        start(&road, &callers[i], TOKEN_SIGN, i + 1);
    }
    await_waiting(&road, 5);
    hold(&road, 0);
    for (size_t i = 0; i < 6; i++) {
        end(&callers[i]);
    }
    assert_int_equal(road.frames, 4);
    assert_int_equal(road.rides[1], 2);
    assert_int_equal(road.rides[2], 2);
    assert_int_equal(road.rides[3], 1);
    road_close(&road);
}

/* Of a long line a frame takes a fourth, however long its work. */
static void a_long_line_fills_frames(void **state)
{
    (void)state;
    struct road road;
    struct caller callers[13];
    road_open(&road, 1);
    road.convoy.item_ns = 1500000;
    hold(&road, 1);
    start(&road, &callers[0], TOKEN_SIGN, 1);
    await_frames(&road, 1);
    for (size_t i = 1; i < 13; i++) {
        start(&road, &callers[i], TOKEN_SIGN, i + 1);
    }
    await_waiting(&road, 12);
    hold(&road, 0);
    for (size_t i = 0; i < 13; i++) {
        end(&callers[i]);
    }
    assert_int_equal(road.rides[1], 2); /* 11 behind the one that leads */
    assert_int_equal(road.rides[2], 2);
    assert_int_equal(road.rides[3], 1); /* 7 */
    road_close(&road);
}

static void as_many_frames_as_processors(void **state)
{
    (void)state;
    struct road road;
    struct caller callers[3];
    road_open(&road, 2);
    road.convoy.item_ns = 300000;
    hold(&road, 2);
    start(&road, &callers[0], TOKEN_SIGN, 1);
    start(&road, &callers[1], TOKEN_SIGN, 2);
    await_frames(&road, 2);
    start(&road, &callers[2], TOKEN_SIGN, 3);
    await_waiting(&road, 1);
    hold(&road, 0);
    for (size_t i = 0; i < 3; i++) {
        end(&callers[i]);
    }
    assert_int_equal(road.frames, 3);
    road_close(&road);
}

static void quick_items_leave_a_processor(void **state)
{
    (void)state;
    struct road road;
    struct caller callers[3];
    road_open(&road, 2);
    hold(&road, 1);
    start(&road, &callers[0], TOKEN_SIGN, 1);
    await_frames(&road, 1);
    start(&road, &callers[1], TOKEN_SIGN, 2);
    start(&road, &callers[2], TOKEN_SIGN, 3);
    await_waiting(&road, 2);
    hold(&road, 0);
    for (size_t i = 0; i < 3; i++) {
        end(&callers[i]);
    }
    assert_int_equal(road.frames, 2);
    assert_int_equal(road.rides[1], 2);
    road_close(&road);
}

/* Calls that go alone are under way while the one frame is held. */
static void some_go_alone(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum token_op op;
        size_t count;
        int64_t left_ns;
        size_t len;
        int64_t share_k;
    } cases[] = {
        {"many items", TOKEN_SIGN, 17, 2 * LONG_NS, 1, SHARE_ALL},
        {"much to do", TOKEN_ENCRYPT, 1, 2 * LONG_NS, (16 << 10) + 1, SHARE_ALL},
        {"little time", TOKEN_SIGN, 1, LONG_NS / 2, 1, SHARE_ALL},
        {"random bytes", TOKEN_RANDOM, 1, 2 * LONG_NS, 1, SHARE_ALL},
        {"a token that works by itself", TOKEN_SIGN, 1, 2 * LONG_NS, 1, 63 * 1024},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct road road;
        struct caller first;
        struct caller other = {.road = &road,
                               .op = cases[i].op,
                               .count = cases[i].count,
                               .left_ns = cases[i].left_ns,
                               .len = cases[i].len};
        road_open(&road, 1);
        hold(&road, 1);
        start(&road, &first, TOKEN_SIGN, 1);
        await_frames(&road, 1);
        sync_lock(&road.convoy.mutex);
        road.convoy.share_k = cases[i].share_k;
        sync_unlock(&road.convoy.mutex);
        other.thread = sync_thread("caller", call, &other);
        end(&other);
        assert_int_equal(road.items[1], cases[i].count);
        hold(&road, 0);
        end(&first);
        road_close(&road);
    }
}

static void impatience_ends_a_wait(void **state)
{
    (void)state;
    struct road road;
    struct caller callers[2];
    road_open(&road, 1);
    road.convoy.patience_ns = 1;
    hold(&road, 1);
    start(&road, &callers[0], TOKEN_SIGN, 1);
    await_frames(&road, 1);
    start(&road, &callers[1], TOKEN_SIGN, 2);
    end(&callers[1]); /* while the first is still held */
    hold(&road, 0);
    end(&callers[0]);
    road_close(&road);
}

static void too_many_may_not_wait(void **state)
{
    (void)state;
    struct road road;
    struct caller first;
    struct caller second;
    struct caller third;
    road_open(&road, 1);
    road.convoy.calls_max = 2;
    hold(&road, 1);
    start(&road, &first, TOKEN_SIGN, 1);
    await_frames(&road, 1);
    start(&road, &second, TOKEN_SIGN, 2);
    await_waiting(&road, 1);
    start(&road, &third, TOKEN_SIGN, 3);
    assert_int_equal(pthread_join(third.thread, NULL), 0);
    assert_int_equal(third.err.code, ERR_OVERLOADED);
    hold(&road, 0);
    end(&first);
    end(&second);
    road_close(&road);
}

/* A line that would take longer than anybody should wait takes nobody more; but some may wait,
 * whatever the pace. */
static void a_slow_line_is_full(void **state)
{
    (void)state;
    struct road road;
    struct caller callers[5];
    road_open(&road, 1);
    road.convoy.item_ns = 300000000; /* one fits into half a second */
    road.convoy.waiting_min = 3;
    hold(&road, 1);
    start(&road, &callers[0], TOKEN_SIGN, 1);
    await_frames(&road, 1);
    for (size_t i = 1; i < 4; i++) {
        start(&road, &callers[i], TOKEN_SIGN, i + 1);
    }
    await_waiting(&road, 3);
    start(&road, &callers[4], TOKEN_SIGN, 5);
    assert_int_equal(pthread_join(callers[4].thread, NULL), 0);
    assert_int_equal(callers[4].err.code, ERR_OVERLOADED);
    hold(&road, 0);
    for (size_t i = 0; i < 4; i++) {
        end(&callers[i]);
    }
    road_close(&road);
}

static void learn_from(struct road *road, int64_t item_ns, uint8_t share, size_t frames)
{
    road->pace = (struct convoy_pace){.took_ns = 4 * item_ns, .share = share, .items = 4};
    for (size_t i = 0; i < frames; i++) {
        struct caller caller;
        road->frames = 0;
        start(road, &caller, TOKEN_SIGN, 1);
        end(&caller);
    }
}

static void what_it_learns(void **state)
{
    (void)state;
    struct road road;
    road_open(&road, 1);
    learn_from(&road, 2000000, 8, 64); /* an HSM behind a wire */
    assert_true(road.convoy.share_k < (int64_t)64 * 1024);
    assert_true(road.convoy.item_ns > 1900000 && road.convoy.item_ns <= 2000000);
    learn_from(&road, 60000, 250, 64); /* a token in software */
    assert_true(road.convoy.share_k > (int64_t)240 * 1024);
    assert_true(road.convoy.item_ns >= 60000 && road.convoy.item_ns < 70000);
    int64_t before = road.convoy.item_ns;
    learn_from(&road, 0, 0, 8); /* frames that failed tell nothing */
    assert_int_equal(road.convoy.item_ns, before);
    road_close(&road);
}

/* Many threads at once: nobody is forgotten, and each hears of its own. */
static void *call_often(void *arg)
{
    struct caller *caller = arg;
    for (size_t i = 0; i < 200; i++) {
        char due[24];
        call(caller);
        snprintf(due, sizeof(due), "%zu", caller->len);
        assert_int_equal(caller->err.code, ERR_CONFLICT);
        assert_string_equal(caller->err.detail, due);
    }
    return NULL;
}

static void drive_only(void *arg, struct ride *rides, struct convoy_pace *out_pace)
{
    (void)arg;
    for (struct ride *ride = rides; ride != NULL; ride = ride->next) {
        ride->err = err_new(ERR_CONFLICT, __func__, "%zu", ride->items[0].input.len);
    }
    *out_pace = (struct convoy_pace){0};
}

static void call_all_often(int64_t patience_ns)
{
    struct road road;
    struct caller callers[CALLERS_MAX];
    road_open(&road, 2);
    road.convoy.patience_ns = patience_ns;
    road.convoy.drive = drive_only;
    for (size_t i = 0; i < CALLERS_MAX; i++) {
        callers[i] = (struct caller){.road = &road,
                                     .op = i % 2 == 0 ? TOKEN_SIGN : TOKEN_ENCRYPT,
                                     .count = 1,
                                     .left_ns = 2 * LONG_NS,
                                     .len = i + 1};
        callers[i].thread = sync_thread("caller", call_often, &callers[i]);
    }
    for (size_t i = 0; i < CALLERS_MAX; i++) {
        assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
    }
    road_close(&road);
}

static void nobody_is_forgotten(void **state)
{
    (void)state;
    call_all_often(LONG_NS);
}

/* Impatience and arrival at once. */
static void nobody_is_forgotten_in_a_hurry(void **state)
{
    (void)state;
    call_all_often(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waits_travels_together),
        cmocka_unit_test(operations_do_not_mix),
        cmocka_unit_test(a_frame_is_short),
        cmocka_unit_test(a_long_line_fills_frames),
        cmocka_unit_test(as_many_frames_as_processors),
        cmocka_unit_test(quick_items_leave_a_processor),
        cmocka_unit_test(some_go_alone),
        cmocka_unit_test(impatience_ends_a_wait),
        cmocka_unit_test(too_many_may_not_wait),
        cmocka_unit_test(a_slow_line_is_full),
        cmocka_unit_test(what_it_learns),
        cmocka_unit_test(nobody_is_forgotten),
        cmocka_unit_test(nobody_is_forgotten_in_a_hurry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
