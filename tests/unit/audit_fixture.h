/* What every unit test of audit/ includes: a temporary log folder, records, and a disk that fails
 * or stops on demand. */
#ifndef HSMGATE_TESTS_UNIT_AUDIT_FIXTURE_H
#define HSMGATE_TESTS_UNIT_AUDIT_FIXTURE_H

#include "base_test.h"

#include "audit/writer.h"

/* A fresh folder as *state, removed afterwards; for cmocka_unit_test_setup_teardown. */
int folder_setup(void **state);
int folder_teardown(void **state);

/* Removes the files in it. */
void folder_empty(const char *folder);

/* Opens with the disk below. */
struct audit *open_log(const char *folder, size_t queue_max, uint64_t file_max);
/* A record of kind `request` with this request id. */
struct audit_record record_with_id(const char *id);
/* The whole file `audit-<first>.jsonl`; `out` must be empty. */
void read_log(const char *folder, uint64_t first, struct buf *out);
/* Its leaves go away. */
void write_log(const char *folder, uint64_t first, struct span bytes);
/* Parses every line, checks that sequences run from `first` without a gap; their number. */
size_t check_lines(struct span lines, uint64_t first);

/* Calls are counted; each fails when its counter of faults is over zero, and takes one off. */
struct fake_disk {
    int write_faults; /* half of the bytes are written first */
    int write_errno;
    int sync_faults;
    int leaf_write_faults;   /* of leaf files alone */
    int second_write_faults; /* in a folder named `second`; the others never meet it */
    int second_sync_faults;
    int truncate_faults;
    int open_faults;
    bool held; /* fdatasync waits until disk_let_go */
    unsigned syncs;
};
const struct disk_calls *disk_fake(void);
/* Sets the faults, forgets the counts. */
void disk_set(struct fake_disk faults);
/* While held: waits until a sync has begun. */
void disk_await_sync(void);
void disk_let_go(void);

/* Collects releases from any thread. */
struct collector {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    size_t count;
    size_t ok;
    enum err_code last_code;
    uint64_t last_seq;
    bool in_order; /* sequences of the ok ones rose by one each */
};
void collector_init(struct collector *collector);
void collector_clear(struct collector *collector);
audit_release collector_release;
/* Waits for that many releases; the test fails after a minute. */
void collector_await(struct collector *collector, size_t count);

#endif
