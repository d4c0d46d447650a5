#include "http_stub.h"

#include <arpa/inet.h>
#include <assert.h>
#include <poll.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sync.h"

#define HANGING_MAX 16

struct http_stub {
    int listener;
    int stop; /* an eventfd */
    int hanging[HANGING_MAX];
    size_t hanging_count;
    char url[64];
    pthread_t thread;
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t answered;
    struct buf reply;
    struct buf last;
    unsigned taken;    /* requests read */
    unsigned finished; /* answered, or left hanging */
};

/* Whether head and, by its Content-Length, body are there. */
static bool is_whole(const struct buf *request)
{
    const char *end = request->len > 0 ? memmem(request->data, request->len, "\r\n\r\n", 4) : NULL;
    if (end == NULL) {
        return false;
    }
    size_t head = (size_t)(end - (const char *)request->data) + 4;
    const char *field = strcasestr((const char *)request->data, "\r\nContent-Length:");
    size_t body = field != NULL && field < end ? (size_t)strtoul(field + 17, NULL, 10) : 0;
    return request->len >= head + body;
}

static void read_request(int connection, struct buf *out)
{
    char bytes[4096];
    ssize_t got;
    while (!is_whole(out) && (got = recv(connection, bytes, sizeof(bytes) - 1, 0)) > 0) {
        assert(buf_append(out, span_of(bytes, (size_t)got)).code == ERR_OK);
        assert(buf_append_u8(out, 0).code == ERR_OK); /* for strcasestr */
        buf_truncate(out, out->len - 1);
    }
}

static void answer(struct http_stub *stub, int connection)
{
    CLEANUP(buf_clear) struct buf request = {0}, reply = {0};
    read_request(connection, &request);
    sync_lock(&stub->mutex);
    buf_move(&stub->last, &request); /* before the reply: who has that may ask for it */
    stub->taken++;
    assert(buf_append(&reply, buf_span(&stub->reply)).code == ERR_OK);
    sync_unlock(&stub->mutex);
    size_t sent = 0;
    ssize_t now = 1;
    while (sent < reply.len && now > 0) {
        now = send(connection, reply.data + sent, reply.len - sent, MSG_NOSIGNAL);
        sent += now > 0 ? (size_t)now : 0;
    }
    if (reply.len == 0 && stub->hanging_count < HANGING_MAX) {
        stub->hanging[stub->hanging_count++] = connection;
    } else {
        shutdown(connection, SHUT_RDWR);
        fd_close(&connection);
    }
    sync_lock(&stub->mutex);
    stub->finished++;
    sync_wake_all(&stub->answered);
    sync_unlock(&stub->mutex);
}

static void *run(void *arg)
{
    struct http_stub *stub = arg;
    for (;;) {
        struct pollfd fds[] = {{.fd = stub->stop, .events = POLLIN},
                               {.fd = stub->listener, .events = POLLIN}};
        assert(poll(fds, 2, -1) > 0);
        if (fds[0].revents != 0) {
            return NULL;
        }
        int connection = accept4(stub->listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection >= 0) {
            answer(stub, connection);
        }
    }
}

struct http_stub *http_stub_open(void)
{
    struct http_stub *stub = mem_alloc(sizeof(*stub));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    sync_init(&stub->mutex, &stub->answered);
    stub->stop = eventfd(0, EFD_CLOEXEC);
    stub->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr *plain = (struct sockaddr *)(void *)&address;
    assert(bind(stub->listener, plain, len) == 0 && listen(stub->listener, 16) == 0);
    assert(getsockname(stub->listener, plain, &len) == 0);
    snprintf(stub->url, sizeof(stub->url), "http://127.0.0.1:%u/keys",
             (unsigned)ntohs(address.sin_port));
    stub->thread = sync_thread("stub", run, stub);
    return stub;
}

void http_stub_close(struct http_stub *stub)
{
    uint64_t one = 1;
    assert(write(stub->stop, &one, sizeof(one)) == (ssize_t)sizeof(one));
    pthread_join(stub->thread, NULL);
    for (size_t i = 0; i < stub->hanging_count; i++) {
        fd_close(&stub->hanging[i]);
    }
    fd_close(&stub->listener);
    fd_close(&stub->stop);
    buf_clear(&stub->reply);
    buf_clear(&stub->last);
    sync_destroy(&stub->mutex, &stub->answered);
    mem_free(stub);
}

const char *http_stub_url(const struct http_stub *stub)
{
    return stub->url;
}

void http_stub_say(struct http_stub *stub, struct span reply)
{
    sync_lock(&stub->mutex);
    buf_reset(&stub->reply);
    assert(buf_append(&stub->reply, reply).code == ERR_OK);
    sync_unlock(&stub->mutex);
}

void http_stub_serve(struct http_stub *stub, struct span body)
{
    CLEANUP(buf_clear) struct buf reply = {0};
    assert(buf_printf(&reply, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body.len).code ==
           ERR_OK);
    assert(buf_append(&reply, body).code == ERR_OK);
    http_stub_say(stub, buf_span(&reply));
}

bool http_stub_wait(struct http_stub *stub, unsigned count)
{
    int64_t deadline = clock_deadline(20000);
    bool in_time = true;
    sync_lock(&stub->mutex);
    while (stub->finished < count && in_time) {
        in_time = sync_wait(&stub->answered, &stub->mutex, deadline);
    }
    sync_unlock(&stub->mutex);
    return in_time;
}

unsigned http_stub_count(struct http_stub *stub)
{
    sync_lock(&stub->mutex);
    unsigned count = stub->taken;
    sync_unlock(&stub->mutex);
    return count;
}

void http_stub_last(struct http_stub *stub, struct buf *out)
{
    sync_lock(&stub->mutex);
    assert(buf_append(out, buf_span(&stub->last)).code == ERR_OK);
    sync_unlock(&stub->mutex);
}
