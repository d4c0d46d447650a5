/* token_fixture: a token whose worker is tests/lib/fake_worker.c, with a script, in a folder of its
 * own. */
#ifndef HSMGATE_TESTS_TOKEN_FIXTURE_H
#define HSMGATE_TESTS_TOKEN_FIXTURE_H

#include "pkcs11/token.h"

struct token_fixture {
    char folder[64];
    char *script;
    struct token *token;
};

/* What a test wants of its token. */
struct token_wish {
    const char *script; /* lines for the fake worker */
    unsigned channels;
    int64_t operation_ms;
};

/* Starts the token; the tests' assertions stop the test when that fails. */
void token_fixture_open(struct token_fixture *fixture, const struct token_wish *wish);
/* For CLEANUP. */
void token_fixture_close(struct token_fixture *fixture);
/* Opens and waits until the token is ready. */
void token_fixture_ready(struct token_fixture *fixture, const struct token_wish *wish);
/* How often the worker has been started. */
size_t token_fixture_starts(const struct token_fixture *fixture);
/* Waits until the state is reached; the test fails after 30 s. */
void token_fixture_await(const struct token_fixture *fixture, enum token_state state);
/* One signature of `byte` with P-256; the result of the call or of its item. Checks the output. */
struct err token_fixture_sign(const struct token_fixture *fixture, uint8_t byte,
                              int64_t deadline_ns);

#endif
