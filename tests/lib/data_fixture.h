/* What tests of operations on data share: a real keystore, a fake token, and calls run straight
 * through a handler, without HTTP and without a pipeline. */
#ifndef HSMGATE_TESTS_LIB_DATA_FIXTURE_H
#define HSMGATE_TESTS_LIB_DATA_FIXTURE_H

#include "gateway/pipeline.h"
#include "tests/lib/fake_token_run.h"
#include "tests/unit/base_test.h"

struct data_fixture {
    char folder[64];
    struct config config;
    struct gateway gateway;
    struct token *token;
    struct token *tokens[1];
};

void data_fixture_open(struct data_fixture *fixture);
void data_fixture_close(struct data_fixture *fixture);

/* A key with version 1 active. `facts` may be NULL. */
void data_fixture_key(struct data_fixture *fixture, const char *name, enum algorithm algorithm,
                      enum purpose purpose, const struct key_facts *facts);
/* The next version becomes active, the old primary retiring. */
void data_fixture_rotate(struct data_fixture *fixture, const char *name);
void data_fixture_move(struct data_fixture *fixture, const char *name, uint32_t number,
                       enum version_state from, enum version_state to);

/* One call and what came of it. */
struct reply_seen {
    struct err err;
    struct json json; /* the answer, when there was no error */
    uint32_t version;
    uint32_t items;
    uint32_t items_failed;
    bool has_digest;
    uint8_t digest[SHA256_LEN];
};
/* `target` is NAME or NAME@N, NULL for none; `body` NULL for none. */
struct reply_seen data_fixture_call(struct data_fixture *fixture, route_handler *handler,
                                    const char *target, const char *body);
void reply_clear(struct reply_seen *reply);
/* The call ends in this error. */
void data_fixture_refused(struct data_fixture *fixture, route_handler *handler, const char *target,
                          const char *body, enum err_code code);
/* Members of an answer; the test fails when one is missing. `object` is the root or a result. */
struct span reply_text(const struct json_value *object, const char *name);
int64_t reply_integer(const struct json_value *object, const char *name);
bool reply_flag(const struct json_value *object, const char *name);
/* The i-th result of a batch; its `error.code`, or "" when it is good. */
const struct json_value *reply_result(const struct reply_seen *reply, size_t i);
struct span reply_error(const struct json_value *result);

#endif
