/* key_policy: a rotation is safe for verifiers when two sums hold, and both are checked when the
 * policy is written, not hoped for: a version is published for longer than anybody may keep a key
 * set, and it stays published for longer than the JWTs that it signed are valid anywhere. */
#include "gateway/ops/key_policy.h"

#include "base/clock.h"
#include "base/mem.h"

#define USES_MAX      ((int64_t)1 << 53)
#define GCM_USES_MAX  ((int64_t)1 << 31)
#define JWT_TTL_MAX_S ((int64_t)3600)  /* of a key without its own `jwt.max_ttl` */
#define OVERLAP_S     ((int64_t)86400) /* of automatic keys that sign nothing */

struct rotation_policy key_policy_default(const struct config_rotation *config,
                                          enum classification classification, enum purpose purpose)
{
    struct rotation_policy policy = config->defaults[classification];
    if (purpose != PURPOSE_SIGN) {
        policy.publish_ahead = 0; /* nobody verifies with it */
    }
    return policy;
}

static struct err read_duration(const char *member, struct span text, int64_t *out)
{
    if (text.data == NULL) {
        return err_ok();
    }
    if (span_is(text, "0s") && *out != 0) { /* takes away what is there, by default or before */
        *out = 0;
        return err_ok();
    }
    struct err err = clock_parse_duration(text, out);
    ENSURE(err.code == ERR_OK, ERR_INVALID_FIELD,
           "%s must be a duration such as 90s, 5m, 12h or 30d.", member);
    return err_ok();
}

/* Whoever says how often says that it happens by itself, unless they say otherwise. */
static struct err read_mode(struct span mode, bool every, struct rotation_policy *policy)
{
    if (mode.data == NULL) {
        enum rotation_mode asked = policy->every > 0 ? ROTATION_AUTOMATIC : ROTATION_MANUAL;
        policy->mode = every ? asked : policy->mode;
        return err_ok();
    }
    bool automatic = span_is(mode, "automatic");
    ENSURE(automatic || span_is(mode, "manual"), ERR_INVALID_FIELD,
           "rotation.mode must be automatic or manual.");
    policy->mode = automatic ? ROTATION_AUTOMATIC : ROTATION_MANUAL;
    return err_ok();
}

struct err key_policy_read(const struct json_value *node, enum purpose purpose,
                           struct rotation_policy *policy)
{
    struct span every = {0}, overlap = {0}, ahead = {0}, mode = {0};
    int64_t most = purpose == PURPOSE_ENCRYPT ? GCM_USES_MAX : USES_MAX;
    bool has_max_uses = false;
    struct rotation_policy read = *policy;
    const struct json_field fields[] = {
        {"every", JSON_TEXT, JSON_OPTIONAL, 0, &every, NULL},
        {"overlap", JSON_TEXT, JSON_OPTIONAL, 0, &overlap, NULL},
        {"publish_ahead", JSON_TEXT, JSON_OPTIONAL, 0, &ahead, NULL},
        {"max_uses", JSON_INTEGER, JSON_OPTIONAL, 0, &read.max_uses, &has_max_uses},
        {"mode", JSON_TEXT, JSON_OPTIONAL, 0, &mode, NULL},
    };
    TRY(json_read(node, fields, ARRAY_LEN(fields)));
    TRY(read_duration("rotation.every", every, &read.every));
    TRY(read_duration("rotation.overlap", overlap, &read.overlap));
    TRY(read_duration("rotation.publish_ahead", ahead, &read.publish_ahead));
    TRY(read_mode(mode, every.data != NULL, &read));
    ENSURE(!has_max_uses || (read.max_uses >= 1 && read.max_uses <= most), ERR_INVALID_FIELD,
           "rotation.max_uses must be from 1 to %lld.", (long long)most);
    *policy = read;
    return err_ok();
}

/* --- the sums --- */

static int64_t smaller_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t key_policy_jwt_ttl(const struct key_facts *facts, const struct rotation_rules *rules)
{
    if (facts->jwt.max_ttl > 0) {
        return facts->jwt.max_ttl;
    }
    int64_t overlap = facts->rotation.overlap;
    int64_t room = overlap > rules->clock_skew ? overlap - rules->clock_skew : 0;
    return overlap == 0 ? JWT_TTL_MAX_S : smaller_of(room, JWT_TTL_MAX_S);
}

/* What nobody gave: long enough for verifiers, and the version's life permitting. */
static void fill(const struct rotation_rules *rules, enum purpose purpose, struct key_facts *facts)
{
    struct rotation_policy *policy = &facts->rotation;
    if (policy->mode != ROTATION_AUTOMATIC) {
        return;
    }
    if (policy->overlap == 0) {
        policy->overlap = purpose == PURPOSE_SIGN
                              ? key_policy_jwt_ttl(facts, rules) + rules->clock_skew
                              : OVERLAP_S;
    }
    if (policy->publish_ahead == 0 && purpose == PURPOSE_SIGN) {
        int64_t ahead = 2 * rules->jwks_max_age;
        policy->publish_ahead = policy->every > 0 ? smaller_of(ahead, policy->every / 2) : ahead;
    }
}

static struct err check_overlap(const struct rotation_rules *rules, const struct key_facts *facts)
{
    char overlap[CLOCK_TEXT_MAX], ttl[CLOCK_TEXT_MAX];
    int64_t overlap_s = facts->rotation.overlap, ttl_s = facts->jwt.max_ttl;
    int64_t least_s = ttl_s + rules->clock_skew;
    if (overlap_s == 0 || ttl_s == 0 || overlap_s >= least_s) {
        return err_ok();
    }
    clock_format_duration(overlap_s, overlap);
    clock_format_duration(ttl_s, ttl);
    return err_new(ERR_INVALID_FIELD, __func__,
                   "rotation.overlap %s (%lld s) must be at least jwt.max_ttl %s (%lld s) + clock "
                   "skew (%lld s) = %lld s: else JWTs outlive their published key.",
                   overlap, (long long)overlap_s, ttl, (long long)ttl_s,
                   (long long)rules->clock_skew, (long long)least_s);
}

static struct err check_ahead(const struct rotation_rules *rules, const struct key_facts *facts)
{
    int64_t ahead = facts->rotation.publish_ahead;
    int64_t age = plan_cache_age(&facts->rotation, rules->jwks_max_age);
    ENSURE(ahead >= age, ERR_INVALID_FIELD,
           "rotation.publish_ahead (%lld s) must be at least the %lld s that a key set may be "
           "kept: else verifiers meet a version that they cannot know.",
           (long long)ahead, (long long)age);
    return err_ok();
}

struct err key_policy_settle(const struct rotation_rules *rules, enum purpose purpose,
                             struct key_facts *facts)
{
    struct rotation_policy *policy = &facts->rotation;
    fill(rules, purpose, facts);
    ENSURE(policy->every == 0 || policy->publish_ahead < policy->every, ERR_INVALID_FIELD,
           "rotation.publish_ahead (%lld s) must be shorter than rotation.every (%lld s).",
           (long long)policy->publish_ahead, (long long)policy->every);
    bool idle = policy->mode == ROTATION_AUTOMATIC && policy->every == 0 && policy->max_uses == 0 &&
                purpose != PURPOSE_ENCRYPT;
    ENSURE(!idle, ERR_INVALID_FIELD,
           "rotation.mode automatic needs rotation.every or rotation.max_uses.");
    if (purpose == PURPOSE_SIGN && policy->mode == ROTATION_AUTOMATIC) {
        TRY(check_ahead(rules, facts));
    }
    return check_overlap(rules, facts);
}
