/* frame_io: moves whole frames over a stream socket, with a deadline.
 *
 * One send and one recvmsg are the common case: the read takes the head and whatever body is
 * already there in one call, straight into the caller's buf. A channel carries one frame at a time,
 * so bytes behind a frame are a breach of the protocol, not the next frame. Sockets may be blocking
 * or not; with a deadline no call here blocks but the wait for one,
 * which lets the thread's other fibers go on. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/fiber.h"
#include "pkcs11/frame.h"

#define READ_AHEAD ((size_t)16 << 10) /* holds nearly every frame */

/* Waits for `events` until the deadline (0: for ever). A hang-up counts as readable. */
static struct err wait_for(int fd, short events, int64_t deadline_ns)
{
    ENSURE(fiber_wait_fd(fd, events, deadline_ns == 0 ? INT64_MAX : deadline_ns), ERR_DEADLINE,
           "no answer before the deadline");
    return err_ok();
}

struct err frame_send(int fd, struct span frame, int64_t deadline_ns)
{
    while (frame.len > 0) {
        ssize_t sent = send(fd, frame.data, frame.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            frame = span_of(frame.data + sent, frame.len - (size_t)sent);
        } else if (sent < 0 && (errno == EAGAIN)) {
            TRY(wait_for(fd, POLLOUT, deadline_ns));
        } else {
            ENSURE(sent < 0 && errno == EINTR, ERR_IO, "send on a channel: %s",
                   strerrordesc_np(errno));
        }
    }
    return err_ok();
}

/* Reads what is there, at least one byte. */
static struct err read_some(int fd, struct iovec *parts, size_t count, int64_t deadline_ns,
                            size_t *out_got)
{
    int flags = deadline_ns == 0 ? 0 : MSG_DONTWAIT;
    for (;;) {
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
        ssize_t got = recvmsg(fd, &message, flags);
        if (got > 0) {
            *out_got = (size_t)got;
            return err_ok();
        }
        ENSURE(got != 0, ERR_IO, "the peer closed the channel");
        ENSURE(errno == EINTR || errno == EAGAIN, ERR_IO, "read on a channel: %s",
               strerrordesc_np(errno));
        if (errno == EAGAIN) {
            TRY(wait_for(fd, POLLIN, deadline_ns));
        }
    }
}

/* The head, and in the same reads the body as far as the buf's memory goes. */
static struct err read_head(int fd, int64_t deadline_ns, uint8_t head[FRAME_HEAD_LEN],
                            struct buf *body)
{
    size_t got = 0;
    while (got < FRAME_HEAD_LEN) {
        struct iovec parts[2] = {
            {.iov_base = head + got, .iov_len = FRAME_HEAD_LEN - got},
            {.iov_base = body->data, .iov_len = body->cap},
        };
        size_t more = 0;
        TRY(read_some(fd, parts, 2, deadline_ns, &more));
        got += more;
    }
    body->len = got - FRAME_HEAD_LEN;
    return err_ok();
}

static struct err read_rest(int fd, int64_t deadline_ns, size_t len, struct buf *body)
{
    size_t got = body->len;
    ENSURE(got <= len, ERR_CORRUPT, "%zu bytes behind a frame", got - len);
    if (got == len) {
        return err_ok();
    }
    uint8_t *place = NULL;
    TRY(buf_extend(body, len - got, &place));
    for (size_t left = len - got; left > 0;) {
        struct iovec part = {.iov_base = place, .iov_len = left};
        size_t more = 0;
        TRY(read_some(fd, &part, 1, deadline_ns, &more));
        place += more;
        left -= more;
    }
    return err_ok();
}

struct err frame_await(int fd, int64_t deadline_ns)
{
    return wait_for(fd, POLLIN, deadline_ns);
}

struct err frame_receive(int fd, int64_t deadline_ns, struct frame_head *out_head, struct buf *body)
{
    buf_reset(body);
    if (body->cap < READ_AHEAD) {
        uint8_t *place = NULL;
        TRY(buf_extend(body, READ_AHEAD, &place));
        body->len = 0;
    }
    uint8_t bytes[FRAME_HEAD_LEN];
    TRY(read_head(fd, deadline_ns, bytes, body));
    struct frame_head head = {0};
    TRY(frame_decode_head(span_of(bytes, sizeof(bytes)), &head));
    TRY(read_rest(fd, deadline_ns, head.body_len, body));
    *out_head = head;
    return err_ok();
}
