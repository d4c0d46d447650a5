/* glass_scene: a SoftHSM token whose worker pins a roster, keys and ciphertexts on it, and a front
 * that may say to the worker whatever a test likes. */
#ifndef HSMGATE_TESTS_UNIT_GLASS_SCENE_H
#define HSMGATE_TESTS_UNIT_GLASS_SCENE_H

#include "base/clock.h"
#include "base/envelope.h"
#include "pkcs11/token.h"
#include "tests/lib/softhsm.h"
#include "tests/unit/glass_fixture.h"

#define SOON          clock_deadline(30000)
#define SECRET        "the words that were locked away!"
#define GLASS_KEY     "team/prod/dek" /* the name of every key here … */
#define GLASS_VERSION 3               /* … and its version, as the labels say */
#define CONTEXT       "{\"tenant\":\"a\"}"
#define HOUR_MS       ((int64_t)3600 * 1000)

/* Everything that one test has. */
struct scene {
    struct glass glass;
    struct softhsm softhsm;
    struct token *token;
    struct buf jwk_text;
    struct json jwk;
    struct recipient recipient;
};
extern struct scene scene;

/* For cmocka: a fresh token with roster 1 of a fresh glass. */
int scene_start(void **state);
int scene_stop(void **state);
/* Another worker, and front, for the same token. */
struct token *scene_open_token(void);
void scene_restart(void);
/* The worker's lines that pin the first roster, and more. */
void scene_configure(const char *extra);
/* A key whose CKA_ID demands `m` keepers. */
void scene_generate(enum algorithm algorithm, enum purpose purpose, uint8_t m,
                    struct token_key *out, struct buf *public_key);

/* One key and one ciphertext of it. */
struct locked {
    struct token_key key;
    struct uuid id;
    struct buf blob;
};
void locked_clear(struct locked *locked);
/* SECRET under a new AES key that demands `m` keepers. */
void scene_lock_up(uint8_t m, enum envelope_type type, struct locked *out);
/* Fills what a statement says about the key. */
void locked_identify(struct statement *says, const struct locked *locked);
/* That two keepers still open it, and what an ordinary decryption says. */
void locked_expect_opens(const struct locked *locked);
struct err locked_decrypt_plainly(const struct locked *locked);

/* What one opening is made of; a test bends some of it. */
struct ask {
    struct statement says;
    const char *voters; /* digits, one vote each; a letter after it: d deny, f forged, e early */
    bool twisted;       /* approvals are sent as denials and back */
    bool another;       /* votes are for another statement */
    size_t rosters;     /* of the chain that is shown */
    const struct glass *glass;
    struct token_key key;
    struct span ciphertext;
    struct span context;
    /* made by ask_bundle */
    struct buf statement;
    struct glass_vote signatures[GLASS_VOTES];
    struct vote votes[GLASS_VOTES];
    struct buf bundle;
};
/* What would work. */
void ask_begin(struct ask *ask, const struct locked *locked);
void ask_bundle(struct ask *ask);
struct err ask_send(struct token *token, const struct ask *ask, struct buf *jwe);
/* Both. */
struct err ask_open(struct ask *ask, struct buf *jwe);
/* That the same bundle does not open again. */
void ask_expect_spent(const struct ask *ask);
void ask_clear(struct ask *ask);

void scene_ok(struct err err);
/* The code, and words that the detail has. */
void scene_expect(struct err err, enum err_code code, const char *says);
/* Whether the `jose` program opens it with the recipient's key. */
bool scene_unseals(struct span jwe, const char *plaintext);
void scene_output_of(const char *command, struct buf *out);
void scene_digest(struct span bytes, uint8_t out[SHA256_LEN]);

#endif
