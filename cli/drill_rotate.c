/* `hsmgate drill rotate`: a signing key changes its version while JWTs are signed and verified
 * without a pause; not one of them may fail, although the verifier keeps its key set as long as it
 * is allowed to. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/drill.h"
#include "cli/drill_loop.h"
#include "cli/jwt_check.h"
#include "cli/output.h"

#define USES_BEFORE 10
#define USES_AFTER  25
#define PROMOTE_MS  17000 /* publish_ahead, and how long a gateway may take to see it is over */
#define MS_PER_S    1000
#define FACTS                                                      \
    ",\"rotation\":{\"publish_ahead\":\"2s\",\"overlap\":\"1d\"}," \
    "\"jwt\":{\"max_ttl\":\"10s\"}"
#define BODY "{\"claims\":{\"sub\":\"drill\"},\"ttl\":\"10s\"}"

/* Of the loop's thread while it runs. */
struct consumer {
    const char *name;
    char *path;
    struct jwt_keys keys;
    struct buf old_token; /* the last one of version 1 */
};

static void consumer_clear(struct consumer *consumer)
{
    mem_free(consumer->path);
    jwt_keys_clear(&consumer->keys);
    buf_clear(&consumer->old_token);
}

static int64_t version_of(struct span kid)
{
    CLEANUP(mem_free_at) char *text = span_to_text(kid);
    const char *at = strrchr(text, '@');
    return at != NULL ? strtoll(at + 1, NULL, 10) : 0;
}

static struct err sign_and_verify(struct client *client, struct consumer *consumer,
                                  int64_t *out_version)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(buf_clear) struct buf kid = {0};
    TRY(client_fetch(client, "POST", consumer->path, span_text(BODY), &response, &json));
    const struct span token = member_text(json.root, "token");
    TRY(jwt_keys_refresh(&consumer->keys, client, consumer->name));
    TRY(jwt_check(&consumer->keys, token, &kid));
    *out_version = version_of(buf_span(&kid));
    if (*out_version > 1) {
        return err_ok();
    }
    buf_reset(&consumer->old_token);
    return buf_append(&consumer->old_token, token);
}

static enum drill_use consume(struct client *client, void *arg, int64_t *out_version,
                              struct err *out_err)
{
    *out_err = sign_and_verify(client, arg, out_version);
    return out_err->code == ERR_OK ? DRILL_GOOD : DRILL_FAILED;
}

static struct err rotate_now(struct drill *drill, const char *name, int64_t *out_start_ns)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    *out_start_ns = clock_mono_ns();
    TRY(client_call_key(drill->client, "POST", name, ":rotate", (struct span){0}, &response));
    TRY(json_parse(buf_span(&response.body), &json));
    const struct span state = member_text(json.root, "state");
    drill_note(
        drill,
        &(struct drill_measure){.start_ns = *out_start_ns, .passed = span_is(state, "pending")},
        "rotated: version %lld is %.*s", (long long)member_integer(json.root, "version"),
        (int)state.len, (const char *)state.data);
    return err_ok();
}

/* A version that signs before every copy of the key set must have it breaks consumers. */
static void note_promotion(struct drill *drill, int64_t start_ns, const struct drill_counts *counts,
                           int64_t max_age_s)
{
    const bool there = counts->version >= 2;
    const int64_t took_ms = there ? (counts->version_ns - start_ns) / 1000000 : 0;
    drill_note(drill,
               &(struct drill_measure){.start_ns = start_ns,
                                       .end_ns = there ? counts->version_ns : 0,
                                       .limit_ms = PROMOTE_MS,
                                       .passed = there && took_ms >= max_age_s * MS_PER_S},
               "until version 2 signs, and not before copies of the key set are %lld s old",
               (long long)max_age_s);
}

static struct err check_old_token(struct drill *drill, struct consumer *consumer)
{
    CLEANUP(jwt_keys_clear) struct jwt_keys keys = {0};
    CLEANUP(buf_clear) struct buf kid = {0};
    TRY(jwt_keys_refresh(&keys, drill->client, consumer->name));
    const struct err err = jwt_check(&keys, buf_span(&consumer->old_token), &kid);
    drill_note(drill, &(struct drill_measure){.passed = err.code == ERR_OK},
               "a JWT of version 1 is still verified by the key set%s%s",
               err.code != ERR_OK ? ": " : "", err.detail);
    return err_ok();
}

static struct err rotate_under_use(struct drill *drill, struct consumer *consumer)
{
    CLEANUP(drill_loop_stop) struct drill_loop loop;
    struct drill_counts counts;
    int64_t start_ns = 0;
    TRY(drill_loop_start(&loop, consume, consumer));
    const bool used = drill_loop_wait(&loop, drill_has_good, USES_BEFORE, DRILL_WAIT_MS, &counts);
    ENSURE(used, ERR_IO, "no JWT was verified before: %s", counts.first_failure.detail);
    TRY(rotate_now(drill, consumer->name, &start_ns));
    if (drill_loop_wait(&loop, drill_has_version, 2, DRILL_WAIT_MS, &counts)) {
        const struct drill_counts promoted = counts;
        (void)drill_loop_wait(&loop, drill_has_good, (int64_t)promoted.good + USES_AFTER,
                              DRILL_WAIT_MS, &counts);
    }
    drill_loop_stop(&loop);
    counts = loop.counts;
    note_promotion(drill, start_ns, &counts, consumer->keys.max_age_s);
    drill_note(drill, &(struct drill_measure){.passed = counts.failed == 0},
               "%llu JWTs signed and verified meanwhile, %llu failed%s%s",
               (unsigned long long)counts.good + counts.failed, (unsigned long long)counts.failed,
               counts.failed > 0 ? ": " : "", counts.failed > 0 ? counts.first_failure.detail : "");
    return check_old_token(drill, consumer);
}

static struct err rotate(struct drill *drill, const struct options *options)
{
    (void)options;
    CLEANUP(consumer_clear) struct consumer consumer = {0};
    TRY(drill_make_key(drill, "ecdsa-p256", FACTS, &consumer.name));
    TRY(client_key_path(consumer.name, ":jwt", &consumer.path));
    return rotate_under_use(drill, &consumer);
}

struct err drill_rotate(struct client *client, const struct options *options, int *out_exit)
{
    return drill_run(client, options, "rotate", rotate, out_exit);
}
