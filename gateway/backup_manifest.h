/* backup_manifest: what a backup says of itself, in both directions. */
#ifndef HSMGATE_GATEWAY_BACKUP_MANIFEST_H
#define HSMGATE_GATEWAY_BACKUP_MANIFEST_H

#include "audit/audit.h"
#include "gateway/backups.h"

#define BACKUP_MANIFEST "manifest.json"
#define BACKUP_DATABASE "hsmgate.db"
#define BACKUP_AUDIT    "audit"

/* Hashes every file of the backup in `folder` and writes the manifest there, last of all. ERR_IO.
 */
MUST_USE struct err backup_manifest_write(const char *folder, const struct backup *backup,
                                          const struct tree_head *head);
/* Fills name, times and counts of a finished backup. ERR_NOT_FOUND when there is no manifest,
 * ERR_CORRUPT. */
MUST_USE struct err backup_manifest_read(const char *folder, struct backup *out);

#endif
