/* `hsmgate drill revoke`: how long a version that is disabled or compromised is still used, seen
 * from a caller that does not stop using it. */
#include "base/clock.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/drill.h"
#include "cli/drill_loop.h"
#include "cli/jwt_check.h"
#include "cli/output.h"

#define LIMIT_MS     1000
#define USES_BEFORE  10
#define REFUSED_MORE 25 /* uses that must all be refused after the first one */

/* A key under the drill, and how it is used. */
struct target {
    const char *algorithm;
    const char *verb;
    const char *body;
    const char *name;
    char *path;
};

static enum drill_use use_key(struct client *client, void *arg, int64_t *out_version,
                              struct err *out_err)
{
    const struct target *target = arg;
    CLEANUP(response_clear) struct response response = {0};
    *out_version = 1;
    *out_err = client_exchange(client, "POST", target->path, span_text(target->body), &response);
    if (out_err->code != ERR_OK) {
        return DRILL_FAILED;
    }
    if (response.status == 200) {
        return DRILL_GOOD;
    }
    *out_err = client_problem(&response);
    return response.status == 409 ? DRILL_REFUSED : DRILL_FAILED;
}

/* From the command to the first refusal, and that no use succeeds behind it. */
static struct err revoke_under_use(struct drill *drill, struct target *target, const char *verb,
                                   const char *done)
{
    CLEANUP(drill_loop_stop) struct drill_loop loop;
    struct drill_counts counts;
    TRY(drill_loop_start(&loop, use_key, target));
    const bool used = drill_loop_wait(&loop, drill_has_good, USES_BEFORE, DRILL_WAIT_MS, &counts);
    ENSURE(used, ERR_IO, "it could not be used before: %s", counts.first_failure.detail);
    const int64_t start_ns = clock_mono_ns();
    TRY(drill_move(drill, target->name, verb));
    const bool refused =
        drill_loop_wait(&loop, drill_has_refused, 1 + REFUSED_MORE, DRILL_WAIT_MS, &counts);
    drill_note(drill,
               &(struct drill_measure){.start_ns = start_ns,
                                       .end_ns = counts.first_refusal_ns,
                                       .limit_ms = LIMIT_MS,
                                       .passed = refused && counts.first_refusal_ns != 0},
               "%s: %s, until the first use is refused", target->algorithm, done);
    drill_note(
        drill,
        &(struct drill_measure){.passed = counts.good_after_refusal == 0 && counts.failed == 0},
        "%s: %llu uses before, %llu refused, %llu succeeded behind the first refusal%s%s",
        target->algorithm, (unsigned long long)counts.good, (unsigned long long)counts.refused,
        (unsigned long long)counts.good_after_refusal, counts.failed > 0 ? ", failed: " : "",
        counts.failed > 0 ? counts.first_failure.detail : "");
    return err_ok();
}

static struct err enable(struct drill *drill, struct target *target)
{
    int64_t version = 0;
    struct err err = err_ok();
    const int64_t start_ns = clock_mono_ns();
    TRY(drill_move(drill, target->name, ":enable"));
    const enum drill_use used = use_key(drill->client, target, &version, &err);
    drill_note(drill, &(struct drill_measure){.start_ns = start_ns, .passed = used == DRILL_GOOD},
               "%s: enabled, until it is used again", target->algorithm);
    return err_ok();
}

/* Who compromised a key must find that nobody believes it any more. A key set without keys may be
 * none at all. */
static struct err check_key_set(struct drill *drill, const struct target *target)
{
    CLEANUP(jwt_keys_clear) struct jwt_keys keys = {0};
    CLEANUP(mem_free_at) char *kid = mem_format("%s@1", target->name);
    const struct err err = jwt_keys_refresh(&keys, drill->client, target->name);
    if (err.code != ERR_NOT_FOUND) {
        TRY(err);
    }
    drill_note(drill, &(struct drill_measure){.passed = !jwt_keys_list(&keys, span_text(kid))},
               "%s: the key set does not list the compromised version", target->algorithm);
    return err_ok();
}

static void clear_target(struct target *target)
{
    mem_free(target->path);
}

static struct err revoke_one(struct drill *drill, const struct target *kind)
{
    CLEANUP(clear_target) struct target target = *kind;
    TRY(drill_make_key(drill, target.algorithm, "", &target.name));
    CLEANUP(mem_free_at) char *pinned = mem_format("%s@1", target.name);
    TRY(client_key_path(pinned, target.verb, &target.path));
    TRY(revoke_under_use(drill, &target, ":disable", "disabled"));
    TRY(enable(drill, &target));
    TRY(revoke_under_use(drill, &target, ":compromise", "compromised"));
    return span_is(span_text(target.verb), ":sign") ? check_key_set(drill, &target) : err_ok();
}

static struct err revoke(struct drill *drill, const struct options *options)
{
    (void)options;
    static const struct target kinds[] = {
        {.algorithm = "ecdsa-p256", .verb = ":sign", .body = "{\"message\":\"ZHJpbGw=\"}"},
        {.algorithm = "aes-256-gcm", .verb = ":encrypt", .body = "{\"plaintext\":\"ZHJpbGw=\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        TRY(revoke_one(drill, &kinds[i]));
    }
    return err_ok();
}

struct err drill_revoke(struct client *client, const struct options *options, int *out_exit)
{
    return drill_run(client, options, "revoke", revoke, out_exit);
}
