/* A gateway of gateway_fixture.h in which a quorum decides: the root roster of quorum_fixture.h is
 * pinned and published (ann, bob, cem, dora; groups ops and admins, m 2), the audit log has its
 * signing key, and `a/glass` is a key that opens with two of ops. The administrator, whom the
 * roster does not know, asks. */
#ifndef HSMGATE_TESTS_UNIT_GATE_H
#define HSMGATE_TESTS_UNIT_GATE_H

#include "gateway_fixture.h"
#include "quorum_fixture.h"

#define GATE_KEY    "a/glass"
#define GATE_TICKET "\"reason\":\"restore\",\"ticket\":\"OPS-1\""
/* RFC 7517 Appendix A.1 */
#define GATE_RECIPIENT                                       \
    "\"recipient\":{\"kty\":\"EC\",\"crv\":\"P-256\","       \
    "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\"," \
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}"

struct gate {
    struct fixture fixture;
    struct quorum_fixture people;
    char id[UUID_TEXT_LEN + 1]; /* of the request that was made last */
};

void gate_open(struct gate *gate);
/* The same without a roster in the store. */
void gate_open_bare(struct gate *gate);
void gate_close(struct gate *gate);
/* A bearer `hg_NAME` whose caller is token:NAME. */
void gate_admit(struct gate *gate, const char *name);

/* An active AES key with one version; `m` 0: without a rule. */
void gate_make_key(struct gate *gate, const char *name, const char *group, uint32_t m);
/* A ciphertext that the key's version could have made, as base64. Free with mem_free. */
char *gate_ciphertext(struct gate *gate, const char *name, uint32_t version);

/* Asks as the administrator with this body. */
struct answer gate_ask(struct gate *gate, const char *body);
/* The same, and it must be made: gate->id is its id. */
void gate_request(struct gate *gate, const char *body);
/* A request to open a ciphertext of a/glass; `more`: more members, or "". */
void gate_request_open(struct gate *gate, const char *more);
/* The request's row must be in this state. */
void gate_expect(struct gate *gate, const char *state);
const struct quorum_request *gate_row(struct gate *gate); /* free with request_free */

/* METHOD on /v1/break-glass/ID, with `:verb` or "", by the bearer (NULL: the administrator). */
struct answer gate_do(struct gate *gate, enum method method, const char *verb, const char *body,
                      const char *bearer);
/* The person's vote, signed now, carried by the administrator. */
struct answer gate_vote(struct gate *gate, const char *voter, enum vote_choice choice);
/* The same, which must be taken. */
void gate_voted(struct gate *gate, const char *voter, enum vote_choice choice);
/* The vote as a row of the store, past every check of the gateway. */
void gate_put_vote(struct gate *gate, const char *voter, enum vote_choice choice);

/* Appends all people and groups of the fixture as the next link, asked and approved now by ann and
 * bob; it is in no store yet. */
const struct roster_link *gate_next_link(struct gate *gate);
/* The same, published. */
void gate_publish(struct gate *gate);

#endif
