/* manifest: what a backup made by the gateway consists of, and whether it is all there. */
#ifndef HSMGATE_CLI_MANIFEST_H
#define HSMGATE_CLI_MANIFEST_H

#include "audit/verify.h"
#include "base/json.h"

#define MANIFEST_DATABASE 0 /* the first of the files */

struct manifest_file {
    char *path; /* below the backup's folder: `hsmgate.db`, `audit/NAME` */
    uint64_t bytes;
    uint8_t sha256[SHA256_LEN];
};

struct manifest {
    char *folder; /* of the backup */
    char *name;
    char *taken_at;
    char *gateway_version;
    struct manifest_file *files; /* the database, then those of the audit log */
    size_t count;
    struct tree_head head; /* of the audit log */
};
/* Reads FOLDER/manifest.json. ERR_NOT_FOUND, ERR_CORRUPT, ERR_NEWER, ERR_IO, with its path. */
MUST_USE struct err manifest_read(const char *folder, struct manifest *out);
void manifest_clear(struct manifest *manifest);
/* Checks size and hash of every file, and the audit log's tree against the root. ERR_CORRUPT names
 * the first file that is not what the manifest says; ERR_IO. */
MUST_USE struct err manifest_check(const struct manifest *manifest);
/* Whether the log in this folder begins with the backup's; the finding says what was seen. ERR_IO,
 * ERR_CORRUPT. */
MUST_USE struct err manifest_compare_log(const struct manifest *manifest, const char *log,
                                         struct audit_finding *out);
/* FOLDER/PATH; free with mem_free. */
char *manifest_path(const struct manifest *manifest, size_t file);

#endif
