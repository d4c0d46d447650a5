/* Bearer JWTs: whatever opens has an allowed algorithm and a kid, its claims can be judged, and no
 * key but the one that signed makes it good. */
#include <assert.h>

#include "base/mem.h"
#include "gateway/issuer_claims.h"
#include "gateway/jws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* RFC 7517, appendix A.1: nobody who fuzzes has its private half */
    static const char jwk[] =
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
        "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}";
    static const char *const audiences[] = {"hsmgate"};
    const struct config_issuer issuer = {.issuer = "https://issuer.example",
                                         .audiences = audiences,
                                         .audience_count = 1,
                                         .principal_claim = "sub"};
    CLEANUP(jws_clear) struct jws jws = {0};
    char principal[PRINCIPAL_MAX] = "";
    struct err err = jws_open(span_of(data, size), &jws);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_UNAUTHENTICATED && jws.algorithm == NULL);
        return 0;
    }
    assert(jws.algorithm != NULL && jws.kid.len > 0 && jws.kid.len <= JWS_KID_MAX);
    err = issuer_claims_check(&issuer, jws.claims.root, INT64_C(1800000000) * 1000, principal);
    assert(err.code == ERR_OK || principal[0] == '\0');
    assert(memchr(principal, '\0', sizeof(principal)) != NULL);
    assert(jws_verify(&jws, span_text(jwk)).code == ERR_UNAUTHENTICATED);
    return 0;
}
