/* backups: copies of store and log, made while the gateway serves, one at a time, in a folder of
 * the operator's choice. */
#ifndef HSMGATE_GATEWAY_BACKUPS_H
#define HSMGATE_GATEWAY_BACKUPS_H

#include "gateway/gateway.h"

#define BACKUP_NAME_MAX 63

enum backup_state { BACKUP_RUNNING, BACKUP_DONE, BACKUP_FAILED };
struct backup {
    char name[BACKUP_NAME_MAX + 1];
    enum backup_state state;
    int64_t started_at;  /* unix ms */
    int64_t finished_at; /* 0: not yet */
    uint64_t bytes_done;
    uint64_t bytes_total;
    uint64_t keys;    /* in the store, of a finished one */
    uint64_t records; /* in the log, likewise */
    char error[ERR_DETAIL_MAX];
};
const char *backup_state_name(enum backup_state state);

/* NULL comes out for a folder of NULL. ERR_IO when it cannot be made. */
MUST_USE struct err backups_open(struct gateway *gateway, const char *folder, struct backups **out);
/* Stops the one under way, which leaves nothing. Takes NULL. */
void backups_close(struct backups *backups);
const char *backups_folder(const struct backups *backups);
/* Starts one in the background; an empty name is made from the time. ERR_INVALID_FIELD for a bad
 * name, ERR_CONFLICT while another one runs or when the name is taken. */
MUST_USE struct err backups_start(struct backups *backups, struct span name, struct backup *out);
/* ERR_NOT_FOUND. */
MUST_USE struct err backups_find(struct backups *backups, struct span name, struct backup *out);
/* Those in the folder and the one of now, by name; mem_free. ERR_IO. */
MUST_USE struct err backups_list(struct backups *backups, struct backup **out, size_t *out_count);

#endif
