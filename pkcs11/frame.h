/* frame: the bytes between the front and the worker, one request frame then one reply frame, in
 * turn, on one channel.
 *
 * A frame is a fixed head and up to FRAME_ITEMS_MAX items, each a fixed head and its bytes;
 * integers big-endian. Both sides parse the other's frames as hostile input: every length meets a
 * limit before it is used, and nothing may be left over. Encode and decode share this file. */
#ifndef HSMGATE_PKCS11_FRAME_H
#define HSMGATE_PKCS11_FRAME_H

#include "pkcs11/token.h"

#define FRAME_MAGIC     0x48534731u /* "HSG1" */
#define FRAME_HEAD_LEN  24
#define FRAME_BODY_MAX  ((size_t)4 << 20)
#define FRAME_ITEMS_MAX TOKEN_ITEMS_MAX

enum frame_kind {
    FRAME_HELLO = 1, /* worker to front, unasked, once on the control channel: ready, or why not */
    FRAME_RUN,       /* `op` says which */
    FRAME_GENERATE,  /* one item: key, input = label */
    FRAME_DESTROY,   /* one item: key.cka_id, input = permission or nothing */
    FRAME_INVENTORY,
    FRAME_ADOPT,   /* one item: key.cka_id or input = label; the reply's bytes = attributes */
    FRAME_OPEN,    /* one item: key, input = bundle, aad = context, iv = the whole ciphertext; the
                      reply's input = JWE */
    FRAME_ROSTERS, /* one item: input = bundle */
    FRAME_KIND_END
};

/* What became of a call or an item, as the error classes of the worker's CKR table. */
enum frame_class {
    FRAME_OK,
    FRAME_CALLER_DATA,   /* A: the caller's data */
    FRAME_OUR_MISTAKE,   /* B */
    FRAME_STALE_SESSION, /* C, after the worker's own retry failed too */
    FRAME_STALE_EPOCH,   /* D, likewise */
    FRAME_DEVICE_LOST,   /* E: the front kills the worker */
    FRAME_PIN,           /* F: latched */
    FRAME_CAPACITY,      /* G: no session, no turn, or no time for this item */
    FRAME_KEY_MISSING,   /* no object, or more than one, with this CKA_ID */
    FRAME_KEY_SWAPPED,   /* the object is not the key that the identity names */
    FRAME_UNSUPPORTED,   /* the probe did not pass this */
    FRAME_EXISTS,        /* generate: CKA_ID is taken */
    FRAME_UNFIT,         /* adopt: there is nothing to adopt; the item's bytes say why */
    FRAME_UNAPPROVED,    /* what a quorum decides was not decided so; the item's input says why */
    FRAME_SPENT,         /* open: the statement was spent before */
    FRAME_UNPINNED,      /* the worker pins no roster, so it believes no quorum */
    FRAME_LYING,         /* the module says OK to what cannot be true: the front kills the worker */
    FRAME_CLASS_END
};

/* Why the worker does not adopt what is on the token. */
enum frame_unfit {
    FRAME_FIT,
    FRAME_UNFIT_MISSING,   /* no secret or private key has the name */
    FRAME_UNFIT_SEVERAL,   /* more than one has the label */
    FRAME_UNFIT_SHARED_ID, /* its CKA_ID is another key's too */
    FRAME_UNFIT_NO_ID,     /* it has no CKA_ID, or a longer one than ours */
    FRAME_UNFIT_NO_PUBLIC, /* a private key without its public object */
    FRAME_UNFIT_ALGORITHM,
    FRAME_UNFIT_ROLE,
    FRAME_UNFIT_LEAKY,    /* its uses give other keys away */
    FRAME_UNFIT_ASKING,   /* it wants the PIN before every use */
    FRAME_UNFIT_UNPROVEN, /* it did not pass its first use */
    FRAME_UNFIT_END
};

/* wire: magic u32, kind u8, op u8, class u8, share u8, count u32, body_len u32, deadline_ms u32,
 * epoch u32 */
struct frame_head {
    enum frame_kind kind;
    enum token_op op;
    enum frame_class class; /* replies: of the whole call */
    uint32_t count;
    uint32_t body_len;
    uint32_t deadline_ms; /* requests: time left for the worker */
    uint32_t epoch;       /* replies: the worker's login epoch */
    uint8_t share; /* replies to FRAME_RUN: of the time that the items took, what the worker's
                      thread was at work, in 255ths; the rest it waited */
};

/* One item in either direction; unused fields are empty. Spans borrow from the frame's body when
 * decoded. */
struct frame_item {
    struct token_key key; /* requests, and generate's and adopt's reply (with its identity) */
    enum token_mechanism mechanism;
    uint32_t bytes;
    bool reveal;
    enum frame_class class; /* replies */
    uint64_t ckr;           /* replies: the CK_RV behind the class, for the log */
    struct span input; /* request: input; reply: output (generate, adopt: the public key's DER) */
    struct span aad;   /* request: AAD; reply: extra (IV) */
    struct span iv;    /* request: IV; reply: revealed plaintext */
};

/* Appends a whole frame (head and items) to `out`; sets body_len and count itself. ERR_TOO_LARGE
 * over FRAME_BODY_MAX. */
MUST_USE struct err frame_encode(const struct frame_head *head, const struct frame_item *items,
                                 size_t count, struct buf *out);
/* Reads and checks FRAME_HEAD_LEN bytes. ERR_CORRUPT. */
MUST_USE struct err frame_decode_head(struct span bytes, struct frame_head *out);
/* Reads exactly head->count items out of the body and refuses left-overs. `items` has room for
 * head->count. ERR_CORRUPT. */
MUST_USE struct err frame_decode_items(const struct frame_head *head, struct span body,
                                       struct frame_item *items);

/* HELLO's body is one item: input = struct hello in the encoding below. */
struct frame_hello {
    struct token_probe probe;
    uint64_t ckr;
    char label[TOKEN_TEXT_MAX + 1];
    char serial[TOKEN_TEXT_MAX + 1];
    char manufacturer[TOKEN_TEXT_MAX + 1];
    char model[TOKEN_TEXT_MAX + 1];
    char error[ERR_DETAIL_MAX]; /* why not ready, for operators; empty when ready */
};
MUST_USE struct err frame_encode_hello(enum frame_class class, const struct frame_hello *hello,
                                       uint32_t epoch, struct buf *out);
MUST_USE struct err frame_decode_hello(const struct frame_head *head, struct span body,
                                       struct frame_hello *out);

/* INVENTORY's request has no item; its reply is one item whose input holds every key object in an
 * encoding of its own, so that a token may hold more objects than a frame has items. */
MUST_USE struct err frame_encode_objects(const struct token_object *objects, size_t count,
                                         uint32_t epoch, struct buf *out);
/* *out is the caller's to mem_free. ERR_CORRUPT. */
MUST_USE struct err frame_decode_objects(const struct frame_head *head, struct span body,
                                         struct token_object **out, size_t *out_count);

/* Replies repeat the request's kind and op. A reply whose class is not FRAME_OK speaks for the
 * whole call and has no item, or one that carries only the class, ckr and, for FRAME_UNFIT, bytes,
 * or for FRAME_UNAPPROVED the reason: 1 to FRAME_REASON_MAX printable ASCII characters. */
#define FRAME_REASON_MAX (ERR_DETAIL_MAX - 1)

/* Blocking transfer over a stream socket. The read waits until the monotonic deadline (poll), 0:
 * for ever. ERR_IO when the peer is gone, ERR_DEADLINE, ERR_CORRUPT. `body` is reset first and gets
 * the body's bytes. */
MUST_USE struct err frame_send(int fd, struct span frame, int64_t deadline_ns);
/* Waits until the peer's frame begins, or its end; reads nothing. */
MUST_USE struct err frame_await(int fd, int64_t deadline_ns);
MUST_USE struct err frame_receive(int fd, int64_t deadline_ns, struct frame_head *out_head,
                                  struct buf *body);

/* Descriptors of the worker: 3 is the control channel (HELLO; its end of file means: exit), 4 to 4
 * + channels - 1 are the channels. argv: hsmgate-token --config FILE --channels N. */
#define FRAME_CONTROL_FD 3
#define FRAME_CHANNEL_FD 4

#endif
