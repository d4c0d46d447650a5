/* retire_check: whether anything still needs a version, from what was recorded of it.
 *
 * Each finding speaks for one thing that may need it, and says by itself whether that is known.
 * What was made with it and is kept elsewhere (ciphertexts, signatures) cannot be seen from here:
 * only use can, so an answer of "no" says what it rests on. Pure. */
#include "rotation/rotation.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"

/* The finding's sentence; a format and what it takes. */
#define SAY(finding, ...) \
    ((void)snprintf((finding)->detail, sizeof((finding)->detail), __VA_ARGS__))
#define MS ((int64_t)1000)

struct check {
    const struct key *key;
    const struct version *version;
    const struct rotation_rules *rules;
    int64_t now;
    struct retire_check *out;
};

static struct retire_finding *add(struct check *check, enum retire_what what,
                                  enum retire_verdict verdict)
{
    struct retire_finding *finding = &check->out->findings[check->out->count++];
    *finding = (struct retire_finding){.what = what, .verdict = verdict};
    return finding;
}

static void check_state(struct check *check)
{
    static const struct {
        enum retire_verdict verdict;
        const char *text;
    } states[VERSION_STATE_END] = {
        [VERSION_PENDING] = {RETIRE_NEEDS, "it is published and becomes the primary"},
        [VERSION_ACTIVE] = {RETIRE_NEEDS, "it is the primary: everything new is protected by it"},
        [VERSION_RETIRING] = {RETIRE_NEEDS, "verifiers still find it in the key sets"},
        [VERSION_RETIRED] = {RETIRE_FREE, "it protects nothing new and is not published"},
        [VERSION_DISABLED] = {RETIRE_FREE, "nobody can use it while it is disabled"},
        [VERSION_COMPROMISED] = {RETIRE_FREE, "it protects nothing and is not published"},
        [VERSION_DESTROY_SCHEDULED] = {RETIRE_FREE, "nobody can use it any more"},
        [VERSION_DESTROYED] = {RETIRE_FREE, "it is gone"},
    };
    SAY(add(check, RETIRE_STATE, states[check->version->state].verdict), "it is %s: %s",
        version_state_name(check->version->state), states[check->version->state].text);
}

static void check_jwts(struct check *check)
{
    if (check->key->purpose != PURPOSE_SIGN) {
        return;
    }
    char at[CLOCK_TEXT_MAX];
    int64_t until = check->out->evidence.jwt_expires_at;
    if (until == 0) {
        SAY(add(check, RETIRE_JWT, RETIRE_FREE), "no JWT that it signed is recorded");
        return;
    }
    until += check->rules->clock_skew * MS;
    bool valid = until > check->now;
    struct retire_finding *finding = add(check, RETIRE_JWT, valid ? RETIRE_NEEDS : RETIRE_FREE);
    clock_format(until, at);
    finding->until = valid ? until : 0;
    SAY(finding,
        valid ? "JWTs that it signed are valid until %s"
              : "every JWT that it signed has expired, the last one at %s",
        at);
}

/* Both kinds of use: within the look-back somebody needs it, before that nobody did. */
static void check_kind(struct check *check, enum use_kind kind, enum retire_what what,
                       const char *done)
{
    int64_t last = check->out->evidence.last[kind].at;
    char at[CLOCK_TEXT_MAX];
    if (last == 0) {
        SAY(add(check, what, RETIRE_FREE), "nobody %s with it since recording began", done);
        return;
    }
    int64_t until = last + check->rules->look_back * MS;
    bool recent = until > check->now;
    struct retire_finding *finding = add(check, what, recent ? RETIRE_NEEDS : RETIRE_FREE);
    finding->until = recent ? until : 0;
    clock_format(last, at);
    SAY(finding, "%s %s with it at %s, %s the look-back", check->out->evidence.last[kind].principal,
        done, at, recent ? "within" : "before");
}

static bool opens(const struct key *key)
{
    return key->purpose == PURPOSE_ENCRYPT || key->purpose == PURPOSE_DECRYPT;
}

/* What was made with it may lie somewhere. */
static void check_made(struct check *check)
{
    const struct use_evidence *evidence = &check->out->evidence;
    if (opens(check->key)) {
        bool none = evidence->count == 0 && !check->version->adopted &&
                    check->key->purpose == PURPOSE_ENCRYPT;
        struct retire_finding *finding =
            add(check, RETIRE_CIPHERTEXTS, none ? RETIRE_FREE : RETIRE_UNKNOWN);
        SAY(finding,
            none ? "it never encrypted anything"
                 : "%llu ciphertexts were made and %llu rewrapped; whether others are kept "
                   "somewhere cannot be seen from here",
            (unsigned long long)evidence->count, (unsigned long long)evidence->rewrapped);
        return;
    }
    if (evidence->raw_signature_at != 0 || check->version->adopted) {
        SAY(add(check, RETIRE_SIGNATURES, RETIRE_UNKNOWN),
            "it signed or authenticated what callers chose; whoever verifies that with a copy of "
            "the public half does not show here");
    }
}

static void check_uses(struct check *check)
{
    uint64_t limit = plan_uses_limit(check->key);
    uint64_t count = check->out->evidence.count;
    if (limit == 0) {
        return;
    }
    SAY(add(check, RETIRE_USES, RETIRE_FREE), "%llu of %llu uses%s", (unsigned long long)count,
        (unsigned long long)limit,
        check->version->count_unsure ? ", and those since a restored backup" : "");
}

static void check_records(struct check *check)
{
    char since[CLOCK_TEXT_MAX];
    int64_t begun = check->out->evidence.recorded_since;
    bool whole = begun <= check->version->created_at && !check->version->adopted &&
                 !check->version->count_unsure;
    clock_format(begun, since);
    struct retire_finding *finding =
        add(check, RETIRE_RECORDS, whole ? RETIRE_FREE : RETIRE_UNKNOWN);
    SAY(finding,
        whole ? "its use is recorded since it was made"
              : "its use is recorded since %s; what was before, elsewhere, or between a "
                "backup and its restoration is not known",
        since);
}

/* Whether use within the look-back could have gone unrecorded. */
static bool has_gap(const struct check *check)
{
    int64_t begun = check->out->evidence.recorded_since;
    bool whole = begun <= check->version->created_at && !check->version->count_unsure;
    return !whole && begun + check->rules->look_back * MS > check->now;
}

static void conclude(struct check *check)
{
    struct retire_check *out = check->out;
    bool unknown = false;
    for (size_t i = 0; i < out->count; i++) {
        const struct retire_finding *finding = &out->findings[i];
        unknown = unknown || finding->verdict == RETIRE_UNKNOWN;
        if (finding->verdict == RETIRE_NEEDS) {
            int64_t until = finding->until == 0 ? INT64_MAX : finding->until;
            out->needed = RETIRE_NEEDS;
            out->needed_until = until > out->needed_until ? until : out->needed_until;
        }
    }
    if (out->needed == RETIRE_NEEDS) {
        out->sure = RETIRE_CERTAIN;
        return;
    }
    out->needed = has_gap(check) ? RETIRE_UNKNOWN : RETIRE_FREE;
    out->sure = out->needed == RETIRE_UNKNOWN ? RETIRE_UNSURE
                : unknown                     ? RETIRE_RECORDED
                                              : RETIRE_CERTAIN;
}

void retire_check(const struct key *key, const struct version *version,
                  const struct rotation_rules *rules, int64_t now, struct retire_check *out)
{
    *out = (struct retire_check){0};
    struct check check = {.key = key, .version = version, .rules = rules, .now = now, .out = out};
    uses_evidence(version, &out->evidence);
    out->look_back = rules->look_back;
    bool signs = key->purpose == PURPOSE_SIGN || key->purpose == PURPOSE_MAC;
    check_state(&check);
    check_jwts(&check);
    check_kind(&check, USE_OPEN, RETIRE_OPENED, signs ? "verified" : "opened something");
    check_kind(&check, USE_PROTECT, RETIRE_PROTECTED, signs ? "signed" : "protected something");
    check_made(&check);
    check_uses(&check);
    check_records(&check);
    conclude(&check);
}

const char *retire_what_name(enum retire_what what)
{
    static const char *const names[] = {
        [RETIRE_STATE] = "state",
        [RETIRE_JWT] = "jwt",
        [RETIRE_OPENED] = "opened",
        [RETIRE_PROTECTED] = "protected",
        [RETIRE_CIPHERTEXTS] = "ciphertexts",
        [RETIRE_SIGNATURES] = "signatures",
        [RETIRE_USES] = "uses",
        [RETIRE_RECORDS] = "records",
    };
    return names[what];
}

const char *retire_verdict_name(enum retire_verdict verdict)
{
    static const char *const names[] = {
        [RETIRE_FREE] = "free", [RETIRE_NEEDS] = "needs", [RETIRE_UNKNOWN] = "unknown"};
    return names[verdict];
}

const char *retire_needed_name(enum retire_verdict needed)
{
    static const char *const names[] = {
        [RETIRE_FREE] = "no", [RETIRE_NEEDS] = "yes", [RETIRE_UNKNOWN] = "unknown"};
    return names[needed];
}

const char *retire_sure_name(enum retire_sure sure)
{
    static const char *const names[] = {
        [RETIRE_CERTAIN] = "certain", [RETIRE_RECORDED] = "recorded", [RETIRE_UNSURE] = "unknown"};
    return names[sure];
}
