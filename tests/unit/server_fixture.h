/* A server on loopback with a handler that tells what it saw, and a client that sends raw bytes. */
#ifndef HSMGATE_TESTS_SERVER_FIXTURE_H
#define HSMGATE_TESTS_SERVER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sync.h"
#include "gateway/server.h"

#define BODY_LIMIT  ((size_t)64 * 1024)
#define ANSWER_MAX  ((size_t)1 << 20)
#define CLIENT_WAIT 20 /* seconds until a test that got no answer fails */

struct fixture {
    struct server *server;
    pthread_mutex_t mutex; /* guards held and open */
    pthread_cond_t changed;
    unsigned held; /* requests inside of /hold */
    bool open;     /* /hold may go on */
};

static inline void hold(struct fixture *fixture)
{
    sync_lock(&fixture->mutex);
    fixture->held++;
    sync_wake_all(&fixture->changed);
    while (!fixture->open) {
        (void)sync_wait(&fixture->changed, &fixture->mutex, clock_deadline(1000));
    }
    sync_unlock(&fixture->mutex);
}

static inline void wait_held(struct fixture *fixture, unsigned count)
{
    sync_lock(&fixture->mutex);
    while (fixture->held < count) {
        assert_true(sync_wait(&fixture->changed, &fixture->mutex, clock_deadline(20000)));
    }
    sync_unlock(&fixture->mutex);
}

static inline void release_held(struct fixture *fixture)
{
    sync_lock(&fixture->mutex);
    fixture->open = true;
    sync_wake_all(&fixture->changed);
    sync_unlock(&fixture->mutex);
}

static inline int as_int(struct span text)
{
    return (int)text.len;
}

static inline const char *as_text(struct span text)
{
    return text.len > 0 ? (const char *)text.data : "";
}

/* Answers with every field of the request, one per line; some paths set fields of the reply. */
static inline void tell(void *context, struct exchange *exchange)
{
    struct request *request = &exchange->request;
    struct reply *reply = &exchange->reply;
    if (span_is(request->path, "/hold")) {
        hold(context);
    }
    reply->status = span_is(request->path, "/401") ? 401 : 200;
    reply->content_type = "text/plain";
    if (span_is(request->path, "/fields")) {
        reply->allow = "GET, POST";
        reply->retry_after_s = 7;
        reply->public_max_age_s = 60;
        (void)snprintf(reply->etag, sizeof(reply->etag), "\"abc\"");
    }
    struct err err = buf_printf(
        &reply->body,
        "method=%s\npath=%.*s\nquery=%.*s\nauthorization=%.*s\ntype=%.*s\ntrace=%.*s\nmatch=%.*s\n"
        "id=%s\nsource=%s\nlocal=%d uid=%u\nsecure=%d certificate=%.*s\nbody=%zu:%.*s\ntimes=%d\n",
        method_name(request->method), as_int(request->path), as_text(request->path),
        as_int(request->query), as_text(request->query), as_int(request->authorization),
        as_text(request->authorization), as_int(request->content_type),
        as_text(request->content_type), as_int(request->traceparent), as_text(request->traceparent),
        as_int(request->if_none_match), as_text(request->if_none_match), request->id,
        request->source, request->local, request->local ? (unsigned)request->uid : 0,
        request->secure, as_int(request->certificate), as_text(request->certificate),
        request->body.len, request->body.len < 100 ? as_int(request->body) : 0,
        as_text(request->body),
        request->arrived_ms > 0 && request->arrived_ns > 0 &&
            request->deadline_ns > request->arrived_ns);
    assert(err.code == ERR_OK);
    exchange_send(exchange);
}

static inline struct server_config usual_config(void)
{
    static const struct config_listener loopback = {.host = "127.0.0.1"};
    return (struct server_config){.listeners = &loopback,
                                  .listener_count = 1,
                                  .io_threads = 1,
                                  .request_threads = 4,
                                  .connections_max = 100,
                                  .queue_max = 16,
                                  .body_max = BODY_LIMIT,
                                  .receive_ms = 10000,
                                  .request_ms = 10000};
}

static inline struct fixture *fixture_open(const struct server_config *config)
{
    struct fixture *fixture = mem_alloc(sizeof(*fixture));
    sync_init(&fixture->mutex, &fixture->changed);
    struct err err = server_open(config, tell, fixture, &fixture->server);
    assert_int_equal(err.code, ERR_OK);
    return fixture;
}

static inline void fixture_close(struct fixture *fixture)
{
    release_held(fixture);
    server_close(fixture->server, 10000);
    sync_destroy(&fixture->mutex, &fixture->changed);
    mem_free(fixture);
}

static inline void set_timeouts(int fd)
{
    struct timeval wait = {.tv_sec = CLIENT_WAIT};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)), 0);
}

static inline int dial(const struct fixture *fixture)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(server_port(fixture->server, 0)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    set_timeouts(fd);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static inline int dial_local(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    memcpy(to.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    set_timeouts(fd);
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* As much as the other side takes; false when that was not all. */
static inline bool send_bytes(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

static inline void send_text(int fd, const char *text)
{
    (void)send_bytes(fd, text, strlen(text));
}

/* Everything until the server closes; it must close. NUL-terminated; free with mem_free. */
static inline char *read_all(int fd)
{
    char *answer = mem_alloc(ANSWER_MAX + 1);
    size_t len = 0;
    for (;;) {
        ssize_t got = recv(fd, answer + len, ANSWER_MAX - len, 0);
        if (got < 0 && errno == ECONNRESET) {
            break;
        }
        assert_true(got >= 0);
        if (got == 0) {
            break;
        }
        len += (size_t)got;
    }
    answer[len] = '\0';
    close(fd);
    return answer;
}

/* Until `text` stands in what has come; for connections that stay open. */
static inline char *read_until(int fd, const char *text)
{
    char *answer = mem_alloc(ANSWER_MAX + 1);
    size_t len = 0;
    while (strstr(answer, text) == NULL) {
        ssize_t got = recv(fd, answer + len, ANSWER_MAX - len, 0);
        assert_true(got > 0);
        len += (size_t)got;
        answer[len] = '\0';
    }
    return answer;
}

static inline char *ask(const struct fixture *fixture, const char *request)
{
    int fd = dial(fixture);
    send_text(fd, request);
    return read_all(fd);
}

static inline void assert_has(const char *answer, const char *text)
{
    if (strstr(answer, text) == NULL) {
        fail_msg("no `%s` in: %s", text, answer);
    }
}

static inline void assert_lacks(const char *answer, const char *text)
{
    if (strstr(answer, text) != NULL) {
        fail_msg("`%s` in: %s", text, answer);
    }
}

static inline unsigned count_of(const char *answer, const char *text)
{
    unsigned count = 0;
    for (const char *at = strstr(answer, text); at != NULL; at = strstr(at + 1, text)) {
        count++;
    }
    return count;
}

#endif
