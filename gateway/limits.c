/* Rates of principals and of keys. A name's rate is that of the first rule whose pattern matches,
 * else the default; its bucket is found in a table of a fixed size (bucket_table.h).
 *
 * A request takes from both of its buckets or from none, so that a refused one costs its caller
 * nothing. That needs both shards' mutexes at once: a principal's first, then a key's, always. What
 * has no rate takes no lock, and a kind of names of which none has a rate has no table. */
#include "gateway/limits.h"

#include <limits.h>

#include "base/mem.h"
#include "base/sync.h"
#include "gateway/bucket_table.h"
#include "gateway/policy.h"

#define SECOND_NS ((int64_t)1000000000)

typedef bool pattern_matcher(const char *pattern, struct span name);

/* Principals, or keys. */
struct kind {
    const char *word;
    pattern_matcher *matches;
    const struct config_rate_rule *rules;
    size_t rule_count;
    struct config_rate otherwise;
    struct bucket_table *table; /* NULL: nothing is limited */
};

enum { PRINCIPALS, KEYS, KINDS };

struct limits {
    struct kind kinds[KINDS]; /* in the order of locking */
};

/* One bucket that a request takes from. */
struct claim {
    const char *word;
    struct config_rate rate;
    size_t rule;
    struct bucket_id id;
    struct bucket_shard *shard;
    struct bucket *bucket; /* valid with the shard's mutex held */
};

/* Exact, or all that follows a `*` at the end. */
static bool principal_matches(const char *pattern, struct span name)
{
    size_t len = strlen(pattern);
    if (len == 0 || pattern[len - 1] != '*') {
        return span_is(name, pattern);
    }
    return name.len >= len - 1 && memcmp(name.data, pattern, len - 1) == 0;
}

static void open_table(struct kind *kind)
{
    bool limited = kind->otherwise.per_second > 0;
    for (size_t i = 0; i < kind->rule_count; i++) {
        limited = limited || kind->rules[i].rate.per_second > 0;
    }
    if (limited) {
        kind->table = bucket_table_open(kind->rule_count + 1);
    }
}

struct limits *limits_open(const struct config_limits *config)
{
    struct limits *limits = mem_alloc(sizeof(*limits));
    limits->kinds[PRINCIPALS] = (struct kind){.word = "principal",
                                              .matches = principal_matches,
                                              .rules = config->principals,
                                              .rule_count = config->principal_count,
                                              .otherwise = config->principal};
    limits->kinds[KEYS] = (struct kind){.word = "key",
                                        .matches = policy_matches,
                                        .rules = config->keys,
                                        .rule_count = config->key_count,
                                        .otherwise = config->key};
    for (size_t i = 0; i < KINDS; i++) {
        open_table(&limits->kinds[i]);
    }
    return limits;
}

void limits_close(struct limits *limits)
{
    for (size_t i = 0; limits != NULL && i < KINDS; i++) {
        bucket_table_close(limits->kinds[i].table);
    }
    mem_free(limits);
}

/* False when the name has no rate. */
static bool claim_of(const struct kind *kind, struct span name, struct claim *out)
{
    if (kind->table == NULL || name.len == 0) {
        return false;
    }
    size_t rule = 0;
    while (rule < kind->rule_count && !kind->matches(kind->rules[rule].pattern, name)) {
        rule++;
    }
    struct config_rate rate = rule < kind->rule_count ? kind->rules[rule].rate : kind->otherwise;
    if (rate.per_second == 0) {
        return false;
    }
    struct bucket_id id = bucket_table_id(kind->table, name);
    *out = (struct claim){.word = kind->word,
                          .rate = rate,
                          .rule = rule,
                          .id = id,
                          .shard = bucket_table_shard(kind->table, id)};
    return true;
}

/* Gives how many of the two have a rate. */
static size_t claims_of(const struct limits *limits, struct span principal, struct span key,
                        struct claim claims[KINDS])
{
    size_t count = 0;
    count += claim_of(&limits->kinds[PRINCIPALS], principal, &claims[0]) ? 1 : 0;
    count += claim_of(&limits->kinds[KEYS], key, &claims[count]) ? 1 : 0;
    return count;
}

static void lock_and_find(struct claim *claims, size_t count, int64_t now_ns)
{
    for (size_t i = 0; i < count; i++) {
        struct claim *claim = &claims[i];
        sync_lock(&claim->shard->mutex);
        claim->bucket = bucket_shard_find(claim->shard, claim->id, claim->rule, now_ns);
    }
}

static void unlock(struct claim *claims, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        sync_unlock(&claims[i].shard->mutex);
    }
}

static void take_from(struct claim *claims, size_t count, uint32_t items, int64_t now_ns)
{
    for (size_t i = 0; i < count; i++) {
        bucket_take(claims[i].bucket, claims[i].rate, items, now_ns);
    }
}

/* The claim that has to wait longest, or NULL. */
static const struct claim *refusing(const struct claim *claims, size_t count, uint32_t items,
                                    int64_t now_ns, int64_t *out_wait_ns)
{
    const struct claim *worst = NULL;
    *out_wait_ns = 0;
    for (size_t i = 0; i < count; i++) {
        const struct claim *claim = &claims[i];
        int64_t wait_ns = bucket_wait(claim->bucket, claim->rate, items, now_ns);
        if (wait_ns > *out_wait_ns) {
            *out_wait_ns = wait_ns;
            worst = claim;
        }
    }
    return worst;
}

static unsigned whole_seconds(int64_t wait_ns)
{
    int64_t seconds = wait_ns / SECOND_NS + (wait_ns % SECOND_NS > 0 ? 1 : 0);
    return seconds < UINT_MAX ? (unsigned)seconds : UINT_MAX;
}

struct err limits_take(struct limits *limits, struct span principal, struct span key,
                       uint32_t items, int64_t now_ns, unsigned *out_retry_after_s,
                       const char **out_limit)
{
    struct claim claims[KINDS];
    size_t count = claims_of(limits, principal, key, claims);
    uint32_t wanted = items > 0 ? items : 1;
    int64_t wait_ns = 0;
    lock_and_find(claims, count, now_ns);
    const struct claim *worst = refusing(claims, count, wanted, now_ns, &wait_ns);
    if (worst == NULL) {
        take_from(claims, count, wanted, now_ns);
    }
    unlock(claims, count);
    if (worst == NULL) {
        return err_ok();
    }
    *out_retry_after_s = whole_seconds(wait_ns);
    *out_limit = worst->word;
    return err_new(ERR_RATE_LIMITED, __func__, "The %s is over its rate: try again after %u s.",
                   worst->word, *out_retry_after_s);
}

void limits_owe(struct limits *limits, struct span principal, struct span key, uint32_t items,
                int64_t now_ns)
{
    struct claim claims[KINDS];
    size_t count = claims_of(limits, principal, key, claims);
    lock_and_find(claims, count, now_ns);
    take_from(claims, count, items, now_ns);
    unlock(claims, count);
}
