/* The folder, the faulty disk and the collector of releases for tests of audit/.
 *
 * The disk calls have no context argument, so the faults live in one static struct under its
 * lock. */
#include "audit_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <string.h>
#include <unistd.h>

#include "audit/log_names.h"
#include "audit/record.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"

#define MINUTE_MS 60000

/* --- folder and files --- */

int folder_setup(void **state)
{
    char *folder = mem_text("/tmp/hsmgate-audit-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    disk_set((struct fake_disk){0});
    *state = folder;
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

int folder_teardown(void **state)
{
    int result = nftw(*state, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    mem_free(*state);
    return result;
}

void folder_empty(const char *folder)
{
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    for (struct dirent *item = readdir(listing); item != NULL; item = readdir(listing)) {
        if (item->d_name[0] != '.') {
            assert_int_equal(unlinkat(dirfd(listing), item->d_name, 0), 0);
        }
    }
    assert_int_equal(closedir(listing), 0);
}

struct audit *open_log(const char *folder, size_t queue_max, uint64_t file_max)
{
    struct audit_config config = {.folder = folder, .queue_max = queue_max, .file_max = file_max};
    struct audit *audit = NULL;
    assert_ok(audit_open_with(&config, disk_fake(), &audit));
    return audit;
}

struct audit_record record_with_id(const char *id)
{
    return (struct audit_record){.time = 1767323045678,
                                 .kind = "request",
                                 .request_id = span_text(id),
                                 .outcome = "ok",
                                 .status = 200,
                                 .microseconds = 1204};
}

static char *log_path(const char *folder, uint64_t first)
{
    char name[LOG_NAME_MAX];
    log_names_format(first, name);
    return mem_format("%s/%s", folder, name);
}

void read_log(const char *folder, uint64_t first, struct buf *out)
{
    CLEANUP(mem_free_at) char *path = log_path(folder, first);
    buf_init(out, (size_t)64 << 20);
    assert_ok(file_read(path, out));
}

void write_log(const char *folder, uint64_t first, struct span bytes)
{
    char name[LOG_NAME_MAX];
    CLEANUP(mem_free_at) char *path = log_path(folder, first);
    assert_ok(file_write(path, bytes, 0600));
    log_names_beside(first, LOG_LEAVES, name);
    CLEANUP(mem_free_at) char *leaves = mem_format("%s/%s", folder, name);
    assert_true(unlink(leaves) == 0 || errno == ENOENT);
}

size_t check_lines(struct span lines, uint64_t first)
{
    size_t count = 0;
    while (lines.len > 0) {
        const uint8_t *end = memchr(lines.data, '\n', lines.len);
        assert_non_null(end);
        struct span line = span_of(lines.data, (size_t)(end - lines.data));
        CLEANUP(json_clear) struct json json = {0};
        int64_t seq = 0;
        assert_ok(json_parse(line, &json));
        assert_true(json_as_integer(json_member(json.root, "seq"), &seq));
        assert_int_equal(seq, first + count);
        lines = span_of(end + 1, lines.len - line.len - 1);
        count++;
    }
    return count;
}

/* --- disk --- */

static struct {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    bool ready;
    struct fake_disk is;
    bool in_sync;
} disk;

void disk_set(struct fake_disk faults)
{
    if (!disk.ready) { /* first call, before any thread */
        sync_init(&disk.mutex, &disk.changed);
        disk.ready = true;
    }
    sync_lock(&disk.mutex);
    disk.is = faults;
    disk.in_sync = false;
    sync_unlock(&disk.mutex);
}

static bool fails(int *faults)
{
    sync_lock(&disk.mutex);
    bool result = *faults > 0;
    *faults -= result ? 1 : 0;
    sync_unlock(&disk.mutex);
    return result;
}

static int fake_openat(int folder, const char *name, int flags, mode_t mode)
{
    if (fails(&disk.is.open_faults)) {
        errno = EMFILE;
        return -1;
    }
    return disk_system()->openat(folder, name, flags, mode);
}

/* Whether the file's path has the text. */
static bool is_in(int fd, const char *text)
{
    char link[64];
    char path[512] = "";
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    return readlink(link, path, sizeof(path) - 1) > 0 && strstr(path, text) != NULL;
}

static int *write_faults_of(int fd)
{
    if (is_in(fd, ".leaves")) {
        return &disk.is.leaf_write_faults;
    }
    return is_in(fd, "/second/") ? &disk.is.second_write_faults : &disk.is.write_faults;
}

static int *sync_faults_of(int fd)
{
    return is_in(fd, "/second/") ? &disk.is.second_sync_faults : &disk.is.sync_faults;
}

static ssize_t fake_write(int fd, const void *bytes, size_t len)
{
    if (!fails(write_faults_of(fd))) {
        return write(fd, bytes, len);
    }
    assert_true(write(fd, bytes, len / 2) >= 0);
    errno = disk.is.write_errno;
    return -1;
}

static int fake_fdatasync(int fd)
{
    sync_lock(&disk.mutex);
    disk.in_sync = true;
    sync_wake_all(&disk.changed);
    int64_t deadline = clock_deadline(MINUTE_MS);
    while (disk.is.held && sync_wait(&disk.changed, &disk.mutex, deadline)) {
    }
    disk.is.syncs++;
    sync_unlock(&disk.mutex);
    if (fails(sync_faults_of(fd))) {
        errno = EIO;
        return -1;
    }
    return fdatasync(fd);
}

static int fake_ftruncate(int fd, off_t len)
{
    if (fails(&disk.is.truncate_faults)) {
        errno = EIO;
        return -1;
    }
    return ftruncate(fd, len);
}

const struct disk_calls *disk_fake(void)
{
    static const struct disk_calls calls = {.openat = fake_openat,
                                            .write = fake_write,
                                            .fdatasync = fake_fdatasync,
                                            .ftruncate = fake_ftruncate};
    return &calls;
}

void disk_await_sync(void)
{
    int64_t deadline = clock_deadline(MINUTE_MS);
    sync_lock(&disk.mutex);
    while (!disk.in_sync && sync_wait(&disk.changed, &disk.mutex, deadline)) {
    }
    assert_true(disk.in_sync);
    sync_unlock(&disk.mutex);
}

void disk_let_go(void)
{
    sync_lock(&disk.mutex);
    disk.is.held = false;
    sync_wake_all(&disk.changed);
    sync_unlock(&disk.mutex);
}

/* --- collector --- */

void collector_init(struct collector *collector)
{
    *collector = (struct collector){.in_order = true};
    sync_init(&collector->mutex, &collector->changed);
}

void collector_clear(struct collector *collector)
{
    sync_destroy(&collector->mutex, &collector->changed);
}

void collector_release(void *arg, const struct err *err, uint64_t seq)
{
    struct collector *collector = arg;
    sync_lock(&collector->mutex);
    if (err->code == ERR_OK) {
        bool follows = collector->ok == 0 || seq == collector->last_seq + 1;
        collector->in_order = collector->in_order && follows;
        collector->last_seq = seq;
        collector->ok++;
    }
    collector->last_code = err->code;
    collector->count++;
    sync_wake_all(&collector->changed);
    sync_unlock(&collector->mutex);
}

void collector_await(struct collector *collector, size_t count)
{
    int64_t deadline = clock_deadline(MINUTE_MS);
    sync_lock(&collector->mutex);
    while (collector->count < count &&
           sync_wait(&collector->changed, &collector->mutex, deadline)) {
    }
    assert_int_equal(collector->count, count);
    sync_unlock(&collector->mutex);
}
