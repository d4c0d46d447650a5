/* quorum: what M of N people decide by their own signatures, over bytes that anybody can read.
 *
 * A *statement* says what is asked, as canonical JSON. A *vote* is one person's signed yes or no to
 * its bytes. A *roster* says who the people are, which keys sign for them and which groups they
 * form; each roster is signed by the quorum of the one before it, back to a root that is pinned by
 * its digest. A *decision* follows from rule, votes, rosters and time alone. Pure: no I/O, no
 * clock, no randomness. The worker beside the token, the front and the command line share it, and
 * none of them believes another: what is missing, unknown or zero fails closed. */
#ifndef HSMGATE_QUORUM_QUORUM_H
#define HSMGATE_QUORUM_QUORUM_H

#include "base/digest.h"
#include "base/json.h"

/* --- limits --- */
#define QUORUM_M_MIN          2
#define QUORUM_M_MAX          255
#define QUORUM_PEOPLE_MAX     256
#define QUORUM_GROUPS_MAX     64
#define QUORUM_KEYS_MAX       8 /* of one person */
#define QUORUM_PRINCIPALS_MAX 8
#define QUORUM_VOTES_MAX      256
#define QUORUM_CHAIN_MAX      4096
#define QUORUM_NESTING_MAX    4
#define STATEMENT_MAX         ((size_t)16 << 10)
#define ROSTER_MAX            ((size_t)256 << 10)
#define VOTE_SIGNATURE_MAX    ((size_t)4 << 10)
#define BUNDLE_MAX            ((size_t)3 << 20)
#define QUORUM_NONCE_LEN      32
#define QUORUM_REASON_MAX     1000
#define QUORUM_TICKET_MAX     200
#define QUORUM_SKEW_MS        ((int64_t)120 * 1000) /* by which people's clocks may differ from ours */

/* Ids of people and groups: `[a-z0-9][a-z0-9._-]{0,62}`. ERR_INVALID_FIELD. */
MUST_USE struct err quorum_check_id(struct span id);

/* --- statement: the exact bytes that people sign --- */

enum statement_kind {
    STATEMENT_OPEN,     /* break-glass: open one ciphertext, sealed to the recipient */
    STATEMENT_DESTROY,  /* destroy one version's material, `after_s` from when it is approved */
    STATEMENT_RULE,     /* change the approval rule of one key to `wanted` */
    STATEMENT_UNFREEZE, /* let a frozen key be opened again */
    STATEMENT_ROSTER,   /* replace the roster */
    STATEMENT_KIND_COUNT
};
const char *statement_kind_name(enum statement_kind kind); /* `open`, …; static */
bool statement_kind_by_name(struct span name, enum statement_kind *out);

/* Who must agree. */
struct quorum_rule {
    struct span group;
    uint32_t m;           /* at least QUORUM_M_MIN */
    int64_t wait_s;       /* from the last needed approval to the first use; 0: none */
    int64_t use_within_s; /* from then on it may be used for so long; 0: until it expires */
};

enum recipient_curve { RECIPIENT_P256, RECIPIENT_P384 };
#define RECIPIENT_COORDINATE_MAX 48
/* EC public key (RFC 7518 §6.2.1); a point on its curve. */
struct recipient {
    enum recipient_curve curve;
    uint8_t x[RECIPIENT_COORDINATE_MAX]; /* 32 or 48 bytes */
    uint8_t y[RECIPIENT_COORDINATE_MAX];
};
/* Reads a JWK with exactly kty EC, crv, x, y, and optionally kid, use (`enc`), alg (`ECDH-ES`),
 * key_ops, which are not kept; refuses `d` and points off the curve. ERR_INVALID_FIELD. */
MUST_USE struct err recipient_read(const struct json_value *jwk, struct recipient *out);
/* Members crv, kty, x, y in this order, as an object (RFC 7638 §3.2 order). */
void recipient_put(struct json_writer *writer, const char *name, const struct recipient *recipient);

struct statement {
    enum statement_kind kind;
    struct uuid id;      /* of the request */
    struct span gateway; /* its name: the origin of its audit log's checkpoints */
    struct span log_key; /* verifier key of that log (C2SP signed-note), one line */
    /* all but STATEMENT_ROSTER */
    struct span key; /* its name */
    struct uuid key_id;
    /* STATEMENT_OPEN, STATEMENT_DESTROY */
    uint32_t version;
    struct span cka_id;   /* of the version's objects */
    struct span identity; /* its public key's digest or key check value, as the worker checks it */
    /* STATEMENT_OPEN */
    uint8_t ciphertext_sha256[SHA256_LEN]; /* of the whole blob */
    uint8_t context_sha256[SHA256_LEN]; /* of the canonical context; of nothing when it is empty */
    struct recipient recipient;
    /* STATEMENT_DESTROY */
    int64_t after_s;
    /* STATEMENT_RULE */
    struct quorum_rule wanted; /* only group and m; m 0 takes the rule away */
    /* STATEMENT_ROSTER */
    uint64_t next_number;
    uint8_t next_sha256[SHA256_LEN];
    /* all */
    struct span reason;
    struct span ticket; /* empty: none */
    struct span requester;
    struct quorum_rule rule;           /* as it was when it was asked */
    uint8_t roster_sha256[SHA256_LEN]; /* of the roster then */
    uint64_t roster_number;
    int64_t created_at; /* unix ms, like the others; whole seconds */
    int64_t expires_at;
    uint8_t nonce[QUORUM_NONCE_LEN];
};

/* Appends the canonical bytes: compact JSON, fields in the order of quorum/statement.c, only those
 * of the kind, the digest of the rule among them. ERR_INVALID_FIELD for what parse would refuse. */
MUST_USE struct err statement_write(const struct statement *statement, struct buf *out);
/* A statement that was read; spans live as long as it. */
struct statement_read {
    struct statement is;
    struct json json;
    struct buf bytes; /* decoded ones */
};
/* Reads exactly what write writes: any other spelling, order, unknown or missing field is
 * ERR_INVALID_FIELD, as are m below QUORUM_M_MIN, a wrong digest of the rule, expiry before
 * creation, fractions of seconds. On failure nothing is left to clear. */
MUST_USE struct err statement_parse(struct span bytes, struct statement_read *out);
void statement_clear(struct statement_read *statement);
void statement_digest(struct span bytes, uint8_t out[SHA256_LEN]);
/* SHA-256 of the rule's canonical JSON: {"group","m","wait_s","use_within_s"}. */
void quorum_rule_digest(const struct quorum_rule *rule, uint8_t out[SHA256_LEN]);
/* Says the statement in words, several lines, for somebody who is about to sign: what will happen,
 * who asks, why, until when, which digests. Control characters in texts are shown as `?`. */
MUST_USE struct err statement_describe(const struct statement *statement, struct buf *out);

/* --- votes --- */

enum vote_choice { VOTE_APPROVE, VOTE_DENY };
enum vote_format {
    VOTE_RAW, /* Ed25519 over the message; ECDSA P-256 over its SHA-256, r‖s (64 bytes) or DER */
    VOTE_SSHSIG /* the binary SSHSIG blob of OpenSSH's PROTOCOL.sshsig, namespace `hsmgate-vote` */
};
const char *vote_choice_name(enum vote_choice choice); /* `approve`, `deny` */
bool vote_choice_by_name(struct span name, enum vote_choice *out);
const char *vote_format_name(enum vote_format format); /* `raw`, `sshsig` */
bool vote_format_by_name(struct span name, enum vote_format *out);

struct vote {
    struct span voter; /* id of a person */
    enum vote_choice choice;
    struct span signed_at; /* RFC 3339 UTC, `Z` or `+00:00`, exactly as it was signed */
    enum vote_format format;
    struct span signature;
};

/* Appends what the vote signs: `hsmgate/v1/vote/approve\n` or `…/deny\n`, the voter's id, `\n`,
 * signed_at, `\n`, and the statement's bytes. */
MUST_USE struct err vote_message(const struct vote *vote, struct span statement, struct buf *out);
/* A signature as people send it: base64 of the raw signature or of the SSHSIG blob, base64 of the
 * armored text of `ssh-keygen -Y sign`, or that text itself. Appends the bytes that `struct vote`
 * wants. ERR_INVALID_FIELD. */
MUST_USE struct err vote_signature_read(enum vote_format format, struct span text, struct buf *out);
/* Reads {"voter","decision","signed_at","signature","format"}, all required, nothing else; the
 * signature's bytes go to `signature`, and the vote borrows from there and from the JSON. ids and
 * times are checked, the signature is not. ERR_INVALID_FIELD, ERR_UNKNOWN_FIELD. */
MUST_USE struct err vote_read(const struct json_value *object, struct buf *signature,
                              struct vote *out);
/* The same members in that order, the signature as base64 of its bytes. */
void vote_put(struct json_writer *writer, const char *name, const struct vote *vote);

/* --- voter keys --- */

enum voter_key_kind {
    VOTER_KEY_ED25519,    /* raw and sshsig */
    VOTER_KEY_P256,       /* raw and sshsig */
    VOTER_KEY_SK_ED25519, /* FIDO: sshsig alone; the touch (user presence) is demanded */
    VOTER_KEY_SK_P256,
    VOTER_KEY_KIND_COUNT
};
const char *voter_key_kind_name(enum voter_key_kind kind); /* `ed25519`, `ecdsa-p256`, `sk-…` */

struct voter_key {
    enum voter_key_kind kind;
    struct span spki;        /* DER SubjectPublicKeyInfo; of sk kinds, too */
    struct span application; /* sk kinds: `ssh:…`; else empty */
    enum vote_format proof_format;
    struct span proof; /* signature over voter_key_message: whoever registered it holds it */
};
/* Appends what the proof signs: `hsmgate/v1/voter-key\n`, the person's id, `\n`, the key's kind,
 * `\n`, base64 of its SPKI, `\n`, the application, `\n`. SSHSIG in namespace `hsmgate-voter-key`.
 */
MUST_USE struct err voter_key_message(struct span person, const struct voter_key *key,
                                      struct buf *out);
/* Reads a public key as people have it: PEM `PUBLIC KEY`, or a line of OpenSSH (`ssh-ed25519 …`,
 * `ecdsa-sha2-nistp256 …`, `sk-ssh-ed25519@openssh.com …`, `sk-ecdsa-sha2-nistp256@openssh.com …`).
 * Sets kind; spki and application borrow from `bytes`. ERR_INVALID_FIELD. */
MUST_USE struct err voter_key_read(struct span text, struct buf *bytes, struct voter_key *out);
/* Whether the signature over `message` is the key's. `name_space` is SSHSIG's namespace. Whatever
 * is malformed is just not valid: SSHSIG demands version 1, the namespace, sha256 or sha512, the
 * same key inside, no left-overs. */
bool voter_key_verify(const struct voter_key *key, enum vote_format format, const char *name_space,
                      struct span message, struct span signature);

/* --- roster --- */

struct roster_person {
    struct span id;
    struct span name;                              /* for people */
    struct span principals[QUORUM_PRINCIPALS_MAX]; /* callers that are this person */
    size_t principal_count;
    struct voter_key keys[QUORUM_KEYS_MAX];
    size_t key_count;
};
struct roster_group {
    struct span id;
    uint32_t m;
    int64_t wait_s;
    int64_t use_within_s;
    const struct span *members; /* ids of people, or `group:ID` */
    size_t member_count;
    bool eligible[QUORUM_PEOPLE_MAX]; /* by index in people: nested groups are resolved */
    size_t eligible_count;
};
struct roster {
    uint64_t number;              /* 1: the root */
    uint8_t previous[SHA256_LEN]; /* digest of the one before; zeros for the root */
    uint8_t digest[SHA256_LEN];   /* of this one's bytes */
    int64_t created_at;           /* unix ms */
    struct span authority;        /* id of the group that may change the roster */
    const struct roster_person *people;
    size_t person_count;
    const struct roster_group *groups;
    size_t group_count;
};
/* Appends the canonical bytes, fields in the order of quorum/roster.c; derived members (digest,
 * eligible) are not read. ERR_INVALID_FIELD for what parse would refuse. */
MUST_USE struct err roster_write(const struct roster *roster, struct buf *out);
/* Reads exactly what write writes. Refused: unknown or missing fields; an id, key or principal that
 * stands twice in the whole roster; a key whose proof of possession is wrong; unknown members,
 * nesting in a circle or deeper than QUORUM_NESTING_MAX; a group's m below QUORUM_M_MIN or above
 * the people in it; an authority that is no group. ERR_INVALID_FIELD says which. Free with
 * roster_free. */
MUST_USE struct err roster_parse(struct span bytes, const struct roster **out);
void roster_free(const struct roster *roster);           /* takes NULL */
void roster_free_at(const struct roster *const *roster); /* for CLEANUP */
void roster_digest(struct span bytes, uint8_t out[SHA256_LEN]);
const struct roster_person *roster_person(const struct roster *roster,
                                          struct span id);                            /* or NULL */
const struct roster_group *roster_group(const struct roster *roster, struct span id); /* or NULL */
/* The person whom the caller is, or NULL. */
const struct roster_person *roster_person_of(const struct roster *roster, struct span principal);
/* People of the group who may vote on what `requester` (a principal) asks, by index in people. */
size_t roster_eligible(const struct roster *roster, struct span group, struct span requester,
                       bool out[QUORUM_PEOPLE_MAX]);
/* Whether a rule can be met when `requester` (or empty) does not count: group known, m at least
 * QUORUM_M_MIN and the group's own, and at most the eligible people. ERR_INVALID_FIELD with the
 * numbers. */
MUST_USE struct err roster_check_rule(const struct roster *roster, const struct quorum_rule *rule,
                                      struct span requester);
/* The rule that holds for group and m now: the larger m, the group's times. ERR_INVALID_FIELD. */
MUST_USE struct err roster_rule(const struct roster *roster, struct span group, uint32_t m,
                                struct quorum_rule *out);

/* --- chain --- */

/* One roster and what made it the successor of the one before; the root has neither. */
struct roster_link {
    struct span roster;
    struct span statement; /* STATEMENT_ROSTER */
    const struct vote *votes;
    size_t vote_count;
};
struct roster_chain; /* rosters that are known to follow from the root */
/* Checks every link: the root's digest is the pinned one, numbers run from 1, each names the digest
 * of the one before, and its statement has the votes of that one's authority. ERR_FORBIDDEN says at
 * which roster it breaks and why; ERR_INVALID_FIELD for an unreadable one. The bytes must live as
 * long as the chain. Free with roster_chain_free. */
MUST_USE struct err roster_chain_open(const struct roster_link *links, size_t count,
                                      const uint8_t root[SHA256_LEN], struct roster_chain **out);
void roster_chain_free(struct roster_chain *chain); /* takes NULL */
void roster_chain_free_at(struct roster_chain **chain);
const struct roster *roster_chain_newest(const struct roster_chain *chain);
const struct roster *roster_chain_find(const struct roster_chain *chain,
                                       const uint8_t digest[SHA256_LEN]); /* or NULL */
const struct roster *roster_chain_number(const struct roster_chain *chain, uint64_t number);

/* --- decision --- */

enum decision_state {
    DECISION_WAITING, /* for votes, or for the waiting time */
    DECISION_MET,
    DECISION_DENIED,
    DECISION_EXPIRED, /* the statement, or the time to use it */
    DECISION_STATE_COUNT
};
const char *decision_state_name(enum decision_state state);

/* What became of one vote. */
enum vote_verdict {
    VOTE_COUNTS,
    VOTE_UNKNOWN_VOTER,
    VOTE_NOT_ELIGIBLE, /* not of the group */
    VOTE_REQUESTER,    /* the person who asks */
    VOTE_BAD_SIGNATURE,
    VOTE_TOO_EARLY, /* before the statement was made */
    VOTE_TOO_LATE,  /* after it expired */
    VOTE_FUTURE,
    VOTE_TWICE, /* the person has voted the same way already */
    VOTE_VERDICT_COUNT
};
const char *vote_verdict_text(enum vote_verdict verdict); /* one clause; static */

struct decision {
    enum decision_state state;
    uint32_t needed;    /* approvals, by the stricter of the two rules */
    uint32_t approvals; /* people who count under both */
    int64_t met_at;     /* unix ms: the last needed approval; 0: not yet */
    int64_t usable_from;
    int64_t usable_until;
    char reason[ERR_DETAIL_MAX]; /* one sentence */
};
struct quorum_case {
    struct span statement; /* bytes */
    const struct statement *says;
    const struct vote *votes;
    size_t vote_count;
    const struct roster *then; /* the roster that the statement names */
    const struct roster *now;  /* the newest */
    /* The rule now, from the key as it is; group and m of the statement for those who do not know.
     * Its m only ever raises what is needed. */
    struct quorum_rule rule_now;
};
/* Both the rule at asking time, under `then`, and the rule now, under `now`, must be met by people
 * who count once each, whatever keys they have; a deny by anybody who may vote under either is
 * final; a waiting time, when one is set, must have passed; the time to use it must not. `verdicts`
 * (or NULL) gets one entry for each vote, under `now`. `now_ms`: unix ms. */
void quorum_decide(const struct quorum_case *about, int64_t now_ms, struct decision *out,
                   enum vote_verdict *verdicts);
/* One vote under one roster, as it comes in. */
enum vote_verdict vote_judge(const struct vote *vote, struct span statement,
                             const struct statement *says, const struct roster *roster,
                             int64_t now_ms);

/* --- bundle: what the worker and auditors are shown --- */

struct bundle {
    struct span statement;
    const struct vote *votes;
    size_t vote_count;
    const struct roster_link *rosters; /* from the root */
    size_t roster_count;
};
/* Appends canonical JSON: {"format":"hsmgate/v1/bundle","statement":b64,"votes":[…],
 * "rosters":[{"roster":b64},{"roster":b64,"statement":b64,"votes":[…]},…]}. */
MUST_USE struct err bundle_write(const struct bundle *bundle, struct buf *out);
/* A bundle that was read; everything lives as long as it. */
struct bundle_read {
    struct bundle is;
    struct json json;
    struct buf *bytes; /* decoded ones, one buf each */
    size_t byte_count;
};
/* Reads exactly what write writes. ERR_INVALID_FIELD, ERR_INVALID_JSON. */
MUST_USE struct err bundle_parse(struct span text, struct bundle_read *out);
void bundle_clear(struct bundle_read *bundle);

/* A bundle that was checked against the pinned root. */
struct bundle_verdict {
    struct statement_read statement;
    struct roster_chain *chain;
    struct decision decision;
};
/* Opens the chain under `root`, reads the statement, finds the roster that it names and decides at
 * `now_ms` with the statement's own rule as the rule now. An error is a bundle that proves nothing:
 * ERR_FORBIDDEN or ERR_INVALID_FIELD with the reason; ok says only that it could be judged: look at
 * the decision. Clear with bundle_verdict_clear; `bundle` must outlive it. */
MUST_USE struct err bundle_judge(const struct bundle *bundle, const uint8_t root[SHA256_LEN],
                                 int64_t now_ms, struct bundle_verdict *out);
void bundle_verdict_clear(struct bundle_verdict *verdict);

/* --- CKA_ID --- */

/* CKA_ID of our keys that demand approvals: UUID (version 8, RFC 9562 §5.8: its first 6 bytes are
 * the start of SHA-256("hsmgate/v1/group\n" ‖ group)) ‖ 0x01 ‖ M. */
#define APPROVAL_CKA_ID_LEN 18
/* Writes one, from 16 random bytes. With m 0: a version 4 UUID, and no group. */
void approval_cka_id(struct span group, uint8_t m, const uint8_t random[UUID_LEN],
                     uint8_t out[APPROVAL_CKA_ID_LEN]);
/* M of a CKA_ID; 0 for one that demands none or is not of this form. */
uint32_t approval_m_of(struct span cka_id);
/* Whether the CKA_ID binds this group. */
bool approval_group_is(struct span cka_id, struct span group);

#endif
