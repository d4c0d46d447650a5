/* channel: one request out, one reply in, nothing else ever on the wire.
 *
 * The buffers stay with the channel, so a call in the common case costs one send, one receive and
 * no allocation. They hold plaintext: channel_reset wipes them before the channel is lent again. No
 * lock: a channel belongs to one thread at a time, which lease.c sees to. */
#include "pkcs11/channel.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

#define KEEP_MAX    ((size_t)32 << 10) /* of each buffer, between calls */
#define TRANSFER_MS 3000               /* a frame that has begun is through by then */

void channel_init(struct channel *channel)
{
    *channel = (struct channel){.fd = -1};
    buf_init(&channel->out, FRAME_HEAD_LEN + FRAME_BODY_MAX);
    buf_init(&channel->in, FRAME_BODY_MAX);
}

void channel_clear(struct channel *channel)
{
    if (channel->fd > 0) {
        fd_close(&channel->fd);
    }
    buf_clear(&channel->out);
    buf_clear(&channel->in);
    mem_free(channel->items);
    channel->items = NULL;
    channel->items_cap = 0;
}

static void reset_buf(struct buf *buf)
{
    if (buf->cap > KEEP_MAX) {
        buf_clear(buf);
    } else {
        buf_reset(buf);
    }
}

void channel_reset(struct channel *channel)
{
    reset_buf(&channel->out);
    reset_buf(&channel->in);
}

static void make_room(struct channel *channel, size_t count)
{
    if (count > channel->items_cap) {
        channel->items = mem_resize(channel->items, count, sizeof(*channel->items));
        channel->items_cap = count;
    }
}

/* An answer to this request: the same kind and operation, and an item for each item unless the
 * class speaks for all of them. Generate and inventory have one item in the reply. */
static struct err check_reply(const struct frame_head *request, size_t count,
                              const struct frame_head *reply)
{
    ENSURE(reply->kind == request->kind && reply->op == request->op, ERR_CORRUPT,
           "reply of kind %d, operation %d to kind %d, operation %d", (int)reply->kind,
           (int)reply->op, (int)request->kind, (int)request->op);
    if (reply->class != FRAME_OK) {
        ENSURE(reply->count <= 1 || reply->count == count, ERR_CORRUPT, "refusal of %u items",
               reply->count);
        return err_ok();
    }
    size_t due = request->kind == FRAME_INVENTORY ? 1 : count;
    ENSURE(reply->count == due, ERR_CORRUPT, "reply of %u items to %zu", reply->count, due);
    return err_ok();
}

/* A healthy worker reads and writes a frame in one go, so only one that stops half-way gets here
 * late; and half a frame leaves nothing that could be waited for. */
static struct err transferred(struct err err)
{
    ENSURE(err.code != ERR_DEADLINE, ERR_IO, "the worker stopped in the middle of a frame");
    return err;
}

struct err channel_exchange(struct channel *channel, const struct frame_head *head,
                            const struct frame_item *items, size_t count, int64_t deadline_ns,
                            struct frame_head *out_reply)
{
    TRY(frame_encode(head, items, count, &channel->out));
    TRY(transferred(frame_send(channel->fd, buf_span(&channel->out), clock_deadline(TRANSFER_MS))));
    TRY(frame_await(channel->fd, deadline_ns));
    struct frame_head reply = {0};
    TRY(transferred(frame_receive(channel->fd, clock_deadline(TRANSFER_MS), &reply, &channel->in)));
    TRY(check_reply(head, count, &reply));
    make_room(channel, reply.count);
    TRY(frame_decode_items(&reply, buf_span(&channel->in), channel->items));
    *out_reply = reply;
    return err_ok();
}
