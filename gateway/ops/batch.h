/* batch: the items of one data call, one or up to 256, from JSON to answer.
 *
 * A verb says how one item is read, what all good ones do together, and how one is answered; batch
 * does the rest: `items` or a single object, references, errors item by item, and what the record
 * says. Read a verb in data.c first. */
#ifndef HSMGATE_GATEWAY_OPS_BATCH_H
#define HSMGATE_GATEWAY_OPS_BATCH_H

#include "base/envelope.h"
#include "gateway/pipeline.h"

#define BATCH_ITEMS_MAX TOKEN_ITEMS_MAX
#define REFERENCE_MAX   128
#define MESSAGE_MAX     ((size_t)64 << 10)

enum signature_encoding { ENCODING_DER, ENCODING_JOSE };

/* One item on its way; zero is a fresh one. */
struct item {
    const struct json_value *object; /* what the caller wrote; NULL: no body */
    struct span reference;           /* data is NULL when there is none */
    struct err err;                  /* the first one; then nothing more happens to it */
    bool settled;                    /* needs the token no more */
    const struct version *version;   /* what the answer names */
    bool pinned;                     /* checked with that version alone */

    struct buf input;     /* what the caller sent: plaintext, blob, message, digest */
    struct buf proof;     /* the signature or MAC to check */
    struct buf output;    /* what goes back */
    struct buf context;   /* canonical */
    struct buf scratch;   /* AAD, DigestInfo, JSON on its way into a token */
    struct token_key key; /* which `token` points to */
    struct token_item token;

    enum envelope_type type;
    uint32_t from_version; /* rewrap */
    enum scheme scheme;
    bool shown;       /* what was protected goes back, too */
    bool any_padding; /* verify: RSA signatures of either padding (RFC 8017 §8) are valid */
    enum signature_encoding encoding;
    uint8_t hash[DIGEST_MAX]; /* to be signed, of `hash_len` bytes */
    size_t hash_len;
    bool valid;
    int64_t expires_at; /* unix ms, JWT */

    uint8_t digest[SHA256_LEN]; /* for the record */
    bool has_digest;

    /* where the bytes of small items stand, so that they need no memory of their own */
    uint8_t input_room[64];
    uint8_t output_room[128];
    uint8_t scratch_room[64];
    uint8_t token_room[80];
    uint8_t extra_room[TOKEN_IV_LEN];
};

/* What becomes of the version that an item used, for the records of its use. */
enum verb_use {
    VERB_USES_NOTHING,
    VERB_PROTECTS,
    VERB_SIGNS,     /* what the caller chose */
    VERB_SIGNS_JWT, /* item->expires_at says until when it matters */
    VERB_OPENS,
    VERB_CHECKS, /* counts when item->valid */
    VERB_REWRAPS /* item->from_version to item->version */
};

struct batch;
/* What a dialect says for a verb. */
struct words {
    /* Reads item->object; no token, no change of anything. */
    struct err (*read)(struct batch *batch, struct item *item);
    /* The members of one good item's answer; natively those after key and version. */
    void (*write)(const struct batch *batch, const struct item *item, struct json_writer *writer);
};
struct verb {
    const struct words *words;
    /* Does the work for the items that batch_waits; an error is that of the whole call. */
    struct err (*run)(struct batch *batch);
    enum verb_use use;
};

struct batch {
    struct call *call;
    const struct verb *verb;
    const struct version *version; /* the one that protects, or the one pinned, or NULL */
    struct item *items;
    size_t count;
};

/* The whole verb, from call->json to the reply. `batch` has call, verb and version. A single item's
 * error, and one that hits all, is returned. */
MUST_USE struct err batch_run(struct batch *batch);

/* The native answers. */
MUST_USE struct err batch_reply_one(const struct batch *batch, const struct item *item);
MUST_USE struct err batch_reply_many(const struct batch *batch);

/* Wipes and frees what an item holds, for those who run items of their own. */
void item_clear(struct item *item);
/* Whether the item still wants work: no error, not settled. */
bool batch_waits(const struct item *item);
size_t batch_waiting(const struct batch *batch);
/* Runs item->token of every waiting item in one round trip. Each result goes to its item->err;
 * ERR_TOKEN_UNAVAILABLE, ERR_OVERLOADED and ERR_DEADLINE are of the whole call. */
MUST_USE struct err batch_token(struct batch *batch, struct token *token, enum token_op op);

/* json_read of the item's object, in which `reference` is known too. */
MUST_USE struct err item_read(struct item *item, const struct json_field *fields, size_t count);
/* What the record says was processed: SHA-256 of the bytes. */
void item_digest(struct item *item, struct span bytes);

#endif
