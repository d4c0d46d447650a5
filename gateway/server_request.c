/* One request inside the HTTP library: from its request line to the end of its reply.
 *
 * The library calls, always from the connection's I/O thread: begin (request line read), answer
 * (first with the headers, then with pieces of the body, then once when it is whole, and once more
 * after the reply was made), end. Between the last two the connection is suspended and the
 * exchange belongs to a request thread; exchange_send gives it back by resuming, and touches
 * nothing afterwards. Memory is freed in end, which comes exactly once after answer; the library
 * may give a request up before, and then it goes with its connection. Spans of the request point
 * into the library's memory for this connection, which lives until end. What is refused here never
 * reaches a request thread, and its connection ends. */
#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "gateway/http_shape.h"
#include "gateway/problem.h"
#include "gateway/server_inner.h"

#define SIGNATURE_START "AWS4-HMAC-SHA256 "
#define SIGNATURE_QUERY "X-Amz-Signature="

/* --- begin and end --- */

/* Parameters have a place in the library's memory of this connection. Where that is too small, it
 * gives the request up, and begins no other. None of these requests is served. */
static bool may_be_too_large(struct span target)
{
    return !http_shape_parameters(target) || target.len > HTTP_HEAD_MAX / 2;
}

void *server_begin_request(void *context, const char *target, struct MHD_Connection *mhd)
{
    const struct server_io *io = context;
    size_t len = strlen(target);
    size_t kept = len < HTTP_TARGET_MAX ? len : HTTP_TARGET_MAX;
    struct inbound *inbound = mem_alloc(sizeof(*inbound) + kept + 1);
    inbound->server = io->listener->server;
    inbound->mhd = mhd;
    inbound->connection =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    inbound->connection->begun = inbound;
    inbound->target_at = target;
    inbound->target_len = len;
    memcpy(inbound->target, target, kept);
    if (may_be_too_large(span_of(target, len))) {
        /* what has come is refused where the library can; where it gives up, it would wait on */
        server_io_doubt(inbound->connection);
    }
    struct request *request = &inbound->exchange.request;
    request->local = io->listener->local;
    request->uid = inbound->connection->uid;
    memcpy(request->source, inbound->connection->source, sizeof(request->source));
    request->secure = inbound->connection->tls != NULL;
    return inbound;
}

/* The library's copy of a bearer token goes too. */
static void wipe_authorization(struct span *authorization)
{
    mem_wipe((void *)(uintptr_t)authorization->data, authorization->len);
    *authorization = (struct span){0};
}

void server_end_request(void *context, struct MHD_Connection *mhd, void **request_context,
                        enum MHD_RequestTerminationCode why)
{
    (void)context;
    (void)mhd;
    struct inbound *inbound = *request_context;
    if (inbound == NULL) {
        return;
    }
    *request_context = NULL;
    inbound->connection->begun = NULL;
    struct server *server = inbound->server;
    bool handed_over = inbound->handed_over;
    if (why == MHD_REQUEST_TERMINATED_COMPLETED_OK && !inbound->last) {
        reaper_arm(server->reaper, &inbound->connection->deadline);
    }
    wipe_authorization(&inbound->exchange.request.authorization);
    wipe_authorization(&inbound->exchange.request.vault_token);
    buf_clear(&inbound->exchange.reply.body);
    buf_clear(&inbound->body);
    mem_free(inbound->headers);
    mem_free(inbound);
    if (handed_over) {
        server_land(server);
    }
}

/* --- headers --- */

static enum MHD_Result read_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    struct http_head *head = context;
    if (head->header_count < HTTP_HEADERS_MAX) {
        head->headers[head->header_count] = (struct http_header){
            .name = span_of(name, name_len), .value = span_of(value, value_len)};
    }
    head->header_count++;
    return MHD_YES;
}

static void read_head(struct inbound *inbound, const char *method, const char *version,
                      struct http_head *out)
{
    out->method = method;
    out->target = inbound->target_at;
    out->target_len = inbound->target_len;
    out->version = version;
    out->header_count = 0;
    out->size =
        MHD_get_connection_info(inbound->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size;
    (void)MHD_get_connection_values_n(inbound->mhd, MHD_HEADER_KIND, read_header, out);
}

static void take_request_id(struct request *request, const struct http_fields *fields)
{
    struct span given = fields->value[HTTP_REQUEST_ID];
    if (http_shape_request_id(given)) {
        memcpy(request->id, given.data, given.len);
        request->id[given.len] = '\0';
        return;
    }
    char made[UUID_TEXT_LEN + 1];
    uuid_format(uuid_make(), made);
    memcpy(request->id, made, sizeof(made));
}

static void take_fields(struct request *request, const struct http_fields *fields)
{
    struct span trace = fields->value[HTTP_TRACEPARENT];
    request->authorization = fields->value[HTTP_AUTHORIZATION];
    request->vault_token = fields->value[HTTP_VAULT_TOKEN];
    request->vault_namespace = fields->value[HTTP_VAULT_NAMESPACE];
    request->vault_wrap_ttl = fields->value[HTTP_VAULT_WRAP_TTL];
    request->amz_target = fields->value[HTTP_AMZ_TARGET];
    request->content_type = fields->value[HTTP_CONTENT_TYPE];
    request->if_none_match = fields->value[HTTP_IF_NONE_MATCH];
    request->traceparent = http_shape_traceparent(trace) ? trace : (struct span){0};
}

static bool is_signed(const struct request *request)
{
    return span_starts(request->authorization, SIGNATURE_START) ||
           (request->query.len > 0 && memmem(request->query.data, request->query.len,
                                             SIGNATURE_QUERY, strlen(SIGNATURE_QUERY)) != NULL);
}

/* A signature is over headers, whichever the signer chose. */
static void keep_headers(struct inbound *inbound, const struct http_head *head)
{
    struct request *request = &inbound->exchange.request;
    size_t count = head->header_count < HTTP_HEADERS_MAX ? head->header_count : HTTP_HEADERS_MAX;
    if (!is_signed(request)) {
        return;
    }
    inbound->headers = mem_array(count, sizeof(*inbound->headers));
    memcpy(inbound->headers, head->headers, count * sizeof(*inbound->headers));
    request->headers = inbound->headers;
    request->header_count = count;
}

/* Everything that can be refused before the body. */
static struct err check_head(struct inbound *inbound, const struct http_head *head,
                             const struct http_fields *fields)
{
    struct request *request = &inbound->exchange.request;
    TRY(http_shape_audit(head));
    TRY(http_shape_version(head->version));
    ENSURE(inbound->target_len <= HTTP_TARGET_MAX, ERR_INVALID_PATH,
           "the path is over %d characters", HTTP_TARGET_MAX);
    TRY(http_shape_target(span_of(inbound->target, inbound->target_len), &request->path,
                          &request->query));
    TRY(http_shape_method(head->method, &request->method));
    return http_shape_framing(fields, inbound->server->body_max);
}

/* The client certificate may have lost its worth since the handshake. */
static struct err check_client(struct inbound *inbound)
{
    struct tls_session *tls = inbound->connection->tls;
    if (tls != NULL) {
        TRY(tls_session_check(tls, clock_wall_ms()));
        inbound->exchange.request.certificate = tls_session_name(tls);
    }
    return err_ok();
}

static enum MHD_Result first_call(struct inbound *inbound, const char *method, const char *version)
{
    if (inbound->connection->unknown) {
        return MHD_NO;
    }
    inbound->headers_seen = true;
    struct http_head head;
    struct http_fields fields;
    read_head(inbound, method, version, &head);
    http_shape_fields(&head, &fields);
    take_request_id(&inbound->exchange.request, &fields);
    take_fields(&inbound->exchange.request, &fields);
    struct err err = check_client(inbound);
    if (err.code == ERR_OK) {
        err = check_head(inbound, &head, &fields);
    }
    if (err.code == ERR_OK) {
        keep_headers(inbound, &head);
        /* the library takes line ends in chunks that others do not, so where such a body ends is
         * not for everybody the same: nothing behind it is read as a request */
        inbound->last = fields.count[HTTP_TRANSFER_ENCODING] > 0;
        buf_init(&inbound->body, inbound->server->body_max);
        return MHD_YES;
    }
    server_make_refusal(inbound, &err);
    return server_queue_reply(inbound);
}

/* --- body, and handing over --- */

static enum MHD_Result take_body(struct inbound *inbound, const char *data, size_t *len)
{
    struct err err = buf_append(&inbound->body, span_of(data, *len));
    if (err.code != ERR_OK) {
        err = err_new(ERR_TOO_LARGE, __func__, "the body is over %zu bytes",
                      inbound->server->body_max);
        return server_refuse_mid_body(inbound, &err);
    }
    *len = 0;
    return MHD_YES;
}

void server_refuse_overload(struct exchange *exchange)
{
    struct inbound *inbound = (struct inbound *)exchange;
    struct err err = err_new(ERR_OVERLOADED, __func__, "too many requests are waiting");
    server_refuse(inbound->server, exchange, &err);
    atomic_fetch_add(&inbound->server->refused_overload, 1);
    exchange_send(exchange);
}

static enum MHD_Result hand_over(struct inbound *inbound)
{
    struct server *server = inbound->server;
    struct request *request = &inbound->exchange.request;
    inbound->handed_over = true;
    atomic_fetch_add(&server->in_flight, 1);
    if (atomic_load(&server->stopping)) {
        return MHD_NO;
    }
    reaper_disarm(server->reaper, &inbound->connection->deadline);
    request->body = buf_span(&inbound->body);
    request->arrived_ms = clock_wall_ms();
    request->arrived_ns = clock_mono_ns();
    request->deadline_ns = clock_deadline(server->request_ms);
    MHD_suspend_connection(inbound->mhd);
    enum lane lane = server->lane != NULL ? server->lane(request) : LANE_GENERAL;
    if (request_pool_submit(server->pools[lane], &inbound->exchange)) {
        atomic_fetch_add(&server->requests, 1);
    } else {
        server_refuse_overload(&inbound->exchange);
    }
    return MHD_YES;
}

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd sets the parameters */
enum MHD_Result server_answer(void *context, struct MHD_Connection *mhd, const char *url,
                              const char *method, const char *version, const char *upload_data,
                              size_t *upload_len, void **request_context)
{
    (void)context;
    (void)mhd;
    (void)url;
    struct inbound *inbound = *request_context;
    if (inbound == NULL) {
        return MHD_NO;
    }
    if (!inbound->headers_seen) {
        return first_call(inbound, method, version);
    }
    if (*upload_len > 0) {
        return take_body(inbound, upload_data, upload_len);
    }
    return inbound->handed_over ? server_queue_reply(inbound) : hand_over(inbound);
}
