/* client: one server, spoken to over HTTP, HTTPS or its local socket. The one owner of libcurl. */
#ifndef HSMGATE_CLI_CLIENT_H
#define HSMGATE_CLI_CLIENT_H

#include "base/json.h"

struct client;

/* Reads HSMGATE_ADDR (default http://127.0.0.1:8200, or unix:/PATH), HSMGATE_TOKEN, HSMGATE_CACERT,
 * HSMGATE_CERT, HSMGATE_KEY. ERR_CONFIG when the address has another form. */
MUST_USE struct err client_open(struct client **out);
void client_close(struct client *client); /* takes NULL */
const char *client_address(const struct client *client);

struct response {
    long status;
    int64_t retry_after_s; /* 0: the server did not say */
    int64_t max_age_s;     /* of Cache-Control; 0: it may not be kept */
    struct buf body;
};
void response_clear(struct response *response);

/* One request; `body` is JSON or empty. Whatever status comes is a response; ERR_IO when there was
 * none. */
MUST_USE struct err client_exchange(struct client *client, const char *method, const char *path,
                                    struct span body, struct response *out);
/* What an answer other than 2xx says, by its problem document. */
struct err client_problem(const struct response *response);
/* The code and detail of a problem document, or of an item's `error`; ERR_INTERNAL when it has
 * none. */
struct err client_problem_of(const struct json_value *problem);
/* One request that must be answered with 2xx: anything else becomes an error with the code and
 * detail of its problem document. */
MUST_USE struct err client_call(struct client *client, const char *method, const char *path,
                                struct span body, struct response *out);
/* The path `/v1/keys/`, a key's name (NAME or NAME@N) and a verb (`:sign`, or ""); free with
 * mem_free. ERR_INVALID_NAME. */
MUST_USE struct err client_key_path(const char *name, const char *verb, char **out);
/* client_call with such a path; a wrong name is found before anything is sent. */
MUST_USE struct err client_call_key(struct client *client, const char *method, const char *name,
                                    const char *verb, struct span body, struct response *out);

/* client_call and the answer as JSON. */
MUST_USE struct err client_fetch(struct client *client, const char *method, const char *path,
                                 struct span body, struct response *out, struct json *out_json);

#endif
