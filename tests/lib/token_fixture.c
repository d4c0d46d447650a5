/* token_fixture: see the header. Waiting for a state is polling with a bound, because the face has
 * no call that waits for a token to go down: no one but tests wants that. */
#include "tests/lib/token_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#define PATIENCE_MS 30000

void token_fixture_open(struct token_fixture *fixture, const struct token_wish *wish)
{
    *fixture = (struct token_fixture){.folder = "/tmp/hsmgate-token-XXXXXX"};
    assert_non_null(mkdtemp(fixture->folder));
    fixture->script = mem_format("%s/script", fixture->folder);
    struct err err = file_write(fixture->script, span_text(wish->script), 0600);
    assert_int_equal(err.code, ERR_OK);
    /* the fake worker checks which of these reach it; no other thread runs yet */
    (void)setenv("HSMGATE_TOKEN", "hg_secret", 1);
    (void)setenv("NOTIFY_SOCKET", "/nowhere", 1);
    (void)setenv("SOFTHSM2_CONF", "/nowhere", 1);
    struct token_config config = {
        .name = "fake",
        .worker_path = HSMGATE_FAKE_WORKER,
        .worker_config = fixture->script,
        .channels = wish->channels,
        .operation_ms = wish->operation_ms,
    };
    err = token_open(&config, &fixture->token);
    assert_int_equal(err.code, ERR_OK);
}

void token_fixture_close(struct token_fixture *fixture)
{
    token_close(TAKE(fixture->token));
    CLEANUP(mem_free_at) char *starts = mem_format("%s.starts", fixture->script);
    (void)unlink(starts);
    (void)unlink(fixture->script);
    (void)rmdir(fixture->folder);
    mem_free(TAKE(fixture->script));
}

void token_fixture_ready(struct token_fixture *fixture, const struct token_wish *wish)
{
    token_fixture_open(fixture, wish);
    struct err err = token_wait_ready(fixture->token, clock_deadline(PATIENCE_MS));
    if (err.code != ERR_OK) {
        fail_msg("not ready: %s", err.detail);
    }
}

size_t token_fixture_starts(const struct token_fixture *fixture)
{
    CLEANUP(mem_free_at) char *starts = mem_format("%s.starts", fixture->script);
    struct stat info;
    return stat(starts, &info) == 0 ? (size_t)info.st_size : 0;
}

void token_fixture_await(const struct token_fixture *fixture, enum token_state state)
{
    struct token_status status = {0};
    int64_t deadline = clock_deadline(PATIENCE_MS);
    do {
        token_status(fixture->token, &status);
        (void)usleep(1000);
    } while (status.state != state && clock_mono_ns() < deadline);
    assert_int_equal(status.state, state);
}

struct err token_fixture_sign(const struct token_fixture *fixture, uint8_t byte,
                              int64_t deadline_ns)
{
    struct token_key key = {.cka_id = {1}, .cka_id_len = 1, .algorithm = ALGORITHM_ECDSA_P256};
    uint8_t digest[SHA256_LEN] = {byte};
    struct token_item item = {
        .key = &key, .mechanism = TOKEN_ECDSA, .input = span_of(digest, sizeof(digest))};
    struct err err = token_run(fixture->token, TOKEN_SIGN, &item, 1, deadline_ns);
    if (err.code == ERR_OK && item.result.code == ERR_OK) {
        assert_int_equal(item.output.len, 64);
        assert_int_equal(item.output.data[63], byte);
    }
    err = err.code != ERR_OK ? err : item.result;
    buf_clear(&item.output);
    return err;
}
