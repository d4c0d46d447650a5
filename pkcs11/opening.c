/* opening: everything is checked here again, by the process that alone can open anything.
 *
 * Straight down: judge the bundle → the statement names this key, ciphertext and context → the rule
 * is the key's → the token could do it → find the key, prove that it is the one and bears the name
 * that people read → spend, durably → open → seal. Until it is spent nothing has happened and the
 * same bundle may come again; from then on it never may, whatever comes of it. The plaintext lives
 * in one buf that wipes itself and leaves only sealed. */
#include "pkcs11/opening.h"

#include "base/banned.h"
#include "base/clock.h"
#include "base/envelope.h"
#include "base/failpoint.h"
#include "base/mem.h"
#include "pkcs11/item.h"
#include "pkcs11/mend.h"
#include "pkcs11/naming.h"
#include "pkcs11/seal.h"

#define P256_LEN 32
#define P384_LEN 48

struct opening {
    struct worker *worker;
    const struct frame_item *asked;
    int64_t now_ms;
    struct judged judged;
    struct buf aad;
    struct buf plaintext;
    struct frame_item decrypt; /* what the token is asked */
};

static void clear(struct opening *opening)
{
    judged_clear(&opening->judged);
    buf_clear(&opening->aad);
    buf_clear(&opening->plaintext);
}

static bool is_digest_of(const uint8_t digest[SHA256_LEN], struct span bytes)
{
    uint8_t hash[SHA256_LEN];
    digest_sha256_parts(&bytes, 1, hash);
    return span_equal(span_of(hash, SHA256_LEN), span_of(digest, SHA256_LEN));
}

/* The people have signed for exactly what came. */
static struct err check_subject(const struct statement *says, const struct frame_item *asked)
{
    const struct token_key *key = &asked->key;
    ENSURE(says->kind == STATEMENT_OPEN, ERR_APPROVAL_REQUIRED,
           "the statement does not ask to open anything");
    ENSURE(span_equal(says->cka_id, span_of(key->cka_id, key->cka_id_len)) &&
               span_equal(says->identity, span_of(key->identity, key->identity_len)),
           ERR_APPROVAL_REQUIRED, "the statement names another key on the token");
    ENSURE(is_digest_of(says->ciphertext_sha256, asked->iv), ERR_APPROVAL_REQUIRED,
           "the statement names another ciphertext");
    ENSURE(is_digest_of(says->context_sha256, asked->aad), ERR_APPROVAL_REQUIRED,
           "the statement names another context");
    return err_ok();
}

static struct err read_envelope(struct opening *opening)
{
    const struct statement *says = &opening->judged.verdict.statement.is;
    struct envelope envelope = {0};
    TRY(envelope_decode(opening->asked->iv, &envelope));
    ENSURE(uuid_equal(envelope.key, says->key_id) && envelope.version == says->version,
           ERR_APPROVAL_REQUIRED, "the ciphertext is of another key or version");
    TRY(envelope_aad(&envelope, opening->asked->aad, &opening->aad));
    opening->decrypt = (struct frame_item){
        .key = opening->asked->key,
        .mechanism = token_mechanism_of(envelope.algorithm),
        .input = envelope.body,
        .aad = buf_span(&opening->aad),
        .iv = envelope.iv,
    };
    return err_ok();
}

static struct err approve(struct opening *opening)
{
    const struct judge *judge = &opening->worker->judge;
    const struct frame_item *asked = opening->asked;
    struct judged *judged = &opening->judged;
    const struct decision *decision = &judged->verdict.decision;
    TRY(judge_bundle(judge, asked->input, opening->now_ms, judged));
    ENSURE(decision->state == DECISION_MET, ERR_APPROVAL_REQUIRED, "%s", decision->reason);
    TRY(check_subject(&judged->verdict.statement.is, asked));
    TRY(judge_rule(judge, judged, span_of(asked->key.cka_id, asked->key.cka_id_len)));
    return read_envelope(opening);
}

/* Before anything is spent: is the key there, is it the one, and what is it called? */
static struct ckr_verdict find(struct opening *opening, struct session *session,
                               char label[TOKEN_TEXT_MAX + 1])
{
    struct worker *worker = opening->worker;
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    struct mend mended = {0};
    struct ckr_verdict verdict;
    do {
        verdict =
            object_get(&worker->objects, session, &worker->probe, &opening->decrypt.key, &key);
        if (verdict.class == FRAME_OK) {
            verdict = naming_label(session, key, label);
        }
    } while (mend_try(&mended, worker, session, &verdict));
    return verdict;
}

static struct ckr_verdict decrypt(struct opening *opening, struct session *session,
                                  struct span *out)
{
    uint8_t *place = NULL;
    struct frame_item opened = {0};
    struct mend mended = {0};
    struct ckr_verdict verdict;
    struct err err =
        buf_extend(&opening->plaintext, item_room(TOKEN_DECRYPT, &opening->decrypt), &place);
    if (err.code != ERR_OK) {
        return ckr_own(FRAME_OUR_MISTAKE);
    }
    do {
        verdict =
            item_run(opening->worker, session, TOKEN_DECRYPT, &opening->decrypt, place, &opened);
    } while (mend_try(&mended, opening->worker, session, &verdict));
    *out = opened.input;
    return verdict;
}

static struct ckr_verdict seal(const struct opening *opening, struct span plaintext,
                               struct frame_item *reply, struct buf *results)
{
    const struct statement *says = &opening->judged.verdict.statement.is;
    bool small = says->recipient.curve == RECIPIENT_P256;
    size_t len = small ? P256_LEN : P384_LEN;
    const struct seal_key recipient = {.curve = small ? "P-256" : "P-384",
                                       .x = span_of(says->recipient.x, len),
                                       .y = span_of(says->recipient.y, len)};
    struct err err = seal_to(&recipient, says->id, plaintext, results);
    if (err.code != ERR_OK) {
        return judge_refusal(err, reply, results);
    }
    reply->input = buf_span(results);
    return ckr_done();
}

static struct ckr_verdict break_glass(struct opening *opening, struct session *session,
                                      struct frame_item *reply, struct buf *results)
{
    struct span plaintext = {0};
    char label[TOKEN_TEXT_MAX + 1];
    const struct token_key *key = &opening->decrypt.key;
    struct ckr_verdict verdict = find(opening, session, label);
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    struct err err = naming_check(&opening->judged.verdict.statement.is,
                                  span_of(key->cka_id, key->cka_id_len), label);
    if (err.code == ERR_OK) {
        err = judge_spend(&opening->worker->judge, &opening->judged, opening->now_ms);
    }
    if (err.code != ERR_OK) {
        return judge_refusal(err, reply, results);
    }
    failpoint_hit(FAILPOINT_TOKEN_SPENT);
    verdict = decrypt(opening, session, &plaintext);
    if (verdict.class != FRAME_OK) {
        /* no room would say to the front that it may come again */
        return verdict.class == FRAME_CAPACITY ? ckr_own(FRAME_DEVICE_LOST) : verdict;
    }
    failpoint_hit(FAILPOINT_TOKEN_UNSEALED);
    return seal(opening, plaintext, reply, results);
}

struct ckr_verdict opening_run(struct worker *worker, int64_t deadline_ns,
                               const struct frame_item *request, struct frame_item *reply,
                               struct buf *results)
{
    CLEANUP(clear)
    struct opening opening = {.worker = worker, .asked = request, .now_ms = clock_wall_ms()};
    struct session *session = NULL;
    struct err err = approve(&opening);
    if (err.code != ERR_OK) {
        return judge_refusal(err, reply, results);
    }
    struct ckr_verdict verdict = item_check_form(worker, TOKEN_DECRYPT, &opening.decrypt);
    if (verdict.class == FRAME_OK) {
        verdict = session_lease(&worker->pool, deadline_ns, &session);
    }
    if (verdict.class == FRAME_OK) {
        verdict = break_glass(&opening, session, reply, results);
        session_release(&worker->pool, session);
    }
    return verdict;
}

struct ckr_verdict opening_rosters(struct worker *worker, int64_t deadline_ns,
                                   const struct frame_item *request, struct frame_item *reply,
                                   struct buf *results)
{
    (void)deadline_ns;
    struct err err = judge_rosters(&worker->judge, request->input);
    return err.code == ERR_OK ? ckr_done() : judge_refusal(err, reply, results);
}
