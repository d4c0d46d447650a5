/* Backups over the API: started, watched, listed. Their bytes do not go over the wire: they lie on
 * the gateway's host, for the operator's own tools to carry away. */
#include "gateway/backups.h"

#include "base/mem.h"
#include "gateway/ops/core_ops.h"

static struct err served(const struct call *call, struct backups **out)
{
    ENSURE(call->gateway->backups != NULL, ERR_NOT_FOUND,
           "Backups are not served: set `backups` in the configuration.");
    *out = call->gateway->backups;
    return err_ok();
}

static void put_backup(struct json_writer *writer, const struct backups *backups,
                       const struct backup *backup)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/%s", backups_folder(backups), backup->name);
    json_begin_object(writer, NULL);
    json_put_text(writer, "name", backup->name);
    json_put_text(writer, "state", backup_state_name(backup->state));
    json_put_time_if(writer, "started_at", backup->started_at);
    json_put_time_if(writer, "finished_at", backup->finished_at);
    json_put_text(writer, "path", path);
    json_put_integer(writer, "bytes_done", (int64_t)backup->bytes_done);
    json_put_integer(writer, "bytes_total", (int64_t)backup->bytes_total);
    if (backup->state == BACKUP_DONE) {
        json_put_integer(writer, "keys", (int64_t)backup->keys);
        json_put_integer(writer, "records", (int64_t)backup->records);
    }
    if (backup->state == BACKUP_FAILED) {
        json_put_text(writer, "error", backup->error);
    }
    json_end_object(writer);
}

static struct err reply_backup(struct call *call, int status, const struct backup *backup)
{
    struct json_writer writer = call_reply_json(call, status);
    put_backup(&writer, call->gateway->backups, backup);
    return json_finish(&writer);
}

static struct err note_name(struct call *call, const char *name)
{
    struct json_writer writer = json_writer_on(&call->detail);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "backup", name);
    json_end_object(&writer);
    return json_finish(&writer);
}

struct err op_backup_start(struct call *call)
{
    struct backups *backups = NULL;
    struct backup backup;
    struct span name = {0};
    const struct json_field fields[] = {
        {"name", JSON_TEXT, JSON_OPTIONAL, 0, &name, NULL},
    };
    TRY(served(call, &backups));
    if (call->json.root != NULL) {
        TRY(json_read(call->json.root, fields, ARRAY_LEN(fields)));
    }
    TRY(backups_start(backups, name, &backup));
    TRY(note_name(call, backup.name));
    return reply_backup(call, 202, &backup);
}

struct err op_backup_get(struct call *call)
{
    struct backups *backups = NULL;
    struct backup backup;
    TRY(served(call, &backups));
    TRY(backups_find(backups, call->target, &backup));
    return reply_backup(call, 200, &backup);
}

struct err op_backup_list(struct call *call)
{
    struct backups *backups = NULL;
    CLEANUP(mem_free_at) struct backup *list = NULL;
    size_t count = 0;
    TRY(served(call, &backups));
    TRY(backups_list(backups, &list, &count));
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_begin_array(&writer, "backups");
    for (size_t i = 0; i < count; i++) {
        put_backup(&writer, backups, &list[i]);
    }
    json_end_array(&writer);
    json_end_object(&writer);
    return json_finish(&writer);
}
