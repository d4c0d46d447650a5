/* A gateway without HTTP and without a PKCS#11 worker: real keystore and audit log in a temporary
 * folder, the real pipeline and handlers, a fake token that makes P-256 keys in software, and an
 * exchange_send that hands the reply to the test. */
#ifndef HSMGATE_TESTS_UNIT_GATEWAY_FIXTURE_H
#define HSMGATE_TESTS_UNIT_GATEWAY_FIXTURE_H

#include "base_test.h"

#include "base/json.h"
#include "gateway/gateway.h"
#include "gateway/pipeline.h"

#define ADMIN_TOKEN "hg_admin-token-of-the-tests"
#define OTHER_TOKEN "hg_a-caller-without-any-grant"

struct fixture {
    char folder[64];
    char database[96];
    char audit_folder[96];
    struct config config;
    struct gateway gateway;
    struct token *tokens[1];
};

/* Everything open, with the callers token:admin (an administrator) and token:other. */
void fixture_open(struct fixture *fixture);
void fixture_close(struct fixture *fixture);

/* What one request gets. Free with answer_clear. */
struct answer {
    int status;
    char content_type[64];
    char allow[64];
    char etag[80];
    unsigned retry_after_s;
    unsigned public_max_age_s;
    struct buf body;
    struct json json; /* of the body, when it is JSON */
};
void answer_clear(struct answer *answer);

struct asking {
    enum method method;
    const char *path;
    const char *query; /* or NULL, likewise the others */
    const char *body;
    const char *bearer;
    const char *content_type;
    const char *if_none_match;
    bool local;
    uid_t uid;
    bool late; /* the deadline has passed */
};
/* Runs the request through the pipeline and waits for its reply. */
struct answer fixture_ask(struct fixture *fixture, const struct asking *asking);
/* The same for the administrator. */
struct answer fixture_admin(struct fixture *fixture, enum method method, const char *path,
                            const char *body);
/* Fails the test unless the answer is a problem with this status and code. */
void assert_problem(const struct answer *answer, int status, const char *code);
/* Text member of the answer's JSON object; fails the test when it is not there. */
struct span answer_text(const struct answer *answer, const char *name);
int64_t answer_integer(const struct answer *answer, const char *name);

/* The last line of the audit log. */
void fixture_last_record(struct fixture *fixture, struct json *out);
size_t fixture_count_records(struct fixture *fixture, const char *needle);

/* Makes a key through the API: fails the test when that fails. */
void fixture_make_key(struct fixture *fixture, const char *name, const char *members);

/* --- the fake token --- */
/* What the next calls to the token give: an error code, or ERR_OK for a token that works. */
void fake_token_fail(enum err_code code);
/* From now on its signatures are over something else, or no longer. */
enum fake_honesty { FAKE_HONEST, FAKE_LYING };
void fake_token_signs(enum fake_honesty honesty);
/* What the worker says when the glass is to be broken, rosters are shown, or material is destroyed
 * with a permission: a refusal of this code and detail, or ERR_OK: FAKE_JWE. `detail` is static. */
#define FAKE_JWE "eyJhbGciOiJFQ0RILUVTIn0..aXY.Y2lwaGVydGV4dA.dGFn"
void fake_token_judges(enum err_code code, const char *detail);
/* Runs once, when the token is next asked how it is: between two steps of the gateway. */
void fake_token_on_status(void (*hook)(void));
/* What it was shown so far, refused or not. */
struct fake_shown {
    size_t openings;
    size_t rosters;
    size_t permissions;
};
struct fake_shown fake_token_shown(void);
struct token *fake_token_make(const char *name);
/* Puts a P-256 pair on the token that somebody else made, with these attributes (1u << enum
 * token_attribute). */
void fake_token_import(struct token *token, struct span cka_id, const char *label,
                       uint32_t attributes);
void fake_token_free(struct token *token);

#endif
