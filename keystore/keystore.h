/* keystore: keys, versions and bearer tokens as rows, changed in transactions by one writer.
 *
 * Reads never touch SQL: every key is an immutable, reference-counted struct in an in-memory
 * snapshot that is replaced after each commit. A change is durable (SQLite WAL, synchronous=FULL)
 * before the call returns and before any reader sees it. All functions may be called from any
 * thread. States are stored here but decided in rotation/. */
#ifndef HSMGATE_KEYSTORE_KEYSTORE_H
#define HSMGATE_KEYSTORE_KEYSTORE_H

#include "base/algorithm.h"
#include "base/buf.h"
#include "base/name.h"

struct keystore;

/* NIST SP 800-57 part 1 §7, as the API names them. Values are stored: never renumber. */
enum version_state {
    VERSION_PENDING = 1,
    VERSION_ACTIVE,
    VERSION_RETIRING,
    VERSION_RETIRED,
    VERSION_DISABLED,
    VERSION_COMPROMISED,
    VERSION_DESTROY_SCHEDULED,
    VERSION_DESTROYED,
    VERSION_STATE_END
};
const char *version_state_name(enum version_state state);

enum classification {
    CLASS_PUBLIC,
    CLASS_INTERNAL,
    CLASS_CONFIDENTIAL,
    CLASS_REGULATED,
    CLASS_COUNT
};
const char *classification_name(enum classification classification);
bool classification_by_name(struct span name, enum classification *out);

#define CKA_ID_MAX   32
#define IDENTITY_MAX 64

struct uses; /* what is recorded of the use of one version, shared by all snapshots */

struct version {
    uint32_t number; /* from 1, never used twice in a key */
    enum version_state state;
    uint8_t cka_id[CKA_ID_MAX];
    size_t cka_id_len;
    uint8_t identity[IDENTITY_MAX]; /* what the worker checks the material against; empty while it
                                       is not made */
    size_t identity_len;
    struct span
        public_key;       /* DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7); empty for secret keys */
    int64_t created_at;   /* unix ms; 0: not yet */
    int64_t published_at; /* whole, checked and visible to verifiers; 0: still being made */
    int64_t promote_at;   /* of a pending one: when it is to become the primary */
    int64_t activated_at;
    int64_t retired_at;
    int64_t destroy_at;
    int64_t entered_at;    /* when it came into its state (published, for a pending one) … */
    int64_t entered_lived; /* … and the same on the lived clock, see struct lived_clock */
    enum version_state disabled_from;  /* where enabling leads back; 0: was never disabled */
    enum version_state scheduled_from; /* where cancelling a destruction leads back, likewise */
    bool destroying;          /* its material may be gone already: only `destroyed` is left */
    bool adopted;             /* its material was on the token before; then … */
    uint32_t attributes;      /* … what is odd about it, as bits of the token's face, for ever */
    bool count_unsure;        /* its uses since a backup that was restored are not counted */
    const char *reason;       /* the last one that a person gave for a move, or NULL */
    const char *certificates; /* X.509 of its public key, PEM, the key's own first; or NULL */
    bool has_permission;      /* a quorum let it be destroyed: … */
    struct uuid permission;   /* … the request that says so */
    struct uses *uses;
};

enum rotation_mode { ROTATION_MANUAL, ROTATION_AUTOMATIC };
const char *rotation_mode_name(enum rotation_mode mode);

struct rotation_policy { /* seconds; 0: not set */
    int64_t every;
    int64_t overlap;
    int64_t publish_ahead;
    int64_t max_uses;
    enum rotation_mode mode;
};

struct jwt_policy {
    int64_t max_ttl;    /* seconds; 0: no JWTs policy set, the default limit holds */
    const char *issuer; /* or NULL */
    const char *const *audiences;
    size_t audience_count;
};

struct approval_rule {
    const char *group; /* or NULL: none */
    uint32_t m;        /* 0: none */
};

struct label {
    const char *name;
    const char *value;
};

/* What a caller may say of a key; in `struct key` the strings live as long as the key. */
struct key_facts {
    const char *owner;
    const char *description; /* or NULL, likewise contact */
    const char *contact;
    enum classification classification;
    const struct label *labels; /* sorted by name */
    size_t label_count;
    struct rotation_policy rotation;
    struct jwt_policy jwt;
    struct approval_rule approval;
};

/* Nothing of a frozen key is opened by a quorum until a quorum unfreezes it. */
struct freeze {
    int64_t at;         /* unix ms; 0: not frozen */
    const char *by;     /* principal, or NULL */
    const char *reason; /* or NULL */
};

/* Immutable; hold it with keystore_find or keystore_list, let go with key_release. */
struct key {
    struct uuid id;
    const char *name;
    enum algorithm algorithm;
    enum purpose purpose;
    const char *token; /* the configured token that holds its material */
    struct key_facts facts;
    int64_t created_at;
    uint32_t primary;      /* number of the active version; 0 while the first one is being made */
    uint32_t next_version; /* the number that the next version will get */
    int64_t cached_until;  /* lived clock: until then somebody may have a key set from before its
                              publish_ahead was made shorter */
    struct freeze frozen;
    const struct version *versions; /* ascending by number */
    size_t version_count;
};

/* Opens or creates the database, runs the missing migrations, loads the snapshot. ERR_NEWER for one
 * written by a newer hsmgate, ERR_CORRUPT, ERR_CONFLICT when another process holds it,
 * ERR_STORE_UNAVAILABLE. */
MUST_USE struct err keystore_open(const char *path, struct keystore **out);
/* Writes exact use counters, closes. Takes NULL. */
void keystore_close(struct keystore *store);
/* Whether a write would succeed now (a no-op transaction): for readyz. */
MUST_USE struct err keystore_check(struct keystore *store);

/* NULL when there is no such key. Keys whose first version is still being made (primary 0, no
 * version that ever was active) are not found. */
const struct key *keystore_find(struct keystore *store, struct span name);
const struct key *keystore_find_id(struct keystore *store, struct uuid id);
/* Takes NULL. */
void key_release(const struct key *key);
/* For CLEANUP on a `const struct key *`. */
void key_release_at(const struct key *const *key);
/* NULL when there is none with this number. */
const struct version *key_version(const struct key *key, uint32_t number);
/* NULL while there is no primary. */
const struct version *key_primary(const struct key *key);

/* The key even while its first version is still being made; NULL when there is no such row. */
const struct key *keystore_find_any(struct keystore *store, struct span name);

/* Up to `limit` keys whose name starts with `prefix` and comes after `after` (or empty), ascending;
 * the same keys that keystore_find finds. Free with keystore_list_free. LIST_EVERYTHING also lists
 * keys in the making. */
enum list_scope { LIST_USABLE, LIST_EVERYTHING };
const struct key **keystore_list(struct keystore *store, struct span prefix, struct span after,
                                 size_t limit, enum list_scope scope, size_t *out_count);
void keystore_list_free(const struct key **keys, size_t count);
size_t keystore_count(struct keystore *store);

/* Says that the caller is making a version of this key (which need not be there yet), until
 * keystore_unclaim. ERR_CONFLICT while somebody else is. Held in memory: a crash ends it. */
MUST_USE struct err keystore_claim(struct keystore *store, struct span name);
void keystore_unclaim(struct keystore *store, struct span name);

/* --- changes; `now` is unix ms --- */
struct key_spec {
    const char *name;
    enum algorithm algorithm;
    enum purpose purpose;
    const char *token;
    struct key_facts facts;
};
/* Where a version's material is to be found on the token. */
struct version_source {
    struct span cka_id;
    bool adopted;        /* it is there already, and is not ours to remove before it is a version */
    uint32_t attributes; /* of adopted material */
};
/* Writes the key's row and its version 1 as pending. ERR_CONFLICT when the name is taken, or when a
 * version has this CKA_ID. */
MUST_USE struct err keystore_reserve_key(struct keystore *store, const struct key_spec *spec,
                                         const struct version_source *source, int64_t now);
/* Writes the next version as pending; its number comes out. ERR_NOT_FOUND, ERR_CONFLICT. */
MUST_USE struct err keystore_reserve_version(struct keystore *store, struct span name,
                                             const struct version_source *source, int64_t now,
                                             uint32_t *out_number);
/* Stores what generation gave, on a pending version without identity. ERR_INVALID_STATE. */
MUST_USE struct err keystore_record_material(struct keystore *store, struct span name,
                                             uint32_t number, struct span identity,
                                             struct span public_key);
/* Shows a whole and checked pending version to verifiers. ERR_INVALID_STATE for any other. */
struct publication {
    int64_t promote_at; /* unix ms */
    int64_t lived;      /* the lived clock now */
};
MUST_USE struct err keystore_publish(struct keystore *store, struct span name, uint32_t number,
                                     const struct publication *publication, int64_t now);
/* One version's change of state, applied only when it is in `from` now. */
struct version_move {
    uint32_t number;
    enum version_state from;
    enum version_state to;
    int64_t destroy_at;            /* for VERSION_DESTROY_SCHEDULED */
    int64_t lived;                 /* the lived clock now */
    const char *reason;            /* kept with the version; NULL: what stands there stays */
    const struct uuid *permission; /* to VERSION_DESTROY_SCHEDULED: the request that lets it be
                                      destroyed; NULL: none */
};
/* All moves in one transaction or none: ERR_INVALID_STATE when one no longer stands in its `from`.
 * Sets activated_at (to active, but not back from disabled), retired_at (to retiring or retired,
 * when not set), where enabling and cancelling lead back, the primary (the one active version);
 * refuses two active versions, and all but `destroyed` for a version that is being destroyed. */
MUST_USE struct err keystore_move(struct keystore *store, struct span name,
                                  const struct version_move *moves, size_t count, int64_t now);
/* Writes that the token is about to be told to destroy a version that is scheduled for it: from
 * here on the material may be gone. `out_first` (or NULL): it was not written before.
 * ERR_INVALID_STATE. */
MUST_USE struct err keystore_begin_destroy(struct keystore *store, struct span name,
                                           uint32_t number, bool *out_first);
/* Takes that back, when it is certain that nothing was destroyed. */
MUST_USE struct err keystore_spare(struct keystore *store, struct span name, uint32_t number);
/* Removes a pending version that never was used, and the key's row with it when it was the only
 * one. ERR_INVALID_STATE. */
MUST_USE struct err keystore_drop_pending(struct keystore *store, struct span name,
                                          uint32_t number);
/* Replaces the facts, and cached_until when the new one is later. ERR_NOT_FOUND, ERR_CONFLICT when
 * the key is not any more what was seen: read it again. */
MUST_USE struct err keystore_update(struct keystore *store, const struct key *seen,
                                    const struct key_facts *facts, int64_t cached_until);

/* Keeps an X.509 chain with the version, in place of the one before; `chain` is PEM and was
 * checked. ERR_NOT_FOUND; ERR_INVALID_STATE for one that is not made yet, or destroyed. */
MUST_USE struct err keystore_certify(struct keystore *store, struct span name, uint32_t number,
                                     const char *chain);

/* Freezes the key, or lets it go with `freeze` NULL. ERR_NOT_FOUND; ERR_INVALID_STATE when it is so
 * already. */
MUST_USE struct err keystore_freeze(struct keystore *store, struct span name,
                                    const struct freeze *freeze);

/* Keys that were made, changed, or came close to their limit of uses since the last call; waits for
 * one until the monotonic deadline. One caller; from its first call on, changes are gathered. */
struct key_changes {
    struct uuid *ids; /* mem_free */
    size_t count;
    bool all; /* too many to list: any key may have changed */
};
void keystore_await_changes(struct keystore *store, int64_t deadline_ns, struct key_changes *out);
/* Ends a wait early. */
void keystore_wake_changes(struct keystore *store);

/* --- what is recorded of the use of a version --- */

/* Counts `n` uses of the version, durably reserved ahead in blocks, so that a crash never
 * undercounts. ERR_KEY_EXHAUSTED when `limit` (0: none) would be passed; then nothing is counted.
 */
MUST_USE struct err keystore_take_uses(struct keystore *store, const struct version *version,
                                       uint64_t n, uint64_t limit, int64_t now);
uint64_t uses_count(const struct version *version);
int64_t
uses_last_at(const struct version *version); /* unix ms, 0: never (as far as was recorded) */
/* From this count on the key is among the changes, once; 0: never. */
void uses_set_alarm(const struct version *version, uint64_t count);

enum use_kind {
    USE_PROTECT, /* signs, encrypts, makes a MAC */
    USE_OPEN,    /* decrypts, unwraps, verifies */
    USE_KIND_COUNT
};
/* One call's use of a version, after it succeeded and before its answer leaves. */
struct use {
    enum use_kind kind;
    struct span principal;
    int64_t now;
    int64_t jwt_expires_at; /* unix ms, of a JWT; else 0 */
    bool raw_signature;     /* over what the caller chose: nobody knows for how long it matters */
    uint64_t rewrapped;     /* ciphertexts that it was left with */
};
/* Notes it. On disk before this returns: the largest expiry of a JWT, and the time of each kind to
 * within USE_PRECISION_MS; the rest follows within minutes. ERR_STORE_UNAVAILABLE. */
#define USE_PRECISION_MS ((int64_t)3600 * 1000)
MUST_USE struct err keystore_note_use(struct keystore *store, const struct version *version,
                                      const struct use *use);

#define USE_PRINCIPAL_MAX 256
struct use_evidence {
    uint64_t count;
    struct {
        int64_t at; /* unix ms, 0: never */
        char principal[USE_PRINCIPAL_MAX];
    } last[USE_KIND_COUNT];
    int64_t jwt_expires_at;   /* never too small; 0: no JWT */
    int64_t raw_signature_at; /* 0: none */
    uint64_t rewrapped;
    int64_t recorded_since; /* uses before were not recorded by kind */
};
void uses_evidence(const struct version *version, struct use_evidence *out);

/* --- the lived clock --- */

/* Time that the gateway was running, which no wall clock can make jump, and the largest wall clock
 * that is believed. Nothing but rotation's sense of time writes it. */
struct lived_clock {
    int64_t lived;      /* ms */
    int64_t high_water; /* unix ms, 0: never written */
};
MUST_USE struct err keystore_load_clock(struct keystore *store, struct lived_clock *out);
MUST_USE struct err keystore_save_clock(struct keystore *store, const struct lived_clock *clock);

/* --- backup --- */

/* Writes a whole, consistent copy of the database to a new file, while everything goes on. The copy
 * knows that it is one: when it is opened as a store, versions that count their uses are marked
 * count_unsure. `progress` gets pages done and in all, and ends the copy with false. ERR_CONFLICT
 * when the file is there, ERR_IO, ERR_STORE_UNAVAILABLE; then no file stays. */
typedef bool keystore_progress(void *arg, uint64_t done, uint64_t total);
MUST_USE struct err keystore_backup(struct keystore *store, const char *path, int64_t now,
                                    keystore_progress *progress, void *arg);
/* When the store was opened from a copy for the first time just now: when that was taken, else 0.
 */
int64_t keystore_restored_from(const struct keystore *store);

/* --- bearer tokens of ours: only SHA-256 of the token is kept --- */
#define ACCESS_KEY_MAX        32
#define ACCESS_KEY_SEALED_MAX 256
/* … and access keys, whose secret must be there to check a signature, and is sealed under a key in
 * a token. Both are found by a hash and share their names. */
struct bearer {
    char name[64 + 1];                   /* one segment of a key's name */
    uint8_t hash[SHA256_LEN];            /* of the token, or of the access key's id */
    char access_key[ACCESS_KEY_MAX + 1]; /* its id; empty: a bearer token */
    char subject[64 + 1];                /* whose access key it is, likewise: token:SUBJECT */
    uint8_t sealed[ACCESS_KEY_SEALED_MAX];
    size_t sealed_len;
    int64_t created_at;
    int64_t expires_at;   /* 0: never */
    int64_t last_used_at; /* as far as was written back */
};
/* ERR_CONFLICT when the name is taken by one that has not expired. */
MUST_USE struct err keystore_put_bearer(struct keystore *store, const struct bearer *bearer,
                                        int64_t now);
MUST_USE struct err keystore_delete_bearer(struct keystore *store,
                                           struct span name); /* ERR_NOT_FOUND */
/* Looks the hash up in the snapshot, in constant time in the hash's content; false when there is
 * none or it has expired. Notes the use. */
bool keystore_find_bearer(struct keystore *store, const uint8_t hash[SHA256_LEN], int64_t now,
                          struct bearer *out);
struct bearer *keystore_list_bearers(struct keystore *store, size_t *out_count); /* mem_free */

/* --- aliases: other names of keys, for AWS's clients --- */
#define ALIAS_MAX 256
struct alias {
    char name[ALIAS_MAX + 1]; /* without `alias/` */
    struct uuid key;
    int64_t created_at;
    int64_t updated_at;
};
/* ERR_CONFLICT when the name is taken. */
MUST_USE struct err keystore_put_alias(struct keystore *store, const struct alias *alias);
/* Points it to another key: ERR_NOT_FOUND. */
MUST_USE struct err keystore_move_alias(struct keystore *store, struct span name, struct uuid key,
                                        int64_t now);
MUST_USE struct err keystore_delete_alias(struct keystore *store,
                                          struct span name); /* ERR_NOT_FOUND */
/* False when there is none; in the snapshot, without SQL. */
bool keystore_find_alias(struct keystore *store, struct span name, struct alias *out);
/* In order of names; mem_free. */
struct alias *keystore_list_aliases(struct keystore *store, size_t *out_count);

/* --- grants: who may do what with which keys --- */
#define GRANT_ID_MAX         64
#define GRANT_SOURCES_MAX    16
#define GRANT_PRINCIPAL_MAX  256
#define GRANT_OPERATIONS_END 64

/* The words of a grant's operations; one bit each in a grant. Values are not stored, the words
 * are. */
enum operation {
    OPERATION_ENCRYPT,
    OPERATION_DECRYPT,
    OPERATION_DATA_KEY,
    OPERATION_UNWRAP,
    OPERATION_REWRAP,
    OPERATION_SIGN,
    OPERATION_VERIFY,
    OPERATION_MAC,
    OPERATION_JWT,
    OPERATION_RANDOM,
    OPERATION_READ,
    OPERATION_CREATE,
    OPERATION_UPDATE,
    OPERATION_ROTATE,
    OPERATION_RETIRE,
    OPERATION_DISABLE,
    OPERATION_COMPROMISE,
    OPERATION_DESTROY,
    OPERATION_REQUEST_BREAK_GLASS,
    OPERATION_OPEN_BREAK_GLASS,
    OPERATION_MANAGE_TOKENS,
    OPERATION_MANAGE_GRANTS,
    OPERATION_READ_AUDIT,
    OPERATION_MANAGE_GATEWAY,
    OPERATION_COUNT
};
#define OPERATION_BIT(operation) (1u << (operation))
const char *operation_name(enum operation operation);
bool operation_by_name(struct span name, enum operation *out);

/* An address block (RFC 4632, RFC 4291 §2.3). An IPv4 block stands in its mapped form. */
struct network {
    uint8_t address[16];
    unsigned prefix; /* bits, 0 to 128 */
};
/* `10.0.0.0/8`, `2001:db8::/32`, or one address; ERR_INVALID_FIELD, also for bits behind the
 * prefix. */
MUST_USE struct err network_parse(struct span text, struct network *out);
void network_format(const struct network *network, char out[64]);
/* The address in 16 bytes, IPv4 mapped; a block of IPv6 holds no IPv4 address. */
bool network_contains(const struct network *network, const uint8_t address[16]);

struct grant_uses; /* the mutable last use of a grant, shared by all snapshots */

/* Immutable, as part of a snapshot. */
struct grant {
    const char *id;              /* `[a-z0-9][a-z0-9._-]{0,62}` */
    const char *principal;       /* exactly one */
    const char *keys;            /* pattern: `*` one segment, `**` the rest */
    uint32_t operations;         /* OPERATION_BIT */
    const struct label *context; /* pairs that must be in the caller's context, sorted by name */
    size_t context_count;
    const struct network *sources; /* empty: from anywhere, the local socket included */
    size_t source_count;
    int64_t expires_at; /* unix ms; 0: never */
    const char *justification;
    bool allow_dual_role;
    int64_t created_at;
    int64_t updated_at;
    const char *updated_by;
    struct grant_uses *uses;
};
int64_t grant_last_used_at(const struct grant *grant);       /* unix ms, 0: never */
void grant_note_use(const struct grant *grant, int64_t now); /* lock-free; written back in time */

/* All grants at one moment, immutable and reference-counted. */
struct grants {
    const struct grant *const *all; /* sorted by id */
    size_t count;
};
const struct grants *keystore_grants(struct keystore *store);
void grants_release(const struct grants *grants); /* takes NULL */
/* For CLEANUP. */
void grants_release_at(const struct grants *const *grants);
/* Those of one principal, from an index; consecutive. */
const struct grant *const *grants_of(const struct grants *grants, struct span principal,
                                     size_t *out_count);
const struct grant *grants_find(const struct grants *grants, struct span id);

/* One change of many: puts those in `put` (by id, replacing) and deletes those in `drop`, all in
 * one transaction or none. ERR_CONFLICT when `expected` is not NULL and is no longer the newest
 * snapshot. */
struct grant_change {
    const struct grant *put;
    size_t put_count;
    const struct span *drop; /* ids */
    size_t drop_count;
    const struct grants *expected; /* or NULL */
};
MUST_USE struct err keystore_change_grants(struct keystore *store,
                                           const struct grant_change *change);
/* What the change would make of these grants, without doing it: for judging the result. A new
 * reference. */
MUST_USE struct err grants_after(const struct grants *grants, const struct grant_change *change,
                                 const struct grants **out);

/* --- requests that a quorum decides, their votes, and the rosters --- */

/* Values are stored: never renumber. */
enum request_state {
    REQUEST_PENDING = 1,
    REQUEST_APPROVED,
    REQUEST_OPENING, /* spent: the token is about to be touched, or was */
    REQUEST_OPENED,  /* what it asked for is done */
    REQUEST_DENIED,
    REQUEST_CANCELLED,
    REQUEST_EXPIRED,
    REQUEST_FAILED,
    REQUEST_INDETERMINATE, /* a crash while opening: a person has to look */
    REQUEST_STATE_END
};
const char *request_state_name(enum request_state state);
bool request_state_by_name(struct span name, enum request_state *out);

/* As it came in and was checked; the strings and spans live as long as the request. */
struct request_vote {
    const char *voter;
    const char *choice;    /* `approve`, `deny` */
    const char *format;    /* `raw`, `sshsig` */
    const char *signed_at; /* the signed text */
    struct span signature;
    int64_t received_at; /* unix ms */
};
struct quorum_request {
    struct uuid id;
    const char *kind; /* statement_kind_name */
    enum request_state state;
    const char *key; /* name, or NULL */
    uint32_t version;
    const char *requester;
    struct span statement;  /* canonical bytes */
    struct span ciphertext; /* of `open`: the blob; else empty */
    struct span context;    /* canonical */
    int64_t created_at;
    int64_t expires_at;
    int64_t changed_at;  /* when it came into its state */
    const char *outcome; /* one clause of why it ended so, or NULL */
    struct span result;  /* SHA-256 of what was handed out, or empty */
    uint64_t audit_seq;  /* the audit log's next sequence when it was spent; 0: was not */
    const struct request_vote *votes; /* in the order in which they came */
    size_t vote_count;
};
/* Of one requester, pending or approved at a time: each may hold a ciphertext. */
#define REQUESTS_WAITING_MAX 100
/* Writes a new one as pending; state, changed_at, outcome, result and votes are not read.
 * ERR_CONFLICT when the id is taken, ERR_RATE_LIMITED when too many wait. */
MUST_USE struct err keystore_put_request(struct keystore *store,
                                         const struct quorum_request *request);
/* Free with request_free. ERR_NOT_FOUND. */
MUST_USE struct err keystore_find_request(struct keystore *store, struct uuid id,
                                          const struct quorum_request **out);
void request_free(const struct quorum_request *request); /* takes NULL */
void request_free_at(const struct quorum_request *const *request);
/* Newest first; those in `state` (0: any) and about `key` (empty: any), that come behind the
 * request `after` (NULL: from the newest), up to `limit`, with votes. Free each, and the array with
 * mem_free; or with request_list_free. */
struct request_filter {
    enum request_state state;
    struct span key;
    const struct uuid *after;
    size_t limit;
};
/* Without their ciphertexts and contexts, of which there may be many megabytes. */
MUST_USE struct err keystore_list_requests(struct keystore *store,
                                           const struct request_filter *filter,
                                           const struct quorum_request ***out, size_t *out_count);
void request_list_free(const struct quorum_request **requests, size_t count);
/* Those that wait (pending, approved) and whose expires_at is at or before `now`: their ids, up to
 * `max`; out_next: when the next one will expire, 0: none waits. */
MUST_USE struct err keystore_expired_requests(struct keystore *store, int64_t now, struct uuid *out,
                                              size_t max, size_t *out_count, int64_t *out_next);
/* One change of state, durable, only when it is in `from` now and the table of request.c allows it:
 * ERR_INVALID_STATE names the state that it is in. */
struct request_move {
    enum request_state from;
    enum request_state to;
    const char *outcome; /* or NULL */
    struct span result;  /* or empty */
    uint64_t audit_seq;  /* to opening: the audit log's next sequence then; else 0: stays */
};
MUST_USE struct err keystore_move_request(struct keystore *store, struct uuid id,
                                          const struct request_move *move, int64_t now);
/* Adds a vote to a request that is pending or approved. ERR_INVALID_STATE; ERR_CONFLICT when the
 * voter has voted the same way already. */
MUST_USE struct err keystore_put_vote(struct keystore *store, struct uuid id,
                                      const struct request_vote *vote);
/* At start: what was being opened when the process ended is indeterminate now. */
MUST_USE struct err keystore_settle_requests(struct keystore *store, int64_t now,
                                             size_t *out_count);
/* How many there are by state. */
MUST_USE struct err keystore_count_requests(struct keystore *store,
                                            uint64_t out[REQUEST_STATE_END]);
/* When the voter last voted on anything; 0: never. */
MUST_USE struct err keystore_last_vote(struct keystore *store, const char *voter,
                                       int64_t *out_received_at);

struct roster_row {
    uint64_t number; /* from 1 */
    struct span roster;
    struct span statement; /* empty for number 1 */
    struct span votes;     /* JSON array, empty for number 1 */
    int64_t added_at;
};
/* ERR_CONFLICT unless it is the next number. */
MUST_USE struct err keystore_put_roster(struct keystore *store, const struct roster_row *row);
/* All, ascending; one block for mem_free (spans point into it). */
MUST_USE struct err keystore_rosters(struct keystore *store, struct roster_row **out,
                                     size_t *out_count);

#endif
