/* One thread that signs the tree's head when it is due.
 *
 * Due means: records that no checkpoint covers yet, and either so many of them or the last
 * checkpoint so long ago. A checkpoint adds no record, so an idle gateway signs nothing. Requests
 * never wait for any of this: while the token or the disk fails, tries follow one another with a
 * growing pause, and the next one that works covers everything since. The mutex guards what struct
 * witness says; token, log and disk are touched outside of it. */
#include "gateway/witness.h"

#include "audit/checkpoint.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "gateway/copies.h"
#include "gateway/signer.h"

#define PACE_MS      100 /* between two checkpoints, however many records come */
#define RETRY_MS     500
#define RETRY_MAX_MS 10000
#define READY_MS     500 /* one look whether the token is ready */
#define SIGN_MS      20000
#define LOOK_MS      50
#define LAST_MS      2000 /* for the last one, and for its copies */
#define IDLE_MS      ((int64_t)3600 * 1000)

struct witness {
    const struct gateway *gateway;
    struct copies *copies;
    pthread_t thread;
    /* of the thread alone */
    uint32_t announced; /* version whose start was recorded */
    int64_t signed_ns;  /* monotonic; 0: not since the start */
    unsigned failed;    /* tries in a row */
    /* `mutex` guards the rest */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopping;
    bool nudged;
    uint64_t signed_size;
    int64_t signed_ms;
    uint64_t sign_failures;
};

static bool is_stopping(struct witness *witness)
{
    sync_lock(&witness->mutex);
    bool stopping = witness->stopping;
    sync_unlock(&witness->mutex);
    return stopping;
}

static void pause_for(struct witness *witness, int64_t pause_ms)
{
    int64_t until = clock_deadline(pause_ms);
    sync_lock(&witness->mutex);
    bool in_time = true;
    while (!witness->stopping && in_time) {
        in_time = sync_wait(&witness->changed, &witness->mutex, until);
    }
    sync_unlock(&witness->mutex);
}

static bool take_nudge(struct witness *witness)
{
    sync_lock(&witness->mutex);
    bool nudged = witness->nudged;
    witness->nudged = false;
    sync_unlock(&witness->mutex);
    return nudged;
}

/* Waits for something to sign; false when it should be asked again. */
static bool wait_due(struct witness *witness)
{
    const struct config_audit *config = &witness->gateway->config->audit;
    struct audit *audit = witness->gateway->audit;
    struct tree_head head;
    if (witness->signed_ns == 0) {
        return true;
    }
    uint64_t covered = witness->signed_size; /* this thread alone writes it */
    int64_t due = witness->signed_ns + config->checkpoint_every_s * 1000 * 1000 * 1000;
    bool many = audit_wait_head(audit, covered + config->checkpoint_records, due, &head);
    bool now = take_nudge(witness) || many || clock_mono_ns() >= due;
    if (now && head.size <= covered) {
        (void)audit_wait_head(audit, covered + 1, clock_deadline(IDLE_MS), &head);
        return false;
    }
    return now;
}

/* Says in the log itself which key signs it from now on. */
static struct err announce(struct witness *witness, const struct version *version)
{
    if (witness->announced == version->number) {
        return err_ok();
    }
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(buf_clear) struct buf detail = {0};
    TRY(signer_key_text(witness->gateway, version, &text));
    struct json_writer writer = json_writer_on(&detail);
    json_begin_object(&writer, NULL);
    json_put_span(&writer, "verifier_key", buf_span(&text));
    json_end_object(&writer);
    TRY(json_finish(&writer));
    struct audit_record record = {.time = clock_wall_ms(),
                                  .kind = "system",
                                  .operation = span_text("witness-started"),
                                  .key = span_text(WITNESS_KEY),
                                  .version = version->number,
                                  .outcome = "ok",
                                  .detail = buf_span(&detail)};
    TRY(audit_write(witness->gateway->audit, &record));
    witness->announced = version->number;
    return err_ok();
}

static void note_signed(struct witness *witness, uint64_t size)
{
    witness->signed_ns = clock_mono_ns();
    sync_lock(&witness->mutex);
    witness->signed_size = size;
    witness->signed_ms = clock_wall_ms();
    sync_wake_all(&witness->changed);
    sync_unlock(&witness->mutex);
}

/* The token that will sign: the key's, or the one that the key will be made on. */
static struct token *signing_token(const struct gateway *gateway)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(gateway->store, span_text(WITNESS_KEY));
    return gateway_token(gateway, key != NULL ? key->token : gateway->config->default_token);
}

/* A token that starts is waited for; one that has failed is not. */
static struct err wait_token(struct witness *witness, int64_t deadline_ns)
{
    struct token *token = signing_token(witness->gateway);
    ENSURE(token != NULL, ERR_CONFIG, "the token of the key %s is not configured", WITNESS_KEY);
    struct err err;
    do {
        int64_t look = clock_deadline(READY_MS);
        err = token_wait_ready(token, look < deadline_ns ? look : deadline_ns);
    } while (err.code == ERR_DEADLINE && clock_left_ms(deadline_ns) > 0 && !is_stopping(witness));
    return err;
}

static struct err make_checkpoint(struct witness *witness, int64_t deadline_ns)
{
    const struct gateway *gateway = witness->gateway;
    CLEANUP(key_release_at) const struct key *key = NULL;
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(buf_clear) struct buf note = {0};
    struct tree_head head;
    TRY(wait_token(witness, deadline_ns));
    TRY(signer_key(gateway, deadline_ns, &key));
    TRY(announce(witness, key_primary(key)));
    audit_head(gateway->audit, &head);
    TRY(signer_key_text(gateway, key_primary(key), &text));
    TRY(signer_sign(gateway, key, &head, deadline_ns, &note));
    copies_put(witness->copies, buf_span(&note)); /* also when the log's own disk is full */
    TRY(audit_put_checkpoint(gateway->audit, buf_span(&note), buf_span(&text)));
    note_signed(witness, head.size);
    return err_ok();
}

/* Counts, and says once when an outage begins and when it ends. */
static void settle(struct witness *witness, const struct err *err)
{
    if (err->code == ERR_OK) {
        if (witness->failed > 0) {
            log_info("witness", "checkpoints are signed again, after %u failures", witness->failed);
        }
        witness->failed = 0;
        return;
    }
    if (witness->failed == 0) {
        log_error("witness", "no checkpoint: %s: %s; tried again until it works",
                  err_word(err->code), err->detail);
    }
    witness->failed++;
    sync_lock(&witness->mutex);
    witness->sign_failures++;
    sync_unlock(&witness->mutex);
}

static int64_t pause_after(unsigned failed)
{
    if (failed == 0) {
        return PACE_MS;
    }
    int64_t pause = RETRY_MS;
    for (unsigned i = 1; i < failed && pause < RETRY_MAX_MS; i++) {
        pause *= 2;
    }
    return pause < RETRY_MAX_MS ? pause : RETRY_MAX_MS;
}

/* What was signed before the start goes out again: nobody remembers which place has it. */
static void put_stored(struct witness *witness)
{
    CLEANUP(buf_clear) struct buf note = {0};
    buf_init(&note, CHECKPOINT_MAX);
    struct err err = audit_get_checkpoint(witness->gateway->audit, &note);
    if (err.code == ERR_OK) {
        copies_put(witness->copies, buf_span(&note));
    }
}

/* The last records get their checkpoint, if the token answers now. */
static void sign_last(struct witness *witness)
{
    struct token *token = signing_token(witness->gateway);
    struct tree_head head;
    struct token_status status = {.state = TOKEN_DOWN};
    if (token != NULL) {
        token_status(token, &status);
    }
    audit_head(witness->gateway->audit, &head);
    if (status.state == TOKEN_READY && head.size > witness->signed_size) {
        struct err err = make_checkpoint(witness, clock_deadline(LAST_MS));
        settle(witness, &err);
    }
}

static void *run(void *arg)
{
    struct witness *witness = arg;
    put_stored(witness);
    while (!is_stopping(witness)) {
        if (!wait_due(witness) || is_stopping(witness)) {
            continue;
        }
        struct err err = make_checkpoint(witness, clock_deadline(SIGN_MS));
        settle(witness, &err);
        pause_for(witness, pause_after(witness->failed));
    }
    sign_last(witness);
    return NULL;
}

struct witness *witness_open(struct gateway *gateway)
{
    struct witness *witness = mem_alloc(sizeof(*witness));
    witness->gateway = gateway;
    witness->copies = copies_open(&gateway->config->audit, copies_pace_default());
    sync_init(&witness->mutex, &witness->changed);
    witness->thread = sync_thread("witness", run, witness);
    return witness;
}

void witness_close(struct witness *witness)
{
    if (witness == NULL) {
        return;
    }
    sync_lock(&witness->mutex);
    witness->stopping = true;
    sync_wake_all(&witness->changed);
    sync_unlock(&witness->mutex);
    audit_wake(witness->gateway->audit);
    (void)pthread_join(witness->thread, NULL);
    copies_close(witness->copies, LAST_MS);
    sync_destroy(&witness->mutex, &witness->changed);
    mem_free(witness);
}

void witness_nudge(struct witness *witness)
{
    sync_lock(&witness->mutex);
    witness->nudged = true;
    sync_unlock(&witness->mutex);
    audit_wake(witness->gateway->audit);
}

/* A nudge may meet the thread between two looks, so it is repeated. */
bool witness_await(struct witness *witness, uint64_t size, int64_t deadline_ns)
{
    bool covered = false;
    while (!covered && clock_left_ms(deadline_ns) > 0) {
        int64_t look = clock_deadline(LOOK_MS);
        witness_nudge(witness);
        sync_lock(&witness->mutex);
        bool in_time = true;
        while (witness->signed_size < size && in_time) {
            in_time = sync_wait(&witness->changed, &witness->mutex,
                                look < deadline_ns ? look : deadline_ns);
        }
        covered = witness->signed_size >= size;
        sync_unlock(&witness->mutex);
    }
    return covered;
}

void witness_status(struct witness *witness, struct witness_status *out)
{
    struct copies_status copies;
    copies_status(witness->copies, &copies);
    sync_lock(&witness->mutex);
    *out = (struct witness_status){.signed_size = witness->signed_size,
                                   .signed_ms = witness->signed_ms,
                                   .sign_failures = witness->sign_failures,
                                   .copies = copies.delivered,
                                   .copy_failures = copies.failures,
                                   .copies_waiting = copies.waiting};
    sync_unlock(&witness->mutex);
}
