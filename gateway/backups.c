/* backups: the store first, the log after it, so that for every change in the copied store its
 * record is in the copied log. Everything is written under a name that no backup has, and gets its
 * own by one rename, after the manifest and a sync: what has a name is whole.
 *
 * The mutex guards the one backup of now; files are touched by its thread alone. */
#include "gateway/backups.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "gateway/backup_manifest.h"

#define PARTIAL   "%s/.%s.partial" /* no name begins with a dot */
#define PAGE_LEN  UINT64_C(4096)
#define LIST_MAX  10000
#define WALK_DEEP 8

struct backups {
    struct gateway *gateway;
    char *folder;
    pthread_t thread;
    bool has_thread;       /* of whoever starts one, under the mutex */
    pthread_mutex_t mutex; /* guards the rest */
    bool stopping;
    bool has_now;
    struct backup now; /* the one under way, or the last one */
    uint64_t before;   /* bytes of its parts that are done */
};

const char *backup_state_name(enum backup_state state)
{
    static const char *const names[] = {
        [BACKUP_RUNNING] = "running", [BACKUP_DONE] = "done", [BACKUP_FAILED] = "failed"};
    return names[state];
}

/* --- the work --- */

static bool report(struct backups *backups, uint64_t done, uint64_t total)
{
    sync_lock(&backups->mutex);
    backups->now.bytes_done = backups->before + done;
    backups->now.bytes_total = backups->before + (total > done ? total : done);
    bool go_on = !backups->stopping;
    sync_unlock(&backups->mutex);
    return go_on;
}

static bool report_pages(void *arg, uint64_t done, uint64_t total)
{
    return report(arg, done * PAGE_LEN, total * PAGE_LEN);
}

static bool report_bytes(void *arg, uint64_t done, uint64_t total)
{
    return report(arg, done, total);
}

static void end_part(struct backups *backups)
{
    sync_lock(&backups->mutex);
    backups->before = backups->now.bytes_done;
    sync_unlock(&backups->mutex);
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *at)
{
    (void)facts;
    (void)type;
    (void)at;
    return remove(path);
}

static void remove_all(const char *path)
{
    (void)nftw(path, remove_one, WALK_DEEP, FTW_DEPTH | FTW_PHYS);
}

static struct err fill(struct backups *backups, const char *partial, struct backup *backup)
{
    CLEANUP(mem_free_at) char *database = mem_format("%s/%s", partial, BACKUP_DATABASE);
    CLEANUP(mem_free_at) char *audit = mem_format("%s/%s", partial, BACKUP_AUDIT);
    struct gateway *gateway = backups->gateway;
    struct tree_head head;
    TRY(file_make_folder(partial, 0700));
    backup->keys = keystore_count(gateway->store);
    TRY(keystore_backup(gateway->store, database, backup->started_at, report_pages, backups));
    end_part(backups);
    TRY(audit_backup(gateway->audit, audit, report_bytes, backups, &head));
    backup->records = head.size;
    backup->finished_at = clock_wall_ms();
    TRY(backup_manifest_write(partial, backup, &head));
    return file_sync_folder(partial);
}

static struct err make(struct backups *backups, struct backup *backup)
{
    CLEANUP(mem_free_at) char *whole = mem_format("%s/%s", backups->folder, backup->name);
    CLEANUP(mem_free_at) char *partial = mem_format(PARTIAL, backups->folder, backup->name);
    remove_all(partial); /* of one that a crash cut off */
    struct err err = fill(backups, partial, backup);
    if (err.code == ERR_OK && rename(partial, whole) != 0) {
        err =
            err_new(ERR_IO, __func__, "the backup cannot get its name: %s", strerrordesc_np(errno));
    }
    if (err.code != ERR_OK) {
        remove_all(partial);
        return err;
    }
    return file_sync_folder(backups->folder);
}

static void settle(struct backups *backups, const struct backup *made, const struct err *err)
{
    bool ok = err->code == ERR_OK;
    sync_lock(&backups->mutex);
    backups->now.state = ok ? BACKUP_DONE : BACKUP_FAILED;
    backups->now.finished_at = ok ? made->finished_at : clock_wall_ms();
    backups->now.keys = made->keys;
    backups->now.records = made->records;
    backups->now.bytes_total = backups->now.bytes_done;
    (void)snprintf(backups->now.error, sizeof(backups->now.error), "%s", ok ? "" : err->detail);
    sync_unlock(&backups->mutex);
    if (ok) {
        log_info("backup", "%s/%s: %llu keys, %llu records", backups->folder, made->name,
                 (unsigned long long)made->keys, (unsigned long long)made->records);
    } else {
        log_error("backup", "%s/%s: %s", backups->folder, made->name, err->detail);
    }
}

static void *run(void *arg)
{
    struct backups *backups = arg;
    sync_lock(&backups->mutex);
    struct backup backup = backups->now;
    sync_unlock(&backups->mutex);
    struct err err = make(backups, &backup);
    settle(backups, &backup, &err);
    return NULL;
}

/* --- the face --- */

struct err backups_open(struct gateway *gateway, const char *folder, struct backups **out)
{
    *out = NULL;
    if (folder == NULL) {
        return err_ok();
    }
    struct err err = file_make_folder(folder, 0700);
    if (err.code != ERR_OK) {
        log_error("start", "backups %s: %s; check that its folder may be written", folder,
                  err.detail);
        return err;
    }
    struct backups *backups = mem_alloc(sizeof(*backups));
    backups->gateway = gateway;
    backups->folder = mem_text(folder);
    sync_init(&backups->mutex, NULL);
    *out = backups;
    return err_ok();
}

void backups_close(struct backups *backups)
{
    if (backups == NULL) {
        return;
    }
    sync_lock(&backups->mutex);
    backups->stopping = true;
    sync_unlock(&backups->mutex);
    if (backups->has_thread) {
        (void)pthread_join(backups->thread, NULL);
    }
    sync_destroy(&backups->mutex, NULL);
    mem_free(backups->folder);
    mem_free(backups);
}

const char *backups_folder(const struct backups *backups)
{
    return backups->folder;
}

/* `20261125-203000-123`: no two in one millisecond, for one is made at a time */
static void name_by_time(int64_t now, char out[BACKUP_NAME_MAX + 1])
{
    char text[CLOCK_TEXT_MAX];
    clock_format(now, text); /* 2026-11-25T20:30:00.123Z */
    (void)snprintf(out, BACKUP_NAME_MAX + 1, "%.4s%.2s%.2s-%.2s%.2s%.2s-%.3s", text, text + 5,
                   text + 8, text + 11, text + 14, text + 17, text + 20);
}

/* Named like one segment of a key, so that no name leads out of the folder. */
static struct err choose_name(struct span wanted, int64_t now, char out[BACKUP_NAME_MAX + 1])
{
    if (wanted.len == 0) {
        name_by_time(now, out);
        return err_ok();
    }
    bool segment = name_check_namespace(wanted).code == ERR_OK && wanted.len <= BACKUP_NAME_MAX &&
                   memchr(wanted.data, '/', wanted.len) == NULL;
    ENSURE(segment, ERR_INVALID_FIELD,
           "The name of a backup must look like [a-z0-9][a-z0-9._-]{0,62}.");
    memcpy(out, wanted.data, wanted.len);
    out[wanted.len] = '\0';
    return err_ok();
}

static struct err start_locked(struct backups *backups, const struct backup *wanted)
{
    bool running = backups->has_now && backups->now.state == BACKUP_RUNNING;
    ENSURE(!running, ERR_CONFLICT, "A backup is being made already: %s.", backups->now.name);
    if (backups->has_thread) {
        (void)pthread_join(backups->thread, NULL); /* it has ended, or is about to */
    }
    backups->now = *wanted;
    backups->before = 0;
    backups->has_now = true;
    backups->thread = sync_thread("backup", run, backups);
    backups->has_thread = true;
    return err_ok();
}

struct err backups_start(struct backups *backups, struct span name, struct backup *out)
{
    struct backup wanted = {.state = BACKUP_RUNNING, .started_at = clock_wall_ms()};
    TRY(choose_name(name, wanted.started_at, wanted.name));
    CLEANUP(mem_free_at) char *path = mem_format("%s/%s", backups->folder, wanted.name);
    ENSURE(access(path, F_OK) != 0, ERR_CONFLICT, "There is a backup with this name.");
    sync_lock(&backups->mutex);
    struct err err = start_locked(backups, &wanted);
    sync_unlock(&backups->mutex);
    TRY(err);
    *out = wanted;
    return err_ok();
}

static bool copy_now(struct backups *backups, struct backup *out)
{
    sync_lock(&backups->mutex);
    bool has = backups->has_now;
    *out = backups->now;
    sync_unlock(&backups->mutex);
    return has;
}

struct err backups_find(struct backups *backups, struct span name, struct backup *out)
{
    struct backup now;
    char checked[BACKUP_NAME_MAX + 1] = "";
    if (copy_now(backups, &now) && span_is(name, now.name)) {
        *out = now;
        return err_ok();
    }
    struct err err = choose_name(name, 0, checked);
    if (err.code == ERR_OK && name.len > 0) {
        CLEANUP(mem_free_at) char *folder = mem_format("%s/%s", backups->folder, checked);
        err = backup_manifest_read(folder, out);
    }
    ENSURE(err.code == ERR_OK && name.len > 0, ERR_NOT_FOUND, "There is no backup with this name.");
    return err_ok();
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct backup *)a)->name, ((const struct backup *)b)->name);
}

static void folder_close(DIR **folder)
{
    if (*folder != NULL) {
        (void)closedir(*folder);
    }
}

/* The next whole backup of the folder that is not `now`; false at the end. */
static bool next_backup(const struct backups *backups, DIR *folder, const struct backup *now,
                        struct backup *out)
{
    /* cppcheck-suppress readdirCalled ; the listing is ours alone, readdir is safe then */
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        CLEANUP(mem_free_at) char *path = mem_format("%s/%s", backups->folder, entry->d_name);
        bool other = entry->d_name[0] != '.' && strcmp(entry->d_name, now->name) != 0;
        if (other && backup_manifest_read(path, out).code == ERR_OK) {
            return true;
        }
    }
    return false;
}

struct err backups_list(struct backups *backups, struct backup **out, size_t *out_count)
{
    CLEANUP(folder_close) DIR *folder = opendir(backups->folder);
    CLEANUP(mem_free_at) struct backup *list = mem_array(LIST_MAX, sizeof(*list));
    struct backup now = {0};
    size_t count = 0;
    ENSURE(folder != NULL, ERR_IO, "the folder of backups cannot be listed");
    if (copy_now(backups, &now)) {
        list[count++] = now;
    }
    while (count < LIST_MAX && next_backup(backups, folder, &now, &list[count])) {
        count++;
    }
    qsort(list, count, sizeof(*list), by_name);
    *out = TAKE(list);
    *out_count = count;
    return err_ok();
}
