/* envelope: our ciphertext format, self-describing, version 1.
 *
 * "HSG", format u8, type u8, key UUID 16, version u32, algorithm u8, IV length u8, IV, body. For
 * AES-GCM the body is ciphertext ‖ tag and everything up to the IV is authenticated with the
 * caller's context; GCM itself binds the IV. */
#ifndef HSMGATE_BASE_ENVELOPE_H
#define HSMGATE_BASE_ENVELOPE_H

#include "base/digest.h"

#define PLAINTEXT_MAX         ((size_t)64 << 10)
#define DATA_KEY_MAX          ((size_t)1024) /* of a data key, which has at least a byte */
#define ENVELOPE_HEAD_LEN     ((size_t)27)   /* up to the IV */
#define ENVELOPE_IV_LEN       ((size_t)12)
#define ENVELOPE_TAG_LEN      ((size_t)16)
#define ENVELOPE_OVERHEAD_MAX (ENVELOPE_HEAD_LEN + ENVELOPE_IV_LEN + ENVELOPE_TAG_LEN)
#define ENVELOPE_MAX          (PLAINTEXT_MAX + ENVELOPE_OVERHEAD_MAX)

/* Values are stored in ciphertexts: never renumber. */
enum envelope_type { ENVELOPE_DATA = 1, ENVELOPE_DATA_KEY = 2, ENVELOPE_TYPE_END };
enum envelope_algorithm {
    ENVELOPE_AES_256_GCM = 1,
    ENVELOPE_RSA_OAEP_SHA1 = 2,
    ENVELOPE_RSA_OAEP_SHA256 = 3,
    ENVELOPE_ALGORITHM_END
};

struct envelope {
    enum envelope_type type;
    struct uuid key;
    uint32_t version;
    enum envelope_algorithm algorithm;
    struct span iv;   /* 12 bytes for AES-GCM, none for RSA */
    struct span body; /* ciphertext ‖ tag, or the RSA block */
};

/* Appends the blob. ERR_INTERNAL for what decode would refuse. */
MUST_USE struct err envelope_encode(const struct envelope *envelope, struct buf *out);
/* Reads exactly what encode writes; spans borrow from `bytes`. ERR_INVALID_CIPHERTEXT. */
MUST_USE struct err envelope_decode(struct span bytes, struct envelope *out);
/* Appends what GCM authenticates: a domain, the head up to the IV, the canonical context. The IV
 * and the body need not be known yet. */
MUST_USE struct err envelope_aad(const struct envelope *envelope, struct span context,
                                 struct buf *out);
/* The one ERR_INVALID_CIPHERTEXT, the same for every cause. */
struct err envelope_refusal(void);

#endif
