/* Replies on their way out: the header fields that every response has, the body without a copy, and
 * refusals, after which the connection ends. What the library must not do twice or too late is
 * asserted here: a reply has a status, and it is queued once. */
#include <assert.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "gateway/problem.h"
#include "gateway/server_inner.h"

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (MHD_add_response_header(response, name, value) != MHD_YES) {
        log_error("server", "the library refused the response header %s", name);
    }
}

static void add_number(struct MHD_Response *response, const char *name, const char *before,
                       unsigned value)
{
    char text[48];
    snprintf(text, sizeof(text), "%s%u", before, value);
    add_header(response, name, text);
}

static void add_headers(struct MHD_Response *response, const struct inbound *inbound)
{
    const struct reply *reply = &inbound->exchange.reply;
    add_header(response, "X-Request-Id", inbound->exchange.request.id);
    if (reply->public_max_age_s > 0) {
        add_number(response, "Cache-Control", "public, max-age=", reply->public_max_age_s);
    } else {
        add_header(response, "Cache-Control", "no-store");
    }
    if (reply->content_type != NULL) {
        add_header(response, "Content-Type", reply->content_type);
    }
    if (reply->amz_request_id) {
        add_header(response, "x-amzn-RequestId", inbound->exchange.request.id);
    }
    if (reply->etag[0] != '\0') {
        add_header(response, "ETag", reply->etag);
    }
    if (reply->allow != NULL) {
        add_header(response, "Allow", reply->allow);
    }
    if (reply->retry_after_s > 0) {
        add_number(response, "Retry-After", "", reply->retry_after_s);
    }
    if (reply->status == 401) {
        add_header(response, "WWW-Authenticate", "Bearer");
    }
    if (inbound->last) {
        add_header(response, "Connection", "close");
    }
}

/* The body stays ours until the request ends, so the library need not copy it. */
enum MHD_Result server_queue_reply(struct inbound *inbound)
{
    struct reply *reply = &inbound->exchange.reply;
    assert(reply->status != 0);
    inbound->last = inbound->last || atomic_load(&inbound->server->draining);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(reply->body.len, reply->body.data, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        return MHD_NO;
    }
    add_headers(response, inbound);
    reaper_arm(inbound->server->reaper, &inbound->connection->deadline);
    enum MHD_Result queued = MHD_queue_response(inbound->mhd, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return queued;
}

void exchange_send(struct exchange *exchange)
{
    const struct inbound *inbound = (struct inbound *)exchange;
    server_io_resume(inbound->connection);
}

void server_refuse(const struct server *server, struct exchange *exchange, const struct err *err)
{
    if (server->refuse != NULL) {
        server->refuse(server->context, exchange, err);
    } else {
        problem_reply(&exchange->reply, err, exchange->request.id);
    }
}

void server_make_refusal(struct inbound *inbound, const struct err *err)
{
    struct server *server = inbound->server;
    struct reply *reply = &inbound->exchange.reply;
    server_refuse(server, &inbound->exchange, err);
    if (err->code == ERR_METHOD_NOT_ALLOWED) {
        reply->allow = "GET, POST, PUT, PATCH, DELETE";
    }
    inbound->last = true;
    inbound->connection->linger = true;
    if (err->code != ERR_UNAUTHENTICATED) { /* tls_session counted that one */
        atomic_fetch_add(
            err->code == ERR_TOO_LARGE ? &server->refused_size : &server->refused_shape, 1);
    }
    log_debug("server", "refused: %s: %s", err_word(err->code), err->detail);
}

/* In the middle of a chunked body the library takes no response any more, and reading on until the
 * client ends is what a limit should prevent: so the answer is written by hand. */
enum MHD_Result server_refuse_mid_body(struct inbound *inbound, const struct err *err)
{
    server_make_refusal(inbound, err);
    const struct reply *reply = &inbound->exchange.reply;
    CLEANUP(buf_clear) struct buf text = {0};
    struct err written = buf_printf(
        &text,
        "HTTP/1.1 %d Content Too Large\r\nX-Request-Id: %s\r\nCache-Control: no-store\r\n"
        "Content-Type: %s\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
        reply->status, inbound->exchange.request.id, reply->content_type, reply->body.len);
    if (written.code == ERR_OK) {
        written = buf_append(&text, buf_span(&reply->body));
    }
    if (written.code == ERR_OK && inbound->connection->tls != NULL) {
        tls_session_send(inbound->connection->tls, buf_span(&text));
    } else if (written.code == ERR_OK) {
        (void)send(inbound->connection->deadline.fd, text.data, text.len,
                   MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    return MHD_NO;
}
