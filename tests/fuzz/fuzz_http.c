/* fuzz_http: any bytes to the real server over its local socket, with the real library. Whatever
 * reaches the handler is, request by request, what a strict reader of RFC 9112 finds in the same
 * bytes: method, target, Authorization and body. The server may refuse more than the strict reader
 * and hang up, but never see a request where that one sees none, which would be a smuggled one.
 *
 * The sending side is closed when the server has read all bytes and has given the answers that the
 * strict reader expects. A close that the library meets together with bytes, it would not see
 * before the connection's deadline. */
#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "gateway/server.h"
#include "tests/fuzz/http_reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUESTS_MAX 32
#define BODY_LIMIT   4096
#define STREAM_MAX   16384

/* What the handler was given in this run. */
static struct {
    pthread_mutex_t mutex; /* guards the rest; the handler has one thread */
    size_t count;
    bool last;          /* nothing may come any more */
    struct span stream; /* of the strict reader */
} seen = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static struct server *server;
static char folder[] = "/tmp/hsmgate-fuzz-XXXXXX";
static char *socket_path;

static void check_same(const struct request *request, const struct http_asked *asked)
{
    struct span target = asked->target;
    const char *method = method_name(request->method);
    assert(span_is(asked->method, method) ||
           (request->method == METHOD_GET && span_is(asked->method, "HEAD")));
    assert(target.len >= request->path.len);
    assert(span_equal(request->path, span_of(target.data, request->path.len)));
    struct span rest = span_of(target.data + request->path.len, target.len - request->path.len);
    assert(rest.len == 0 || rest.data[0] == '?');
    size_t mark = rest.len > 0 ? 1 : 0;
    assert(span_equal(request->query, span_of(rest.data + mark, rest.len - mark)));
    assert(span_equal(request->authorization, asked->authorization));
    assert(asked->odd_chunks || span_equal(request->body, buf_span(&asked->body)));
    assert(request->local && request->uid == geteuid());
}

static void handle(void *context, struct exchange *exchange)
{
    (void)context;
    CLEANUP(http_asked_clear) struct http_asked asked = {0};
    sync_lock(&seen.mutex);
    assert(!seen.last && http_reference_next(&seen.stream, &asked)); /* or it was smuggled */
    check_same(&exchange->request, &asked);
    seen.last = asked.last;
    seen.count++;
    sync_unlock(&seen.mutex);
    exchange->reply.status = 200;
    exchange->reply.content_type = "text/plain";
    struct err err = buf_append_text(&exchange->reply.body, "seen\n");
    assert(err.code == ERR_OK);
    exchange_send(exchange);
}

static void close_server(void)
{
    server_close(server, 10000);
    (void)rmdir(folder);
    mem_free(socket_path);
}

static void open_server(void)
{
    if (server != NULL) {
        return;
    }
    log_set_level(LOG_ERROR);
    assert(mkdtemp(folder) != NULL);
    socket_path = mem_format("%s/socket", folder);
    const struct server_config config = {.socket_path = socket_path,
                                         .io_threads = 1,
                                         .request_threads = 1,
                                         .connections_max = 64,
                                         .queue_max = 64,
                                         .body_max = BODY_LIMIT,
                                         .receive_ms = 600000,
                                         .request_ms = 600000};
    struct err err = server_open(&config, handle, NULL, &server);
    assert(err.code == ERR_OK && atexit(close_server) == 0);
}

static int dial(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(to.sun_path, socket_path, strlen(socket_path) + 1);
    assert(fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0);
    return fd;
}

/* How many requests the strict reader finds, up to the one that ends the connection. */
static size_t count_asked(struct span stream)
{
    size_t count = 0;
    bool last = false;
    while (!last && stream.len > 0) {
        CLEANUP(http_asked_clear) struct http_asked asked = {0};
        if (!http_reference_next(&stream, &asked) || asked.odd_chunks) {
            break;
        }
        last = asked.last;
        count++;
    }
    return count;
}

static size_t count_answers(struct span answers)
{
    static const char start[] = "HTTP/1.1 200 ";
    size_t count = 0;
    while (answers.len >= sizeof(start)) {
        bool here = memcmp(answers.data, start, sizeof(start) - 1) == 0;
        count += here ? 1 : 0;
        answers = span_of(answers.data + 1, answers.len - 1);
    }
    return count;
}

/* Whether the server has read all that was sent. */
static bool is_read(int fd)
{
    int unread = 0;
    assert(ioctl(fd, SIOCOUTQ, &unread) == 0);
    return unread == 0;
}

/* Sends and reads by turns, so that neither side waits for the other; false at the end. */
static bool exchange_some(int fd, int wait_ms, struct span *unsent, struct buf *answers)
{
    struct pollfd wait = {fd, (short)(POLLIN | (unsent->len > 0 ? POLLOUT : 0)), 0};
    int ready = poll(&wait, 1, wait_ms);
    if (ready < 0 && errno == EINTR) { /* libFuzzer's alarm */
        return true;
    }
    assert(ready == 1 || wait_ms > 0);
    if ((wait.revents & POLLOUT) != 0) {
        ssize_t sent = send(fd, unsent->data, unsent->len, MSG_NOSIGNAL | MSG_DONTWAIT);
        size_t gone = sent > 0 ? (size_t)sent : unsent->len; /* refused: nobody reads the rest */
        *unsent = span_of(unsent->data + gone, unsent->len - gone);
    }
    if ((wait.revents & (POLLIN | POLLHUP | POLLERR)) == 0) {
        return true;
    }
    uint8_t *place = NULL;
    size_t before = answers->len;
    struct err err = buf_extend(answers, 4096, &place);
    assert(err.code == ERR_OK);
    ssize_t got = recv(fd, place, 4096, 0);
    buf_truncate(answers, before + (got > 0 ? (size_t)got : 0));
    return got > 0;
}

static void talk(struct span stream, struct buf *answers)
{
    size_t due = count_asked(stream);
    CLEANUP(fd_close) int fd = dial();
    bool more = true, shut = false;
    while (more) {
        bool ready = !shut && stream.len == 0 && count_answers(buf_span(answers)) >= due;
        if (ready && is_read(fd)) {
            shut = true;
            (void)shutdown(fd, SHUT_WR);
        }
        more = exchange_some(fd, ready && !shut ? 1 : -1, &stream, answers);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_clear) struct buf answers = {0};
    struct server_status status = {0};
    if (size == 0 || size > STREAM_MAX || count_asked(span_of(data, size)) > REQUESTS_MAX) {
        return 0;
    }
    open_server();
    sync_lock(&seen.mutex);
    seen.count = 0;
    seen.last = false;
    seen.stream = span_of(data, size);
    sync_unlock(&seen.mutex);
    talk(span_of(data, size), &answers);
    server_status(server, &status);
    assert(status.timed_out == 0); /* or it waits for bytes that the strict reader has */
    sync_lock(&seen.mutex);
    assert(count_answers(buf_span(&answers)) <= seen.count);
    sync_unlock(&seen.mutex);
    return 0;
}
