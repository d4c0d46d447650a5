/* The three ways to bring a checkpoint somewhere, as a table.
 *
 * A copy is evidence against the log that it came from. So a file is replaced only by a later
 * checkpoint of the same log: when the log was cut or put back from a backup, what the file holds
 * stays, and the place counts as failing until a person has looked. */
#include "gateway/copy_place.h"

#include "audit/checkpoint.h"
#include "base/file.h"
#include "base/mem.h"
#include "gateway/copy_command.h"
#include "gateway/fetch.h"

#define COPY_MODE 0644 /* auditors read it, and it holds no secret */

struct delivery {
    const struct copy_place *place;
    struct span note;
    int64_t deadline_ns;
    int stop;
};

/* Whether the note may stand where `old` stands. */
static struct err check_replaces(struct span old, struct span note)
{
    char old_origin[CHECKPOINT_ORIGIN_MAX];
    char origin[CHECKPOINT_ORIGIN_MAX];
    struct tree_head old_head;
    struct tree_head head;
    TRY(checkpoint_read(note, origin, &head));
    struct err err = checkpoint_read(old, old_origin, &old_head);
    ENSURE(err.code == ERR_OK, ERR_CONFLICT, "it holds something else than a checkpoint: kept");
    ENSURE(strcmp(origin, old_origin) == 0, ERR_CONFLICT,
           "it holds a checkpoint of another log: kept");
    ENSURE(old_head.size <= head.size, ERR_CONFLICT,
           "it holds a checkpoint of %llu records, the log has fewer: kept",
           (unsigned long long)old_head.size);
    bool same = memcmp(&old_head.root, &head.root, sizeof(head.root)) == 0;
    ENSURE(old_head.size < head.size || same, ERR_CONFLICT,
           "it holds another checkpoint of as many records: kept");
    return err_ok();
}

static struct err deliver_file(const struct delivery *delivery)
{
    CLEANUP(buf_clear) struct buf old = {0};
    buf_init(&old, CHECKPOINT_MAX);
    struct err err = file_read(delivery->place->target, &old);
    ENSURE(err.code != ERR_TOO_LARGE, ERR_CONFLICT,
           "it holds something else than a checkpoint: kept");
    if (err.code != ERR_OK && err.code != ERR_NOT_FOUND) {
        return err;
    }
    if (old.len > 0) {
        TRY(check_replaces(buf_span(&old), delivery->note));
    }
    return file_write(delivery->place->target, delivery->note, COPY_MODE);
}

static struct err deliver_command(const struct delivery *delivery)
{
    const struct copy_place *place = delivery->place;
    return copy_command_run(place->argv, place->argc, delivery->note, delivery->deadline_ns,
                            delivery->stop);
}

static struct err deliver_webhook(const struct delivery *delivery)
{
    int status = 0;
    struct fetch_message message = {.content_type = "text/plain; charset=utf-8",
                                    .body = delivery->note};
    TRY(fetch_post(delivery->place->target, delivery->place->ca, &message, delivery->deadline_ns,
                   &status));
    ENSURE(status >= 200 && status <= 299, ERR_IO, "it answered with status %d", status);
    return err_ok();
}

static const struct {
    const char *word;
    struct err (*deliver)(const struct delivery *delivery);
} kinds[] = {
    [COPY_FILE] = {"file", deliver_file},
    [COPY_COMMAND] = {"command", deliver_command},
    [COPY_WEBHOOK] = {"webhook", deliver_webhook},
};

void copy_place_name(const struct copy_place *place, struct buf *out)
{
    bool shown = place->kind != COPY_WEBHOOK;
    struct err err = buf_printf(out, "%s%s%s", kinds[place->kind].word, shown ? " " : "",
                                shown ? place->target : "");
    (void)err; /* a name too long is left out of a log line */
}

struct err copy_place_deliver(const struct copy_place *place, struct span note, int64_t deadline_ns,
                              int stop)
{
    struct delivery delivery = {
        .place = place, .note = note, .deadline_ns = deadline_ns, .stop = stop};
    return kinds[place->kind].deliver(&delivery);
}
