/* chain_file: the rosters from the first one on, as `GET /v1/roster` gives them, checked here. */
#ifndef HSMGATE_CLI_CHAIN_FILE_H
#define HSMGATE_CLI_CHAIN_FILE_H

#include "cli/client.h"
#include "quorum/quorum.h"

struct chain_entry; /* the bytes of one link */
struct chain_file {
    struct buf text;
    struct json json;
    struct chain_entry *entries;
    struct roster_link *links;
    size_t count;
    uint8_t root[SHA256_LEN]; /* under which it was opened */
    struct roster_chain *chain;
};
void chain_file_clear(struct chain_file *file);
/* Reads and opens it under `root`, or (NULL) under the root that it names itself. ERR_NOT_FOUND
 * when it has no roster yet; else as roster_chain_open. */
MUST_USE struct err chain_file_fetch(struct client *client, const uint8_t *root,
                                     struct chain_file *out);
MUST_USE struct err chain_file_read(const char *path, const uint8_t *root, struct chain_file *out);
/* Of a path, or of the gateway when it is NULL or `current`. */
MUST_USE struct err chain_file_from(struct client *client, const char *path, const uint8_t *root,
                                    struct chain_file *out);
/* When an entry was taken in, as the file says; empty: it does not. */
struct span chain_file_added_at(const struct chain_file *file, size_t index);
/* Whose key it is in the newest roster; NULL: nobody's. */
const struct roster_person *chain_file_person(const struct chain_file *file,
                                              const struct voter_key *key);
/* A digest in hex, of 64 letters. ERR_INVALID_FIELD. */
MUST_USE struct err chain_file_digest(const char *hex, uint8_t out[SHA256_LEN]);

#endif
