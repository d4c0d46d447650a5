/* backup_manifest: JSON with the length and SHA-256 of each file, so that a backup which was cut or
 * changed on its way is noticed before anything is put back, and the tree's head, so that the log
 * in it can be compared with a checkpoint from elsewhere. */
#include "gateway/backup_manifest.h"

#include <dirent.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#define FORMAT       1
#define MANIFEST_MAX ((size_t)4 << 20)

static struct err put_file(struct json_writer *writer, const char *member, const char *path,
                           const char *name)
{
    uint8_t hash[SHA256_LEN];
    uint64_t len = 0;
    TRY(digest_sha256_file(path, hash, &len));
    json_begin_object(writer, member);
    json_put_text(writer, member != NULL ? "file" : "name", name);
    json_put_integer(writer, "bytes", (int64_t)len);
    json_put_hex(writer, "sha256", span_of(hash, sizeof(hash)));
    json_end_object(writer);
    return err_ok();
}

static int is_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.' ? 1 : 0;
}

static void free_entries(struct dirent **entries, int count)
{
    for (int i = 0; i < count; i++) {
        free(entries[i]); /* owner: scandir(3) gave them by malloc */
    }
    free(entries); /* owner: likewise */
}

static struct err put_files(struct json_writer *writer, const char *folder)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_file, alphasort);
    ENSURE(count >= 0, ERR_IO, "the backup's folder cannot be listed");
    struct err err = err_ok();
    json_begin_array(writer, "files");
    for (int i = 0; i < count && err.code == ERR_OK; i++) {
        CLEANUP(mem_free_at) char *path = mem_format("%s/%s", folder, entries[i]->d_name);
        err = put_file(writer, NULL, path, entries[i]->d_name);
    }
    json_end_array(writer);
    free_entries(entries, count);
    return err;
}

struct err backup_manifest_write(const char *folder, const struct backup *backup,
                                 const struct tree_head *head)
{
    CLEANUP(mem_free_at) char *database = mem_format("%s/%s", folder, BACKUP_DATABASE);
    CLEANUP(mem_free_at) char *audit = mem_format("%s/%s", folder, BACKUP_AUDIT);
    CLEANUP(mem_free_at) char *path = mem_format("%s/%s", folder, BACKUP_MANIFEST);
    CLEANUP(buf_clear) struct buf text = {.max = MANIFEST_MAX};
    struct json_writer writer = json_writer_on(&text);
    json_begin_object(&writer, NULL);
    json_put_integer(&writer, "format", FORMAT);
    json_put_text(&writer, "name", backup->name);
    json_put_time(&writer, "taken_at", backup->started_at);
    json_put_time(&writer, "finished_at", backup->finished_at);
    json_put_text(&writer, "gateway_version", HSMGATE_VERSION);
    json_put_integer(&writer, "keys", (int64_t)backup->keys);
    TRY(put_file(&writer, "database", database, BACKUP_DATABASE));
    json_begin_object(&writer, "audit");
    json_put_integer(&writer, "records", (int64_t)head->size);
    json_put_bytes(&writer, "root", span_of(head->root.bytes, TREE_HASH_LEN));
    TRY(put_files(&writer, audit));
    json_end_object(&writer);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    TRY(buf_append_text(&text, "\n"));
    return file_write(path, buf_span(&text), 0600);
}

static struct err read_time(const struct json_value *root, const char *name, int64_t *out)
{
    struct span text;
    ENSURE(json_as_text(json_member(root, name), &text) && clock_parse(text, out).code == ERR_OK,
           ERR_CORRUPT, "the backup's manifest is damaged");
    return err_ok();
}

static struct err read_count(const struct json_value *object, const char *name, uint64_t *out)
{
    int64_t value = 0;
    const struct json_value *member = json_member(object, name);
    ENSURE(member != NULL && json_as_integer(member, &value) && value >= 0, ERR_CORRUPT,
           "the backup's manifest is damaged");
    *out = (uint64_t)value;
    return err_ok();
}

struct err backup_manifest_read(const char *folder, struct backup *out)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/%s", folder, BACKUP_MANIFEST);
    CLEANUP(buf_clear) struct buf text = {.max = MANIFEST_MAX};
    CLEANUP(json_clear) struct json json = {0};
    struct span name;
    TRY(file_read(path, &text));
    struct err err = json_parse(buf_span(&text), &json);
    const struct json_value *member = err.code == ERR_OK ? json_member(json.root, "name") : NULL;
    ENSURE(member != NULL && json_as_text(member, &name) && name.len <= BACKUP_NAME_MAX,
           ERR_CORRUPT, "the backup's manifest is damaged");
    struct backup read = {.state = BACKUP_DONE};
    memcpy(read.name, name.data, name.len);
    TRY(read_time(json.root, "taken_at", &read.started_at));
    TRY(read_time(json.root, "finished_at", &read.finished_at));
    TRY(read_count(json.root, "keys", &read.keys));
    TRY(read_count(json_member(json.root, "audit"), "records", &read.records));
    TRY(read_count(json_member(json.root, "database"), "bytes", &read.bytes_total));
    for (const struct json_value *file =
             json_first(json_member(json_member(json.root, "audit"), "files"));
         file != NULL; file = json_next(file)) {
        uint64_t bytes = 0;
        TRY(read_count(file, "bytes", &bytes));
        read.bytes_total += bytes;
    }
    read.bytes_done = read.bytes_total;
    *out = read;
    return err_ok();
}
