/* voter_file: the registration of a person's key: who it is, the public half, and the proof that
 * the person holds the private one. Not secret. */
#ifndef HSMGATE_CLI_VOTER_FILE_H
#define HSMGATE_CLI_VOTER_FILE_H

#include "cli/options.h"
#include "quorum/quorum.h"

#define VOTER_FILE_SUFFIX ".voter.json"

struct voter_file {
    struct roster_person person; /* with one key; borrows from what follows */
    struct json json;
    struct buf spki;
    struct buf proof;
};
void voter_file_clear(struct voter_file *file);
/* Writes a person with one key, as JSON and a newline. */
MUST_USE struct err voter_file_write(const struct roster_person *person, struct buf *out);
/* Reads one and checks its proof. ERR_INVALID_FIELD, ERR_UNKNOWN_FIELD, with the path. */
MUST_USE struct err voter_file_read(const char *path, struct voter_file *out);
/* SHA-256 of the key's SubjectPublicKeyInfo, as people compare it: hex. */
#define VOTER_FINGERPRINT_LEN (2 * SHA256_LEN + 1)
void voter_fingerprint(const struct voter_key *key, char out[VOTER_FINGERPRINT_LEN]);

#endif
