/* A web server of one thread on loopback that says what the test tells it to. */
#ifndef HSMGATE_TESTS_LIB_HTTP_STUB_H
#define HSMGATE_TESTS_LIB_HTTP_STUB_H

#include "base/buf.h"

struct http_stub;

struct http_stub *http_stub_open(void);
void http_stub_close(struct http_stub *stub);
/* `http://127.0.0.1:PORT/keys`; lives as long as the stub. */
const char *http_stub_url(const struct http_stub *stub);
/* The bytes that answer every request from now on, head and all; empty: it hangs, with the
 * connection open. */
void http_stub_say(struct http_stub *stub, struct span reply);
/* Status 200 with this body. */
void http_stub_serve(struct http_stub *stub, struct span body);
/* Waits until this many requests have been answered, or hang, since the start; false after 20 s. */
bool http_stub_wait(struct http_stub *stub, unsigned count);
/* Requests that came, whose answer may be under way. */
unsigned http_stub_count(struct http_stub *stub);
/* The last request, as it came. */
void http_stub_last(struct http_stub *stub, struct buf *out);

#endif
