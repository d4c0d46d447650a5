/* token: the front's face to one PKCS#11 token, which lives in a worker process of its own.
 *
 * The front never loads a module and never knows a PIN: it starts `hsmgate-token` with the token's
 * own configuration file and speaks frames to it over one socketpair per channel. Every call here
 * blocks at most until its deadline. All functions may be called from any thread. */
#ifndef HSMGATE_PKCS11_TOKEN_H
#define HSMGATE_PKCS11_TOKEN_H

#include "base/algorithm.h"
#include "base/buf.h"
#include "base/envelope.h"

#define TOKEN_CKA_ID_MAX   32
#define TOKEN_IDENTITY_MAX 64
#define TOKEN_ITEMS_MAX    256
#define TOKEN_TEXT_MAX     64
#define TOKEN_IV_LEN       12
#define TOKEN_TAG_LEN      16

struct token;

struct token_config {
    const char *name;          /* the token's name in the gateway */
    const char *worker_path;   /* the program hsmgate-token */
    const char *worker_config; /* the token's own configuration file, which the worker reads */
    unsigned channels;         /* sessions, 1 to 256 */
    int64_t operation_ms;      /* the longest that one call may take before the worker is killed */
    unsigned calls_max; /* under way and waiting together; more: ERR_OVERLOADED at once; 0: no limit
                         */
    unsigned queue_max; /* waiting for a channel, and likewise for their turn to change the token's
                           objects; more: ERR_OVERLOADED at once; 0: no limit */
};

/* Starts the supervisor, which starts the worker; returns at once, the token may not be ready yet.
 * The strings are copied. ERR_CONFIG when the program or the file is missing. */
MUST_USE struct err token_open(const struct token_config *config, struct token **out);
/* Waits until the token is ready or has failed its first start: the last error, with its reason. */
MUST_USE struct err token_wait_ready(struct token *token, int64_t deadline_ns);
/* Kills the worker, joins the supervisor, frees. Takes NULL. No call may be under way. */
void token_close(struct token *token);
const char *token_name(const struct token *token);

/* What the worker needs to find a key and to be sure that it is the right one. */
struct token_key {
    uint8_t cka_id[TOKEN_CKA_ID_MAX];
    size_t cka_id_len;
    enum algorithm algorithm;
    enum purpose purpose;
    /* Public keys: SHA-256 of the DER SubjectPublicKeyInfo. HMAC: the first 16 bytes of HMAC(key,
     * "hsmgate/v1/kcv" ‖ CKA_ID). AES: IV ‖ tag of an empty plaintext under AAD "hsmgate/v1/kcv" ‖
     * CKA_ID; where the token cannot seal nothing, IV ‖ ciphertext ‖ tag of 16 fixed bytes. Made by
     * generate, checked before first use. */
    uint8_t identity[TOKEN_IDENTITY_MAX];
    size_t identity_len;
};

enum token_mechanism {
    TOKEN_AES_GCM,
    TOKEN_HMAC,           /* the hash follows from the key's algorithm; input: the message */
    TOKEN_ECDSA,          /* input: a digest; output: r‖s, fixed width */
    TOKEN_EDDSA,          /* input: the message */
    TOKEN_RSA_PKCS1,      /* input: DER DigestInfo */
    TOKEN_RSA_PSS_SHA256, /* input: a digest; MGF1 with the same hash, salt as long as the hash */
    TOKEN_RSA_PSS_SHA384,
    TOKEN_RSA_PSS_SHA512,
    TOKEN_RSA_OAEP_SHA1, /* decrypt only */
    TOKEN_RSA_OAEP_SHA256,
    TOKEN_MECHANISM_COUNT
};

enum token_op {
    TOKEN_SIGN,     /* private key operations and MACs: output is the signature */
    TOKEN_ENCRYPT,  /* output: ciphertext ‖ tag; extra: the IV, made by the token */
    TOKEN_DECRYPT,  /* input: ciphertext ‖ tag; output: plaintext. ERR_INVALID_CIPHERTEXT for
                       whatever is wrong with it */
    TOKEN_DATA_KEY, /* `bytes` random bytes made in the worker and encrypted: output ciphertext ‖
                       tag, extra IV, and plaintext only when `reveal` */
    TOKEN_RANDOM,   /* output: `bytes` random bytes of the token; no key, no mechanism */
    TOKEN_OP_COUNT
};

/* One item of a call. The caller zeroes it, fills the first part and clears the three bufs after
 * use. */
struct token_item {
    const struct token_key *key;
    enum token_mechanism mechanism;
    struct span input;
    struct span aad; /* GCM */
    struct span iv;  /* decrypt */
    uint32_t bytes;
    bool reveal;
    /* filled by token_run */
    struct err result;
    struct buf output;
    struct buf extra;
    struct buf plaintext; /* TOKEN_DATA_KEY with reveal */
};

/* Runs 1 to TOKEN_ITEMS_MAX items in one round trip. Each item has its own result; the call itself
 * fails with ERR_TOKEN_UNAVAILABLE (worker down, breaker open, died twice), ERR_OVERLOADED (no
 * channel before the deadline) or ERR_DEADLINE, and then no item has a result. Retried once on a
 * fresh worker while the deadline allows, because all of these are idempotent. */
MUST_USE struct err token_run(struct token *token, enum token_op op, struct token_item *items,
                              size_t count, int64_t deadline_ns);

/* Makes key material on the token with the template of its role, reads every security attribute
 * back and makes its identity. `key` carries CKA_ID, algorithm and purpose in, identity out;
 * public_key gets the DER SubjectPublicKeyInfo (empty for secret keys). Never retried: after
 * ERR_TOKEN_UNAVAILABLE or ERR_DEADLINE the material may or may not exist. One key is made,
 * destroyed or listed at a time; ERR_OVERLOADED: the turn did not come in time, and nothing was
 * made. ERR_UNSUPPORTED_BY_TOKEN; ERR_CONFLICT when CKA_ID is taken. */
MUST_USE struct err token_generate(struct token *token, struct token_key *key, const char *label,
                                   int64_t deadline_ns, struct buf *public_key);
/* What is on the token already: exactly one of the two. */
struct token_selector {
    struct span cka_id; /* empty: by label */
    const char *label;  /* or NULL */
};
/* Takes over key material that somebody else put on the token: finds the one secret or private key
 * that `which` names, proves that it is of the key's algorithm and may and can serve its purpose,
 * and makes its identity. `key` carries algorithm and purpose in, CKA_ID and identity out;
 * *out_attributes (1u << enum token_attribute) are the object's, for the caller to judge how well
 * it is protected; public_key gets the DER SubjectPublicKeyInfo (empty for secret keys). Nothing on
 * the token is changed; retried like an operation. ERR_NOT_FOUND; ERR_CONFLICT when the name or its
 * CKA_ID fits more than one; ERR_UNSUPPORTED_OPERATION when the material is not fit, as the detail
 * says; ERR_UNSUPPORTED_BY_TOKEN; ERR_INVALID_FIELD. */
MUST_USE struct err token_adopt(struct token *token, const struct token_selector *which,
                                struct token_key *key, int64_t deadline_ns,
                                uint32_t *out_attributes, struct buf *public_key);
/* Destroys every object with the CKA_ID and proves that none is left; ERR_NOT_FOUND when there was
 * none. ERR_APPROVAL_REQUIRED for material that demands approvals. */
MUST_USE struct err token_destroy(struct token *token, struct span cka_id, int64_t deadline_ns);
/* The same for such material: `permission` is the bundle (quorum.h) of a STATEMENT_DESTROY that
 * names it and was approved at least its `after_s` ago. ERR_APPROVAL_REQUIRED with the worker's
 * reason. */
MUST_USE struct err token_destroy_approved(struct token *token, struct span cka_id,
                                           struct span permission, int64_t deadline_ns);

/* One ciphertext that a quorum lets somebody open. */
struct token_opening {
    const struct token_key *key;
    struct span bundle; /* statement, votes and rosters as bundle_write (quorum.h) writes them */
    struct span ciphertext; /* the whole envelope (base/envelope.h) */
    struct span context;    /* canonical */
};
/* Breaks the glass: the worker checks the bundle against the root that its own configuration pins
 * and against the newest roster that it ever saw, that the statement names this key, ciphertext and
 * context, and that it was never spent; it notes durably that it is spent now, opens the
 * ciphertext, and seals the plaintext to the statement's recipient. out_jwe: JWE Compact
 * Serialization (RFC 7516 §7.1), ECDH-ES with A256GCM, `kid` the statement's id. Never retried:
 * after ERR_TOKEN_UNAVAILABLE or ERR_DEADLINE nobody knows whether it was opened.
 * ERR_APPROVAL_REQUIRED with the worker's reason, before anything was spent; ERR_CONFLICT: spent
 * before; ERR_INVALID_CIPHERTEXT, ERR_INVALID_STATE (the worker pins no root). */
MUST_USE struct err token_open_sealed(struct token *token, const struct token_opening *opening,
                                      int64_t deadline_ns, struct buf *out_jwe);
/* Shows the worker the chain of rosters (a bundle with an empty statement and no votes), so that it
 * never again believes an older one. ERR_APPROVAL_REQUIRED with the reason when it does not follow
 * from the pinned root or from what it saw; ERR_INVALID_STATE when it pins none. */
MUST_USE struct err token_show_rosters(struct token *token, struct span bundle,
                                       int64_t deadline_ns);

enum token_object_class {
    TOKEN_OBJECT_PRIVATE,
    TOKEN_OBJECT_PUBLIC,
    TOKEN_OBJECT_SECRET,
    TOKEN_OBJECT_OTHER
};
/* What a key object says of itself. Where a token is silent about a protection, the object counts
 * as unprotected; where it is silent about a use, as not made for it. */
enum token_attribute {
    TOKEN_ATTRIBUTE_EXTRACTABLE,         /* CKA_EXTRACTABLE is true */
    TOKEN_ATTRIBUTE_MODIFIABLE,          /* CKA_MODIFIABLE is true */
    TOKEN_ATTRIBUTE_NOT_SENSITIVE,       /* CKA_SENSITIVE is false */
    TOKEN_ATTRIBUTE_PUBLIC_OBJECT,       /* a secret or private key whose CKA_PRIVATE is false */
    TOKEN_ATTRIBUTE_WAS_EXTRACTABLE,     /* CKA_NEVER_EXTRACTABLE is false */
    TOKEN_ATTRIBUTE_IMPORTED,            /* CKA_LOCAL is false */
    TOKEN_ATTRIBUTE_COPYABLE,            /* CKA_COPYABLE is true */
    TOKEN_ATTRIBUTE_ALWAYS_AUTHENTICATE, /* its own CKA_: the PIN before every use */
    TOKEN_ATTRIBUTE_WRAPS,               /* CKA_WRAP is true; likewise those that follow */
    TOKEN_ATTRIBUTE_UNWRAPS,
    TOKEN_ATTRIBUTE_DERIVES,
    TOKEN_ATTRIBUTE_ENCRYPTS,
    TOKEN_ATTRIBUTE_DECRYPTS,
    TOKEN_ATTRIBUTE_SIGNS,
    TOKEN_ATTRIBUTE_VERIFIES,
    TOKEN_ATTRIBUTE_COUNT
};
/* `was-extractable`; static, for JSON. */
const char *token_attribute_name(enum token_attribute attribute);

struct token_object {
    enum token_object_class class;
    bool has_algorithm;       /* it is a key of one of our algorithms */
    enum algorithm algorithm; /* by type and size or curve; a generic secret counts as the HMAC
                                 whose keys have its length */
    uint32_t attributes;      /* 1u << enum token_attribute */
    uint8_t cka_id[TOKEN_CKA_ID_MAX];
    size_t cka_id_len; /* 0 when it has none, or one that is too long for us */
    char label[TOKEN_TEXT_MAX + 1];
};
/* Whether its uses give other keys away: it is never adopted then. Pure. */
bool token_object_leaks(const struct token_object *object);
/* Every key object on the token; free with mem_free. */
MUST_USE struct err token_inventory(struct token *token, int64_t deadline_ns,
                                    struct token_object **out, size_t *out_count);
/* One byte of randomness through a channel: whether the token answers now. */
MUST_USE struct err token_canary(struct token *token, int64_t deadline_ns);

enum token_state {
    TOKEN_STARTING,
    TOKEN_READY,
    TOKEN_DOWN,   /* waiting to start the worker again */
    TOKEN_LATCHED /* the PIN was refused: a person must act */
};
/* What the probe found by doing it, one bit each. */
struct token_probe {
    uint32_t algorithms;   /* 1u << enum algorithm: generate, use and check worked */
    uint32_t mechanisms;   /* 1u << enum token_mechanism */
    uint32_t sessions;     /* that could be opened */
    bool gcm_iv_by_caller; /* false: the token makes IVs itself */
    bool empty_plaintext;
    bool copies_extractable; /* it copies a key that must not leave it into one that may */
    uint64_t tamper_ckr;     /* what C_Decrypt returned for a tampered tag */
};
/* Classes of the worker's answers (frame.h); index 0 is success and never counted. */
#define TOKEN_ERROR_COUNT 17
struct token_status {
    enum token_state state;
    uint64_t epoch;    /* grows with every login */
    uint64_t restarts; /* workers started after the first */
    uint64_t timeouts; /* workers killed for a missed deadline */
    uint64_t calls;
    uint64_t failures;
    uint64_t errors[TOKEN_ERROR_COUNT]; /* items and calls that the worker could not do, by class */
    unsigned channels;
    unsigned channels_busy;
    char label[TOKEN_TEXT_MAX + 1];
    char serial[TOKEN_TEXT_MAX + 1];
    char manufacturer[TOKEN_TEXT_MAX + 1];
    char model[TOKEN_TEXT_MAX + 1];
    char
        last_error[ERR_DETAIL_MAX]; /* for operators: may name a CKR; never sent to a data caller */
    int worker_pid;                 /* 0 when none */
    struct token_probe probe;
};
void token_status(struct token *token, struct token_status *out);
const char *token_state_name(enum token_state state);
/* `caller_data`; static, for metrics. `class` is an index of token_status.errors. */
const char *token_error_name(size_t class);
const char *token_mechanism_name(enum token_mechanism mechanism);
/* The mechanism that opens what an envelope of ours holds. */
enum token_mechanism token_mechanism_of(enum envelope_algorithm algorithm);
/* What a token does of a signature in the scheme. */
enum token_mechanism token_mechanism_of_scheme(enum scheme scheme);
/* Whether the probe passed the algorithm for the purpose; true before the first probe. */
bool token_supports(struct token *token, enum algorithm algorithm, enum purpose purpose);

#endif
