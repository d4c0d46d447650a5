/* audit: the log that every reply passes. A reply is handed in together with its record and comes
 * out only when the record is on disk.
 *
 * One writer thread gathers what waits, writes JSON lines, calls fdatasync once and then releases
 * the replies of that batch: there is no other way out, so nothing can be answered unrecorded. When
 * the log cannot be written the release gets ERR_AUDIT_UNAVAILABLE, and the writer recovers by
 * itself. */
#ifndef HSMGATE_AUDIT_AUDIT_H
#define HSMGATE_AUDIT_AUDIT_H

#include "audit/tree.h"
#include "base/buf.h"
#include "base/digest.h"

struct audit;

/* How many of two folders must have a record before its reply leaves. */
enum audit_need { AUDIT_NEED_ALL, AUDIT_NEED_ANY };

struct audit_config {
    const char *folder;        /* made when missing, mode 0700; files 0600 */
    const char *second_folder; /* the same lines, on another disk; or NULL */
    enum audit_need need;
    size_t queue_max;  /* records that may wait; more: ERR_AUDIT_UNAVAILABLE at once */
    uint64_t file_max; /* bytes before a new file begins; 0: 256 MiB */
    bool daily;        /* a new file each day (UTC), too */
};

/* One request. Spans are borrowed until audit_submit returns; empty ones are left out of the line.
 * Never a secret. */
struct audit_record {
    int64_t time;     /* unix ms, when the request came in */
    const char *kind; /* `request`, `intent`, `system` */
    struct span request_id;
    struct span traceparent;
    struct span principal; /* empty: not authenticated */
    struct span source;    /* address, or `unix:UID` */
    struct span dialect;   /* `vault`; empty: the native API */
    struct span operation; /* `sign`; for refused routes the method and path, cut */
    struct span key;       /* name as asked */
    struct span grant;     /* id of the one that allowed it; empty: an administrator, or none */
    uint32_t version;      /* 0: none */
    const char *outcome;   /* `ok`, `denied`, `refused`, `failed` */
    struct span code;      /* error code, when not ok */
    int status;            /* HTTP status */
    uint8_t digest[SHA256_LEN]; /* SHA-256 of what was processed: the message, digest or
                                   ciphertext; of an encryption the ciphertext made */
    bool has_digest;
    uint32_t items; /* of a batch, else 0 */
    uint32_t items_failed;
    int64_t microseconds; /* from the whole request read to the record made */
    struct span detail;   /* extra JSON members, already JSON object text, or empty */
    bool announced;       /* audit_announce was called for it */
};

/* Called once per submitted record, from the writer's thread: `err` is ok when the record is
 * durable. Must not block. */
typedef void audit_release(void *arg, const struct err *err, uint64_t seq);

/* Opens the folders, repairs a torn last line (cut back to the last whole record), rebuilds the
 * tree and checks it against leaves and the stored checkpoint, fills up the shorter folder,
 * continues the sequence, starts the writer. ERR_IO, ERR_CORRUPT, ERR_CONFLICT (locked). */
MUST_USE struct err audit_open(const struct audit_config *config, struct audit **out);
/* Writes what waits, stops the writer, closes. Takes NULL. */
void audit_close(struct audit *audit);
/* A request has begun whose record is soon to come. The writer gathers those that are under way,
 * for a moment, so that one sync serves them all; alone, a record never waits. Exactly one
 * audit_submit with `announced`, or audit_withdraw, follows. */
void audit_announce(struct audit *audit);
void audit_withdraw(struct audit *audit);
/* Queues the record and returns; `release(arg, …)` follows exactly once, perhaps before this
 * returns. */
void audit_submit(struct audit *audit, const struct audit_record *record, audit_release *release,
                  void *arg);
/* Queues and waits until it is durable: intents, and records without a reply. */
MUST_USE struct err audit_write(struct audit *audit, const struct audit_record *record);

struct audit_status {
    uint64_t next_seq;
    uint64_t durable_seq; /* last record on disk, 0: none; sequences count from 1 */
    uint64_t syncs;
    uint64_t failures; /* batches that could not be written */
    size_t waiting;
    bool writable; /* the last write succeeded */
    /* each folder by itself; `writable`: it has every durable record */
    bool first_writable;
    uint64_t first_durable_seq;
    uint64_t first_failures; /* writes and fillings that failed */
    /* zero without one */
    bool has_second;
    bool second_writable;
    uint64_t second_durable_seq;
    uint64_t second_failures;
    int64_t oldest_waiting_ms; /* age of the oldest record that is not durable yet; 0: none */
};
void audit_status(struct audit *audit, struct audit_status *out);
/* The tree over all durable records. */
void audit_head(struct audit *audit, struct tree_head *out);
/* Waits until the tree has at least `size` records or the deadline passes; the head then. False
 * when it has fewer. For one thread. */
bool audit_wait_head(struct audit *audit, uint64_t size, int64_t deadline_ns,
                     struct tree_head *out);
/* Wakes audit_wait_head early, once: for stopping. */
void audit_wake(struct audit *audit);
/* Stores a signed checkpoint whole as `checkpoint` in each folder, its verifier key as
 * `checkpoint.pub`, and keeps it in the history that verify uses to narrow a contradiction.
 * ERR_IO. */
MUST_USE struct err audit_put_checkpoint(struct audit *audit, struct span note, struct span key);
/* The newest stored checkpoint; ERR_NOT_FOUND. */
MUST_USE struct err audit_get_checkpoint(struct audit *audit, struct buf *out);
/* Appends up to `limit` durable lines after sequence `after` to `out` (each with its newline); the
 * last sequence appended comes out. Reads the files; not for the hot path. */
MUST_USE struct err audit_read(struct audit *audit, uint64_t after, size_t limit, struct buf *out,
                               uint64_t *out_last);

/* Bytes done and in all; false ends the copy. */
typedef bool audit_progress(void *arg, uint64_t done, uint64_t total);
/* Copies the log as it stands, with leaves and checkpoints, into a new folder while it goes on; the
 * head over what was copied comes out. The copy opens as a log. ERR_IO, ERR_CORRUPT, ERR_DEADLINE:
 * stopped; what was copied stays for the caller to remove. */
MUST_USE struct err audit_backup(struct audit *audit, const char *folder, audit_progress *progress,
                                 void *arg, struct tree_head *out);

#endif
