/* asked: the statement of a request, read from its own bytes. Whatever else the gateway says of the
 * request is for orientation; what is signed and shown comes from here. */
#ifndef HSMGATE_CLI_ASKED_H
#define HSMGATE_CLI_ASKED_H

#include "cli/client.h"
#include "quorum/quorum.h"

#define ASKED_DIGEST_LEN (2 * SHA256_LEN + 1)

struct asked {
    struct buf bytes;
    struct statement_read read; /* unless bytes are empty */
    char digest[ASKED_DIGEST_LEN];
};
void asked_clear(struct asked *asked);
/* Of a file that `save` or `roster propose` wrote. ERR_INVALID_FIELD. */
MUST_USE struct err asked_file(const char *path, struct asked *out);
/* Of the gateway's view of a request: the digest there and the id must be those of the bytes.
 * ERR_CORRUPT when they are not: somebody is lying, or something is broken. */
MUST_USE struct err asked_view(const struct json_value *view, struct asked *out);
/* Shows it: words, and the digest for comparing. */
MUST_USE struct err asked_print(const struct asked *asked, FILE *out);
/* What a person types to confirm: the key's name, or the number of the new roster. Free it. */
char *asked_word(const struct asked *asked);

/* One call about the request with this id, `verb` being "" or such as `:vote`. ERR_INVALID_FIELD
 * when it is no id. */
MUST_USE struct err asked_call(struct client *client, const char *method, const char *id,
                               const char *verb, struct span body, struct response *out);
/* GET of it, with the answer as JSON and its statement. */
MUST_USE struct err asked_fetch(struct client *client, const char *id, struct response *response,
                                struct json *json, struct asked *out);

#endif
