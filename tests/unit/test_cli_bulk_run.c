/* bulk_run and patience: what is tried again and for how long, what ends the run, and what stands
 * in the files after each. The gateway is a script. */
#include <fcntl.h>

#include "base/clock.h"
#include "base/sync.h"
#include "cli/bulk_run.h"
#include "cli/options.h"
#include "cli_test.h"
#include "tests/lib/http_stub.h"

#define GOOD "{\"results\":[{\"ciphertext\":\"bmV3\"}]}"

struct bench {
    char folder[32];
    char *in;
    char *out;
    char *state;
    char *rejects;
    struct http_stub *stub;
    struct client *client;
    struct options options;
};

static int open_bench(void **state)
{
    struct bench *bench = mem_alloc(sizeof(*bench));
    (void)snprintf(bench->folder, sizeof(bench->folder), "/tmp/hsmgate-cli-test-XXXXXX");
    assert_non_null(mkdtemp(bench->folder));
    bench->in = mem_format("%s/in", bench->folder);
    bench->out = mem_format("%s/out", bench->folder);
    bench->state = mem_format("%s/out.state", bench->folder);
    bench->rejects = mem_format("%s/out.rejects", bench->folder);
    bench->stub = http_stub_open();
    char address[64];
    (void)snprintf(address, sizeof(address), "%s", http_stub_url(bench->stub));
    *strrchr(address, '/') = '\0';
    assert_int_equal(setenv("HSMGATE_ADDR", address, 1), 0);
    assert_ok(client_open(&bench->client));
    bench->options.values[OPTION_KEY_NAME] = "a/b";
    bench->options.values[OPTION_IN] = bench->in;
    bench->options.values[OPTION_OUT] = bench->out;
    bench->options.values[OPTION_JSON] = ""; /* quiet */
    assert_ok(file_write(bench->in, span_text("b2xk\n"), 0600));
    *state = bench;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *bench = *state;
    client_close(bench->client);
    http_stub_close(bench->stub);
    (void)unlink(bench->in);
    (void)unlink(bench->out);
    (void)unlink(bench->state);
    (void)unlink(bench->rejects);
    (void)rmdir(bench->folder);
    mem_free(bench->in);
    mem_free(bench->out);
    mem_free(bench->state);
    mem_free(bench->rejects);
    mem_free(bench);
    return 0;
}

static void say(struct bench *bench, const char *head, const char *body)
{
    CLEANUP(mem_free_at)
    char *reply =
        mem_format("HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", head, strlen(body), body);
    http_stub_say(bench->stub, span_text(reply));
}

static void say_busy(struct bench *bench, const char *more)
{
    CLEANUP(mem_free_at) char *head = mem_format("503 Busy%s", more);
    say(bench, head, "{\"code\":\"overloaded\",\"detail\":\"later\"}");
}

static struct err run(struct bench *bench, struct bulk_counts *out, bool *out_stopped)
{
    CLEANUP(bulk_close) struct bulk bulk;
    *out_stopped = false;
    *out = (struct bulk_counts){0};
    TRY(bulk_open(bench->client, &bench->options, &bulk, out_stopped));
    const struct err err = *out_stopped ? err_ok() : bulk_run(&bulk, out_stopped);
    *out = bulk.state.counts;
    return err;
}

/* The stub counts a request after it has answered. */
static void assert_asked(struct bench *bench, unsigned count)
{
    assert_true(http_stub_wait(bench->stub, count));
    assert_int_equal(http_stub_count(bench->stub), count);
}

static void assert_file(const char *path, const char *content)
{
    CLEANUP(buf_clear) struct buf text = {0};
    assert_ok(file_read(path, &text));
    assert_span_is(buf_span(&text), content);
}

/* After this many requests: the good answer, or a signal. */
struct turn {
    struct bench *bench;
    unsigned after;
    int signal; /* 0: the answer */
};

static void *take_turn(void *arg)
{
    const struct turn *turn = arg;
    if (!http_stub_wait(turn->bench->stub, turn->after)) {
        return NULL;
    }
    if (turn->signal != 0) {
        (void)kill(getpid(), turn->signal);
    } else {
        say(turn->bench, "200 OK", GOOD);
    }
    return arg;
}

static void test_a_good_run(void **state)
{
    struct bench *bench = *state;
    struct bulk_counts counts;
    bool stopped;
    CLEANUP(buf_clear) struct buf request = {0};
    say(bench, "200 OK", GOOD);
    assert_ok(run(bench, &counts, &stopped));
    assert_false(stopped);
    assert_int_equal(counts.rewrapped, 1);
    assert_file(bench->out, "bmV3\n");
    http_stub_last(bench->stub, &request);
    assert_true(span_starts(buf_span(&request), "POST /v1/keys/a/b:rewrap HTTP/1.1\r\n"));
    assert_true(span_has(buf_span(&request), "\r\n\r\n{\"items\":[{\"ciphertext\":\"b2xk\"}]}"));
    assert_int_equal(access(bench->rejects, F_OK), -1); /* made only when it is needed */
}

static void test_asks_again_while_the_gateway_cannot_serve(void **state)
{
    struct bench *bench = *state;
    static const char *const busy[] = {"503 Busy", "429 Slow", "502 Proxy", "504 Late", "200 OK"};
    static const char *const bodies[] = {
        "{\"code\":\"overloaded\",\"detail\":\"later\"}",
        "{\"code\":\"rate_limited\",\"detail\":\"later\"}", "<html>", "",
        "{\"results\":[{\"error\":{\"code\":\"token_unavailable\",\"detail\":\"later\"}}]}"};
    unsigned asked = 0;
    for (size_t i = 0; i < ARRAY_LEN(busy); i++) {
        struct bulk_counts counts;
        bool stopped;
        struct turn turn = {bench, asked + 1, 0};
        say(bench, busy[i], bodies[i]);
        const pthread_t thread = sync_thread("turn", take_turn, &turn);
        assert_ok(run(bench, &counts, &stopped));
        void *done = NULL;
        assert_int_equal(pthread_join(thread, &done), 0);
        assert_non_null(done);
        assert_int_equal(counts.rewrapped, 1);
        asked += 2; /* at least: it may have asked more than once before our turn */
        assert_true(http_stub_wait(bench->stub, asked));
        asked = http_stub_count(bench->stub);
        (void)unlink(bench->out);
        (void)unlink(bench->state);
    }
}

static void test_patience_ends(void **state)
{
    struct bench *bench = *state;
    struct bulk_counts counts;
    bool stopped;
    bench->options.values[OPTION_PATIENCE] = "1s";
    say_busy(bench, "");
    const int64_t start_ns = clock_mono_ns();
    assert_code(run(bench, &counts, &stopped), ERR_OVERLOADED);
    assert_true(clock_mono_ns() - start_ns >= 1000000000);
    assert_true(http_stub_count(bench->stub) >= 3);
    assert_int_equal(counts.lines, 0);
    assert_file(bench->out, "");
    assert_int_equal(access(bench->state, F_OK), 0);
}

static void test_no_second_try_when_it_would_be_too_late(void **state)
{
    struct bench *bench = *state;
    struct bulk_counts counts;
    bool stopped;
    say_busy(bench, "\r\nRetry-After: 3600");
    assert_code(run(bench, &counts, &stopped), ERR_OVERLOADED);
    assert_asked(bench, 1);
}

static void test_a_refusal_ends_the_run_at_once(void **state)
{
    struct bench *bench = *state;
    struct bulk_counts counts;
    bool stopped;
    say(bench, "403 No", "{\"code\":\"forbidden\",\"detail\":\"no\"}");
    assert_code(run(bench, &counts, &stopped), ERR_FORBIDDEN);
    say(bench, "409 No", "{\"code\":\"key_exhausted\",\"detail\":\"rotate\"}");
    assert_code(run(bench, &counts, &stopped), ERR_KEY_EXHAUSTED);
    say(bench, "200 OK", "{\"results\":[]}");
    assert_code(run(bench, &counts, &stopped), ERR_CORRUPT);
    assert_asked(bench, 3);
    say(bench, "200 OK", GOOD); /* and the same run goes on */
    assert_ok(run(bench, &counts, &stopped));
    assert_file(bench->out, "bmV3\n");
}

static void test_a_signal_ends_a_pause(void **state)
{
    struct bench *bench = *state;
    struct bulk_counts counts;
    bool stopped;
    struct turn turn = {bench, 1, SIGINT};
    say_busy(bench, "\r\nRetry-After: 200");
    struct stop held; /* from before the thread on, or it would take the signal */
    assert_ok(stop_open(&held));
    const pthread_t thread = sync_thread("turn", take_turn, &turn);
    assert_ok(run(bench, &counts, &stopped));
    assert_true(stopped);
    assert_int_equal(pthread_join(thread, NULL), 0);
    stop_close(&held);
    assert_int_equal(counts.lines, 0);
}

static void test_output_behind_the_state_is_cut_off(void **state)
{
    struct bench *bench = *state;
    struct bulk_counts counts;
    bool stopped;
    assert_ok(file_write(bench->in, span_text("b2xk\nb2x!\nb2xk\n"), 0600));
    say(bench, "403 No", "{\"code\":\"forbidden\",\"detail\":\"no\"}");
    assert_code(run(bench, &counts, &stopped), ERR_FORBIDDEN);
    /* as a run leaves them that died between writing and recording */
    assert_ok(file_write(bench->out, span_text("bmV3\nbm"), 0600));
    assert_ok(file_write(bench->rejects, span_text("{\"line\":2"), 0600));
    say(bench, "200 OK", "{\"results\":[{\"ciphertext\":\"bmV3\"},{\"ciphertext\":\"bmV4\"}]}");
    assert_ok(run(bench, &counts, &stopped));
    assert_file(bench->out, "bmV3\nbmV4\n");
    assert_file(bench->rejects, "{\"line\":2,\"error\":\"invalid_base64\",\"detail\":\"not strict "
                                "base64 (RFC 4648)\",\"input\":\"b2x!\"}\n");
    assert_int_equal(counts.bad, 1);
}

static void test_files_of_others_are_left_alone(void **state)
{
    struct bench *bench = *state;
    struct bulk_counts counts;
    bool stopped;
    assert_ok(file_write(bench->rejects, span_text("mine"), 0600));
    assert_code(run(bench, &counts, &stopped), ERR_CONFLICT);
    assert_file(bench->rejects, "mine");
    (void)unlink(bench->rejects);
    (void)unlink(bench->state);
    assert_ok(file_write(bench->out, span_text("mine"), 0600));
    assert_code(run(bench, &counts, &stopped), ERR_CONFLICT);
    assert_file(bench->out, "mine");
    assert_int_equal(access(bench->state, F_OK), -1);
    bench->options.values[OPTION_OUT] = bench->in;
    assert_code(run(bench, &counts, &stopped), ERR_CONFLICT);
    assert_file(bench->in, "b2xk\n");
    assert_int_equal(http_stub_count(bench->stub), 0);
}

/* A run that was cut off is gone on with by other names: nothing of theirs is cut off or removed.
 */
static void test_files_that_it_was_not_begun_with(void **state)
{
    struct bench *bench = *state;
    struct bulk_counts counts;
    bool stopped;
    CLEANUP(mem_free_at) char *other = mem_format("%s/other", bench->folder);
    say(bench, "403 No", "{\"code\":\"forbidden\",\"detail\":\"no\"}");
    assert_code(run(bench, &counts, &stopped), ERR_FORBIDDEN);
    assert_ok(file_write(other, span_text("mine"), 0600));
    bench->options.values[OPTION_STATE] = bench->state;
    static const enum option_id names[] = {OPTION_REJECTS, OPTION_OUT};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *before = bench->options.values[names[i]];
        bench->options.values[names[i]] = other;
        assert_code(run(bench, &counts, &stopped), ERR_CONFLICT);
        assert_file(other, "mine");
        bench->options.values[names[i]] = before;
    }
    (void)unlink(other);
    (void)unlink(bench->state);
    (void)unlink(bench->out);
    bench->options.values[OPTION_STATE] = bench->out; /* it would take the output's name */
    assert_code(run(bench, &counts, &stopped), ERR_CONFLICT);
    assert_file(bench->out, "");
}

static void test_status_lines(void **state)
{
    (void)state;
    static const struct {
        uint64_t size;
        struct bulk_counts counts;
        const char *line;
    } cases[] = {
        {0, {.lines = 2100, .bytes = 900}, "2100 lines, 1000 a second, 0 bad"},
        {1000,
         {.lines = 1100, .bytes = 500, .bad = 3},
         "1100 lines, 50 %, about 3s left, 500 a second, 3 bad"},
        {1000, {.lines = 100, .bytes = 100}, "100 lines, 10 %, 0 a second, 0 bad"},
        {100, {.lines = 200, .bytes = 200}, "200 lines, 50 a second, 0 bad"}, /* it grew */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char line[BULK_STATUS_MAX];
        struct bulk_progress progress = {
            .size = cases[i].size, .first = {.lines = 100, .bytes = 100}, .start_ns = 1000000000};
        bulk_progress_line(&progress, &cases[i].counts, 3000000000, line);
        assert_string_equal(line, cases[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
        BENCH(test_a_good_run),
        BENCH(test_asks_again_while_the_gateway_cannot_serve),
        BENCH(test_patience_ends),
        BENCH(test_no_second_try_when_it_would_be_too_late),
        BENCH(test_a_refusal_ends_the_run_at_once),
        BENCH(test_a_signal_ends_a_pause),
        BENCH(test_output_behind_the_state_is_cut_off),
        BENCH(test_files_of_others_are_left_alone),
        BENCH(test_files_that_it_was_not_begun_with),
        cmocka_unit_test(test_status_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
