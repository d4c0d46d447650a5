/* rotation: the one writer of version states. It makes versions on a token in steps that a crash
 * cannot tear, and moves them by one table of transitions (NIST SP 800-57 part 1 §7). It sees the
 * token's face and the keystore's, which never see each other. */
#ifndef HSMGATE_ROTATION_ROTATION_H
#define HSMGATE_ROTATION_ROTATION_H

#include "audit/audit.h"
#include "keystore/keystore.h"
#include "pkcs11/token.h"
#include "quorum/quorum.h"

/* --- time --- */

/* One reading of the sense of time; see sense.c for why there are three. */
struct moment {
    int64_t now;    /* unix ms: for dates that people see, and for whether something has expired */
    int64_t calm;   /* unix ms: the calendar of schedules, which no leap of the wall clock moves */
    int64_t lived;  /* ms that the gateway was running: for what must last a while */
    int64_t behind; /* ms by which calm is behind the wall clock; below 0: before it */
    bool leapt;     /* the two have been more than a day apart for less than a day */
};
struct timekeeper;
MUST_USE struct err timekeeper_open(struct keystore *store, struct timekeeper **out);
/* Saves, frees. Takes NULL. */
void timekeeper_close(struct timekeeper *keeper);
void timekeeper_read(struct timekeeper *keeper, struct moment *out);
/* `now` alone, without a lock. */
int64_t timekeeper_latest(struct timekeeper *keeper);
MUST_USE struct err timekeeper_save(struct timekeeper *keeper);
/* A person has looked at the wall clock: schedules follow it from here on, forwards or backwards.
 */
MUST_USE struct err timekeeper_accept(struct timekeeper *keeper, struct moment *out);

/* --- lifecycle: pure --- */
bool lifecycle_allows(enum version_state from, enum version_state to);
/* What a version in this state may still do. */
bool lifecycle_protects(enum version_state state);  /* sign, encrypt, mac new data: active only */
bool lifecycle_opens(enum version_state state);     /* decrypt, unwrap, verify, verify-mac */
bool lifecycle_published(enum version_state state); /* in key sets: pending, active, retiring */

/* What a person asks for. */
enum move_verb {
    MOVE_PROMOTE, /* becomes the primary, the old one retires */
    MOVE_RETIRE,
    MOVE_DISABLE,
    MOVE_ENABLE, /* back to where it was; to retiring when another one is the primary now */
    MOVE_COMPROMISE,
    MOVE_SCHEDULE_DESTROY,
    MOVE_CANCEL_DESTROY,  /* back to where it was */
    MOVE_CONFIRM_DESTROY, /* destroys at once what waits for a person */
    MOVE_VERB_COUNT
};
/* `schedule-destroy`; static. */
const char *move_verb_name(enum move_verb verb);
/* The state that the verb leads to. ERR_INVALID_STATE names what the version's state allows. */
MUST_USE struct err lifecycle_target(const struct key *key, const struct version *version,
                                     enum move_verb verb, enum version_state *out);

/* --- plan: pure --- */
struct rotation_rules { /* seconds */
    int64_t clock_skew; /* by which verifiers' clocks may differ from ours */
    int64_t look_back;  /* a version that was used within it is in use */
    int64_t jwks_max_age;
};
enum plan_action { PLAN_NONE, PLAN_MAKE, PLAN_PROMOTE, PLAN_RETIRE, PLAN_DESTROY };
enum plan_why {
    PLAN_WHY_EVERY,     /* the policy's time */
    PLAN_WHY_USES,      /* close to its limit of uses */
    PLAN_WHY_RESTORED,  /* its uses since a backup are not counted */
    PLAN_WHY_PUBLISHED, /* published long enough */
    PLAN_WHY_OVERLAP,   /* verifiers had the overlap */
    PLAN_WHY_JWT,       /* a JWT that it signed has expired */
    PLAN_WHY_ASKED,     /* a person scheduled it */
    PLAN_WHY_BEGUN,     /* the token was told already */
    PLAN_WHY_COUNT
};
struct plan_step {
    enum plan_action action;
    uint32_t version;
    int64_t wait_ms; /* from the moment that was asked about, on clocks that only go forward */
    int64_t at;      /* the same as a date */
    enum plan_why why;
    bool held; /* a person has to confirm it */
};
const char *plan_action_name(enum plan_action action); /* `make`, `promote`, … */
const char *plan_why_text(enum plan_why why);          /* one clause for people */
/* The next steps in order, as far as they can be known, up to `horizon_ms` from now: none of what
 * depends on use. */
size_t plan_forecast(const struct key *key, const struct rotation_rules *rules,
                     const struct moment *moment, int64_t horizon_ms, struct plan_step *out,
                     size_t max);
/* The largest number of uses of one version; 0: none. NIST SP 800-38D §8.3 for GCM. */
uint64_t plan_uses_limit(const struct key *key);
/* The max-age, in seconds, that key sets with this key are sent with. */
int64_t plan_cache_age(const struct rotation_policy *policy, int64_t max_age);
/* Whether a destruction that is due by the wall clock waits for a person, or for the clock. */
bool plan_waits(const struct version *version, const struct moment *moment);

/* --- whether a version may go: pure --- */
enum retire_what {
    RETIRE_STATE,
    RETIRE_JWT,
    RETIRE_OPENED,
    RETIRE_PROTECTED,
    RETIRE_CIPHERTEXTS,
    RETIRE_SIGNATURES,
    RETIRE_USES,
    RETIRE_RECORDS,
    RETIRE_WHAT_COUNT
};
enum retire_verdict {
    RETIRE_FREE,
    RETIRE_NEEDS,
    RETIRE_UNKNOWN /* it cannot be seen from here */
};
struct retire_finding {
    enum retire_what what;
    enum retire_verdict verdict;
    int64_t until;    /* unix ms: free from then on; 0: not by waiting, or free already */
    char detail[400]; /* one sentence */
};
enum retire_sure {
    RETIRE_CERTAIN,  /* it follows from what was recorded */
    RETIRE_RECORDED, /* it rests on nobody having used it for the look-back */
    RETIRE_UNSURE    /* not all of the look-back was recorded */
};
struct retire_check {
    enum retire_verdict needed; /* NEEDS when one finding does, UNKNOWN when it is unsure */
    enum retire_sure sure;
    int64_t needed_until; /* unix ms, of NEEDS; INT64_MAX: not by waiting */
    struct retire_finding findings[RETIRE_WHAT_COUNT];
    size_t count;
    struct use_evidence evidence;
    int64_t look_back; /* seconds */
};
void retire_check(const struct key *key, const struct version *version,
                  const struct rotation_rules *rules, int64_t now, struct retire_check *out);
const char *retire_what_name(enum retire_what what);
const char *retire_verdict_name(enum retire_verdict verdict);
const char *retire_needed_name(enum retire_verdict needed); /* `yes`, `no`, `unknown` */
const char *retire_sure_name(enum retire_sure sure);

/* --- what a quorum decides: rows of the store, as quorum.h wants them --- */

/* All rosters at one moment, checked against the root; immutable. */
struct roster_view {
    const struct roster_chain *chain;
    const struct roster *newest;
    const struct roster_link *links; /* from the root */
    const struct roster_row *rows;   /* likewise */
    size_t count;
};
struct roster_book;
/* Loads the rosters of the store and checks them against the pinned root. What is wrong with them
 * comes out of roster_book_view. */
void roster_book_open(struct keystore *store, const uint8_t root[SHA256_LEN],
                      struct roster_book **out);
void roster_book_close(struct roster_book *book); /* takes NULL; no view may be held */
const uint8_t *roster_book_root(const struct roster_book *book);
/* The rosters now; hand back with roster_view_release. ERR_INVALID_STATE: no root is pinned (`book`
 * NULL), or the root is not there yet; ERR_APPROVAL_REQUIRED: they do not follow from the root. */
MUST_USE struct err roster_book_view(struct roster_book *book, const struct roster_view **out);
void roster_view_release(const struct roster_view *view); /* takes NULL */
void roster_view_release_at(const struct roster_view *const *view);
/* Adds the next roster (or the root) when the chain holds with it, durably. ERR_FORBIDDEN,
 * ERR_INVALID_FIELD, ERR_CONFLICT: another one came first. */
MUST_USE struct err roster_book_add(struct roster_book *book, const struct roster_link *link,
                                    int64_t now);

/* A request's statement and votes, read. */
struct docket {
    struct statement_read statement;
    struct vote *votes;
    size_t vote_count;
};
/* Borrows from the request. ERR_CORRUPT, ERR_INVALID_FIELD: the row is not what we wrote. */
MUST_USE struct err docket_open(const struct quorum_request *request, struct docket *out);
void docket_clear(struct docket *docket);
/* Appends what the worker wants to see: the request's statement and votes (none: `request` NULL)
 * and all rosters. */
MUST_USE struct err docket_bundle(const struct roster_view *view,
                                  const struct quorum_request *request, struct buf *out);

/* --- making and moving versions --- */
struct rotation {
    struct keystore *store;
    struct token *const *tokens;
    size_t token_count;
    struct rotation_rules rules;
    struct timekeeper *timekeeper; /* NULL: the wall clock is believed, and no
                                      time is lived: there is no scheduler then */
    struct roster_book *rosters;   /* NULL: none is pinned */
};
void rotation_moment(const struct rotation *rotation, struct moment *out);
/* NULL when no token has the name. */
struct token *rotation_token(const struct rotation *rotation, const char *name);
/* The token_key of a version, as token_run wants it. */
void rotation_token_key(const struct key *key, const struct version *version,
                        struct token_key *out);

/* Makes the key with its first version active. ERR_CONFLICT, ERR_UNSUPPORTED_BY_TOKEN,
 * ERR_TOKEN_UNAVAILABLE, ERR_STORE_UNAVAILABLE; after an error nothing of it stays, or reconcile
 * removes it. */
MUST_USE struct err rotation_create_key(const struct rotation *rotation,
                                        const struct key_spec *spec, const struct moment *moment,
                                        int64_t deadline_ns);
enum rotation_when {
    ROTATE_BY_POLICY, /* published first when the key has a publish_ahead */
    ROTATE_AT_ONCE
};
/* Makes the next version; it is the primary then, or pending. A version that is pending already is
 * promoted instead when it must be at once, else ERR_INVALID_STATE. One rotation of a key at a time
 * (ERR_CONFLICT). */
MUST_USE struct err rotation_rotate(const struct rotation *rotation, struct span name,
                                    enum rotation_when when, const struct moment *moment,
                                    int64_t deadline_ns, uint32_t *out_version);

struct move_request {
    enum move_verb verb;
    const char *reason;            /* or NULL */
    int64_t after_s;               /* for MOVE_SCHEDULE_DESTROY */
    bool despite_use;              /* likewise */
    const struct uuid *permission; /* likewise: the request that a quorum approved; NULL: none */
};
/* Whether a version may be destroyed without despite_use: nobody used it within the look-back, as
 * far as that was recorded. ERR_INVALID_STATE says when it was, or that nobody knows. */
MUST_USE struct err rotation_check_unused(const struct rotation *rotation,
                                          const struct version *version, int64_t now);
/* Whether a version may be destroyed without a permission: neither the key nor the material has a
 * rule. ERR_APPROVAL_REQUIRED. */
MUST_USE struct err rotation_check_unruled(const struct key *key, const struct version *version);
/* Moves one version as a person asks. ERR_NOT_FOUND; ERR_INVALID_STATE names what is allowed, or
 * the use within the look-back that forbids a destruction; ERR_APPROVAL_REQUIRED to destroy without
 * permission what demands approvals. MOVE_CONFIRM_DESTROY needs the token. */
MUST_USE struct err rotation_move(const struct rotation *rotation, struct span name,
                                  uint32_t number, const struct move_request *request,
                                  const struct moment *moment, int64_t deadline_ns);

/* --- the scheduler: does by itself what the plans of all keys say --- */
struct scheduler;
/* Called after each step that was tried, from the scheduler's threads, outside of locks; must not
 * block long. */
typedef void scheduler_observer(void *arg, const struct key *key, const struct plan_step *step,
                                const struct err *err);
struct scheduler_config {            /* all outlive it */
    const struct rotation *rotation; /* with a timekeeper */
    struct audit *audit;
    scheduler_observer *observe; /* or NULL */
    void *observer;
};
/* Plans every key and starts. */
struct scheduler *scheduler_open(const struct scheduler_config *config);
/* Waits for the steps under way. Takes NULL. */
void scheduler_close(struct scheduler *scheduler);
/* Makes it look at the clock and at what is due now. */
void scheduler_nudge(struct scheduler *scheduler);
struct scheduler_status {
    size_t planned; /* steps that have a time */
    uint64_t done;
    uint64_t failures;
    int64_t overdue_ms; /* of the step that should have been done first; 0: none */
};
void scheduler_status(struct scheduler *scheduler, struct scheduler_status *out);

/* --- what is on a token --- */
enum inventory_status {
    INVENTORY_FOREIGN,   /* somebody else's, and not adoptable: `why` */
    INVENTORY_OURS,      /* of a version */
    INVENTORY_ADOPTABLE, /* a version could be made of it */
    INVENTORY_ORPHAN     /* has a CKA_ID of our form, and no version */
};
const char *inventory_status_name(enum inventory_status status);
struct inventory_entry {
    struct token_object object;
    enum inventory_status status;
    char *key; /* of ours; else NULL */
    uint32_t version;
    const char *why; /* static, or NULL */
};
struct inventory_missing {
    char *key;
    uint32_t version;
};
struct inventory {
    struct inventory_entry *entries; /* by CKA_ID; both halves of a pair */
    size_t count;
    struct inventory_missing *missing; /* versions whose material is not there */
    size_t missing_count;
};
/* Clear with inventory_clear. Errors of token_inventory. */
MUST_USE struct err rotation_inventory(const struct rotation *rotation, struct token *token,
                                       const struct moment *moment, int64_t deadline_ns,
                                       struct inventory *out);
void inventory_clear(struct inventory *inventory);

/* --- material that is on a token already --- */
struct rotation_adoption {
    struct span cka_ids[2]; /* readings of what was given; exactly one of them names an object */
    size_t cka_id_count;
    const char *label; /* when there is no CKA_ID */
    uint32_t allow;    /* 1u << enum token_attribute, of those that are refused otherwise */
};
/* Those that `allow` may hold, for the words `extractable` and `modifiable`. */
uint32_t adoption_extractable(void);
uint32_t adoption_modifiable(void);
/* As rotation_create_key and rotation_rotate, with material that somebody else made. It is checked
 * and used once like ours, and its attributes are kept with the version for ever. ERR_NOT_FOUND,
 * ERR_CONFLICT when it is not exactly one or a version already, ERR_UNSUPPORTED_OPERATION when it
 * is not fit, or has attributes that were not allowed. After an error the token is as it was. */
MUST_USE struct err rotation_adopt_key(const struct rotation *rotation, const struct key_spec *spec,
                                       const struct rotation_adoption *adoption,
                                       const struct moment *moment, int64_t deadline_ns);
MUST_USE struct err rotation_adopt_version(const struct rotation *rotation, struct span name,
                                           enum rotation_when when,
                                           const struct rotation_adoption *adoption,
                                           const struct moment *moment, int64_t deadline_ns,
                                           uint32_t *out_version);

/* At start, per token when it is ready: undoes versions that a crash left unfinished, finishes
 * destructions that had begun, and counts objects on the token that no row knows (reported in the
 * log with their CKA_ID, never used, never destroyed). */
struct reconcile_report {
    size_t undone;
    size_t destroyed;
    size_t orphans;
    size_t missing; /* rows whose material is not on the token */
};
MUST_USE struct err rotation_reconcile(const struct rotation *rotation, struct token *token,
                                       const struct moment *moment, int64_t deadline_ns,
                                       struct reconcile_report *out);

#endif
