/* work: receive, do, answer, on one channel and one thread.
 *
 * Straight down: decode → check each item → lease a session → run, with one retry where the table
 * of codes says that it makes sense → encode. Classes C and D are mended here (mend.h); class E
 * goes to the front, which starts a fresh process. The thread holds one session for the whole frame
 * and no lock of its own. */
#include "pkcs11/work.h"

#include <string.h>

#include "base/banned.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "pkcs11/adopt.h"
#include "pkcs11/destroying.h"
#include "pkcs11/generate.h"
#include "pkcs11/inventory.h"
#include "pkcs11/item.h"
#include "pkcs11/mend.h"
#include "pkcs11/opening.h"

#define RESULTS_MAX ((size_t)32 << 20)
#define SEND_MS     30000

void work_init(struct work *work, struct worker *worker)
{
    *work = (struct work){
        .worker = worker,
        .requests = mem_array(FRAME_ITEMS_MAX, sizeof(struct frame_item)),
        .replies = mem_array(FRAME_ITEMS_MAX, sizeof(struct frame_item)),
    };
    buf_init(&work->body, FRAME_BODY_MAX);
    buf_init(&work->results, RESULTS_MAX);
    buf_init(&work->answer, FRAME_HEAD_LEN + FRAME_BODY_MAX);
}

void work_clear(struct work *work)
{
    mem_free(work->requests);
    mem_free(work->replies);
    buf_clear(&work->body);
    buf_clear(&work->results);
    buf_clear(&work->answer);
}

static void log_verdict(const char *what, struct ckr_verdict verdict)
{
    if (verdict.class == FRAME_OUR_MISTAKE || mend_is_hopeless(verdict.class)) {
        log_error("work", "%s failed: class %d, CKR_%s (0x%lx)", what, (int)verdict.class,
                  ckr_name(verdict.ckr), verdict.ckr);
    }
}

static struct err answer_class(struct work *work, const struct frame_head *request,
                               struct ckr_verdict verdict)
{
    struct frame_item item = {.class = verdict.class, .ckr = verdict.ckr, .bytes = verdict.unfit};
    if (verdict.class == FRAME_UNAPPROVED) {
        item.input = work->replies[0].input;
    }
    struct frame_head head = {.kind = request->kind,
                              .op = request->op,
                              .class = verdict.class,
                              .epoch = login_epoch(&work->worker->login)};
    buf_reset(&work->answer);
    return frame_encode(&head, &item, 1, &work->answer);
}

static struct err answer_items(struct work *work, const struct frame_head *request)
{
    struct frame_head head = {.kind = request->kind,
                              .op = request->op,
                              .epoch = login_epoch(&work->worker->login),
                              .share = work->share};
    struct err err = frame_encode(&head, work->replies, request->count, &work->answer);
    if (err.code == ERR_TOO_LARGE) {
        return answer_class(work, request, ckr_own(FRAME_OUR_MISTAKE));
    }
    return err;
}

/* Checks every item and makes room for all results at once, so that their places stay. */
static struct err prepare(struct work *work, const struct frame_head *head, uint8_t **out_place)
{
    size_t room = 0;
    for (uint32_t i = 0; i < head->count; i++) {
        struct frame_item *reply = &work->replies[i];
        *reply = (struct frame_item){
            .class = item_check(work->worker, head->op, &work->requests[i]).class};
        if (reply->class == FRAME_UNAPPROVED) {
            reply->input = span_text("this key opens only with the approval of a quorum");
        }
        room += reply->class == FRAME_OK ? item_room(head->op, &work->requests[i]) : 0;
    }
    return buf_extend(&work->results, room, out_place);
}

static struct ckr_verdict run_item(struct work *work, struct session *session, enum token_op op,
                                   uint32_t index, uint8_t *place)
{
    struct worker *worker = work->worker;
    const struct frame_item *request = &work->requests[index];
    struct frame_item *reply = &work->replies[index];
    struct mend mended = {0};
    struct ckr_verdict verdict = session_ready(&worker->pool, session);
    if (verdict.class == FRAME_OK) {
        do {
            verdict = item_run(worker, session, op, request, place, reply);
        } while (mend_try(&mended, worker, session, &verdict));
    }
    if (verdict.class != FRAME_OK) {
        *reply = (struct frame_item){0};
    }
    reply->class = verdict.class;
    reply->ckr = verdict.class == FRAME_OK ? 0 : verdict.ckr;
    return verdict;
}

static struct ckr_verdict run_items(struct work *work, const struct frame_head *head,
                                    struct session *session, uint8_t *place)
{
    for (uint32_t i = 0; i < head->count; i++) {
        if (work->replies[i].class != FRAME_OK) {
            continue;
        }
        if (i > 0 && clock_mono_ns() >= session->deadline_ns) {
            work->replies[i].class = FRAME_CAPACITY;
            continue;
        }
        struct ckr_verdict verdict = run_item(work, session, head->op, i, place);
        log_verdict("an operation", verdict);
        if (mend_is_hopeless(verdict.class)) {
            return verdict;
        }
        place += item_room(head->op, &work->requests[i]);
    }
    return ckr_done();
}

/* The same, and how much of the time was the processor's: the front learns from it whether the
 * token works by itself. */
static struct ckr_verdict run_timed(struct work *work, const struct frame_head *head,
                                    struct session *session, uint8_t *place)
{
    int64_t began_ns = clock_mono_ns();
    int64_t worked_ns = -clock_thread_ns();
    struct ckr_verdict verdict = run_items(work, head, session, place);
    worked_ns += clock_thread_ns();
    int64_t took_ns = clock_mono_ns() - began_ns;
    int64_t share = took_ns > worked_ns ? UINT8_MAX * worked_ns / took_ns : UINT8_MAX;
    work->share = (uint8_t)share;
    return verdict;
}

static int64_t deadline_of(const struct frame_head *head)
{
    return clock_deadline(head->deadline_ms);
}

static struct err answer_run(struct work *work, const struct frame_head *head)
{
    uint8_t *place = NULL;
    struct session *session = NULL;
    struct err err = prepare(work, head, &place);
    if (err.code != ERR_OK || head->count == 0) {
        return answer_class(work, head, ckr_own(FRAME_OUR_MISTAKE));
    }
    struct ckr_verdict verdict = session_lease(&work->worker->pool, deadline_of(head), &session);
    if (verdict.class == FRAME_OK) {
        verdict = run_timed(work, head, session, place);
        session_release(&work->worker->pool, session);
    }
    return verdict.class == FRAME_OK ? answer_items(work, head) : answer_class(work, head, verdict);
}

/* What is done about one key while others wait for their turn. */
static const struct {
    const char *what; /* for the log */
    struct ckr_verdict (*run)(struct worker *worker, struct session *session,
                              const struct frame_item *request, struct frame_item *reply,
                              struct buf *results);
} changes[FRAME_KIND_END] = {
    [FRAME_GENERATE] = {"making a key", generate_key},
    [FRAME_DESTROY] = {"destroying a key", destroy_key},
    [FRAME_ADOPT] = {"adopting a key", adopt_key},
};

static struct ckr_verdict change_once(struct work *work, const struct frame_head *head,
                                      struct session *session)
{
    struct worker *worker = work->worker;
    if (!turn_take(&worker->objects.turn, session->deadline_ns)) {
        return ckr_own(FRAME_CAPACITY);
    }
    struct ckr_verdict verdict = changes[head->kind].run(worker, session, &work->requests[0],
                                                         &work->replies[0], &work->results);
    turn_give(&worker->objects.turn);
    return verdict;
}

static struct ckr_verdict change(struct work *work, const struct frame_head *head)
{
    struct worker *worker = work->worker;
    struct session *session = NULL;
    struct ckr_verdict verdict = session_lease(&worker->pool, deadline_of(head), &session);
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    struct mend mended = {0};
    do {
        verdict = change_once(work, head, session);
    } while (mend_try(&mended, worker, session, &verdict));
    session_release(&worker->pool, session);
    log_verdict(changes[head->kind].what, verdict);
    return verdict;
}

static struct err answer_change(struct work *work, const struct frame_head *head)
{
    work->replies[0] = (struct frame_item){0};
    if (head->count != 1) {
        return answer_class(work, head, ckr_own(FRAME_OUR_MISTAKE));
    }
    struct ckr_verdict verdict = change(work, head);
    return verdict.class == FRAME_OK ? answer_items(work, head) : answer_class(work, head, verdict);
}

/* What a quorum has decided; each leases its own session, if it needs one. */
static struct err answer_quorum(struct work *work, const struct frame_head *head)
{
    work->replies[0] = (struct frame_item){0};
    if (head->count != 1) {
        return answer_class(work, head, ckr_own(FRAME_OUR_MISTAKE));
    }
    bool opens = head->kind == FRAME_OPEN;
    struct ckr_verdict verdict = (opens ? opening_run : opening_rosters)(
        work->worker, deadline_of(head), &work->requests[0], &work->replies[0], &work->results);
    log_verdict(opens ? "breaking the glass" : "the rosters", verdict);
    return verdict.class == FRAME_OK ? answer_items(work, head) : answer_class(work, head, verdict);
}

static struct ckr_verdict list_once(struct worker *worker, struct session *session,
                                    struct token_object **out, size_t *out_count)
{
    if (!turn_take(&worker->objects.turn, session->deadline_ns)) {
        return ckr_own(FRAME_CAPACITY);
    }
    struct ckr_verdict verdict = inventory_list(session, out, out_count);
    turn_give(&worker->objects.turn);
    return verdict;
}

static struct err answer_inventory(struct work *work, const struct frame_head *head)
{
    struct worker *worker = work->worker;
    CLEANUP(mem_free_at) struct token_object *objects = NULL;
    size_t count = 0;
    struct session *session = NULL;
    struct ckr_verdict verdict = session_lease(&worker->pool, deadline_of(head), &session);
    if (verdict.class == FRAME_OK) {
        struct mend mended = {0};
        do {
            verdict = list_once(worker, session, &objects, &count);
        } while (mend_try(&mended, worker, session, &verdict));
        session_release(&worker->pool, session);
    }
    log_verdict("the inventory", verdict);
    if (verdict.class != FRAME_OK) {
        return answer_class(work, head, verdict);
    }
    struct err err =
        frame_encode_objects(objects, count, login_epoch(&worker->login), &work->answer);
    if (err.code == ERR_TOO_LARGE) {
        return answer_class(work, head, ckr_own(FRAME_OUR_MISTAKE));
    }
    return err;
}

struct err work_answer(struct work *work, const struct frame_head *head)
{
    buf_reset(&work->results);
    buf_reset(&work->answer);
    work->share = 0;
    TRY(frame_decode_items(head, buf_span(&work->body), work->requests));
    switch (head->kind) {
    case FRAME_RUN:
        return answer_run(work, head);
    case FRAME_GENERATE:
    case FRAME_DESTROY:
    case FRAME_ADOPT:
        return answer_change(work, head);
    case FRAME_INVENTORY:
        return answer_inventory(work, head);
    case FRAME_OPEN:
    case FRAME_ROSTERS:
        return answer_quorum(work, head);
    case FRAME_HELLO:
    case FRAME_KIND_END:
        break;
    }
    return err_new(ERR_CORRUPT, __func__, "frame kind %d is no request", (int)head->kind);
}

struct err work_serve(struct work *work, int fd)
{
    for (;;) {
        struct frame_head head = {0};
        TRY(frame_receive(fd, 0, &head, &work->body));
        TRY(work_answer(work, &head));
        TRY(frame_send(fd, buf_span(&work->answer), clock_deadline(SEND_MS)));
        buf_reset(&work->results);
        buf_reset(&work->answer);
    }
}
