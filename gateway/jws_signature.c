/* Verifies with libjose. Version 11 ignores `crit`, tries whatever key and algorithm it is given,
 * takes HMAC keys like any other and reads JSON more loosely than we do. So it never sees a token:
 * it gets three parts that were read before, one key that was written by us and is bound to one
 * algorithm, and answers one question.
 *
 * libjose speaks jansson, whose types stay in this file. Nothing here is shared; nothing locks. */
#include "gateway/jws_signature.h"

#include <jose/jws.h>

#include "base/mem.h"

static void drop(json_t **json)
{
    json_decref(*json);
}

static json_t *text_of(struct span part)
{
    return json_stringn((const char *)part.data, part.len);
}

/* The flattened form (RFC 7515 §7.2.2), which is what libjose verifies; NULL: a part is no text. */
static json_t *flattened(const struct span parts[3])
{
    static const char *const names[] = {"protected", "payload", "signature"};
    json_t *out = json_object();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (json_object_set_new(out, names[i], text_of(parts[i])) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

bool jws_signature_is_good(const struct span parts[3], const char *algorithm, struct span jwk)
{
    CLEANUP(drop) json_t *jws = flattened(parts);
    CLEANUP(drop)
    json_t *key = json_loadb((const char *)jwk.data, jwk.len, JSON_REJECT_DUPLICATES, NULL);
    if (jws == NULL || !json_is_object(key) || json_object_get(key, "k") != NULL) {
        return false;
    }
    /* with it libjose takes this key for no other algorithm */
    if (json_object_set_new(key, "alg", json_string(algorithm)) != 0) {
        return false;
    }
    return jose_jws_ver(NULL, jws, NULL, key, false);
}
