/* token_run: operations with keys, in the frames that the convoy makes of several threads' calls.
 *
 * Nothing of a reply reaches a caller before all of its frame has been checked: when one answer
 * cannot be true, the worker is replaced and no call of the frame has a result. */
#include "base/clock.h"
#include "base/mem.h"
#include "pkcs11/reply.h"
#include "pkcs11/token_inner.h"

#include "base/banned.h"

#define FEW_ITEMS 4 /* these need no allocation */

static struct frame_item request_of(const struct token_item *item)
{
    struct frame_item out = {
        .mechanism = item->mechanism,
        .bytes = item->bytes,
        .reveal = item->reveal,
        .input = item->input,
        .aad = item->aad,
        .iv = item->iv,
    };
    if (item->key != NULL) {
        out.key = *item->key;
    }
    return out;
}

/* --- a reply --- */

static struct err check_items(const struct ride *ride, const struct frame_item *replies)
{
    for (size_t i = 0; i < ride->count; i++) {
        struct err why = err_ok();
        if (replies[i].class == FRAME_OK) {
            TRY(reply_check_item(ride->op, &ride->items[i], &replies[i]));
        }
        ENSURE(replies[i].class != FRAME_UNAPPROVED || reply_unapproved(replies[i].input, &why),
               ERR_CORRUPT, "a refusal without a reason");
    }
    return err_ok();
}

static struct err take_bytes(struct buf *out, struct span bytes)
{
    return bytes.len > 0 ? buf_append(out, bytes) : err_ok(); /* no memory for nothing */
}

static struct err take_item(enum token_op op, const struct frame_item *reply,
                            struct token_item *item)
{
    struct err why = err_ok();
    if (reply->class == FRAME_UNAPPROVED && reply_unapproved(reply->input, &why)) {
        return why;
    }
    TRY(reply_error(reply->class, op));
    TRY(take_bytes(&item->output, reply->input));
    TRY(take_bytes(&item->extra, reply->aad));
    return take_bytes(&item->plaintext, reply->iv);
}

static void take_items(const struct ride *ride, const struct frame_item *replies)
{
    for (size_t i = 0; i < ride->count; i++) {
        ride->items[i].result = take_item(ride->op, &replies[i], &ride->items[i]);
    }
}

/* --- a frame --- */

static struct err run_frame(struct call *call, struct ride *rides)
{
    TRY(call_run(call));
    const struct frame_item *replies = call->replies;
    for (struct ride *ride = rides; ride != NULL; ride = ride->next) {
        struct err lie = check_items(ride, replies);
        if (lie.code != ERR_OK) {
            return call_reject(call, &lie);
        }
        replies += ride->count;
    }
    replies = call->replies;
    for (struct ride *ride = rides; ride != NULL; ride = ride->next) {
        take_items(ride, replies);
        replies += ride->count;
    }
    return err_ok();
}

/* The requests of several rides, one behind the other. */
static struct frame_item *join_requests(const struct ride *rides, size_t count)
{
    struct frame_item *joined = mem_array(count, sizeof(*joined));
    struct frame_item *place = joined;
    for (const struct ride *ride = rides; ride != NULL; ride = ride->next) {
        memcpy(place, ride->requests, ride->count * sizeof(*place));
        place += ride->count;
    }
    return joined;
}

/* convoy_driver */
static void drive(void *arg, struct ride *rides, struct convoy_pace *out_pace)
{
    struct token *token = arg;
    CLEANUP(mem_free_at) struct frame_item *joined = NULL;
    CLEANUP(call_end)
    struct call call = {.supervisor = &token->supervisor,
                        .kind = FRAME_RUN,
                        .op = rides->op,
                        .retry = CALL_RETRY,
                        .items = rides->requests,
                        .deadline_ns = rides->deadline_ns};
    for (const struct ride *ride = rides; ride != NULL; ride = ride->next) {
        call.count += ride->count;
        call.deadline_ns =
            ride->deadline_ns < call.deadline_ns ? ride->deadline_ns : call.deadline_ns;
    }
    if (rides->next != NULL) {
        joined = join_requests(rides, call.count);
        call.items = joined;
    }
    struct err err = run_frame(&call, rides);
    for (struct ride *ride = rides; ride != NULL; ride = ride->next) {
        ride->err = err;
    }
    *out_pace = (struct convoy_pace){
        .took_ns = call.took_ns, .share = call.reply.share, .items = call.count};
}

void token_run_open(struct token *token)
{
    const struct token_config *config = &token->supervisor.config;
    convoy_init(&token->convoy, drive, token);
    token->convoy.operation_ns = config->operation_ms * 1000000;
    token->convoy.calls_max = config->calls_max;
    token->convoy.waiting_min = config->channels; /* as for calls that go alone */
    if (token->convoy.frames_max > config->channels) {
        token->convoy.frames_max = config->channels;
    }
}

struct err token_run(struct token *token, enum token_op op, struct token_item *items, size_t count,
                     int64_t deadline_ns)
{
    ENSURE(count >= 1 && count <= TOKEN_ITEMS_MAX, ERR_TOO_LARGE, "1 to %d items in one call",
           TOKEN_ITEMS_MAX);
    struct frame_item few[FEW_ITEMS];
    CLEANUP(mem_free_at) struct frame_item *many = NULL;
    if (count > FEW_ITEMS) {
        many = mem_array(count, sizeof(*many));
    }
    struct frame_item *requests = many != NULL ? many : few;
    for (size_t i = 0; i < count; i++) {
        requests[i] = request_of(&items[i]);
    }
    struct ride ride = {
        .op = op, .items = items, .requests = requests, .count = count, .deadline_ns = deadline_ns};
    return token_counted(token, convoy_run(&token->convoy, &ride));
}
