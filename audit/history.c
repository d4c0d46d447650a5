/* Stored checkpoints. A history file holds notes, each with two empty lines behind it.
 *
 * It narrows a contradiction down to a minute's records and proves nothing by itself: who can write
 * the folder can write it. So what cannot be read in it is passed over, never an error. It rolls
 * with the log files, and one note a minute bounds it. */
#include "audit/history.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/log_names.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

#define GAP         "\n\n\n" /* a note's last newline and two empty lines; no note has it inside */
#define HISTORY_MAX ((size_t)64 << 20) /* of one file: 130 000 notes, three months of minutes */

void heads_clear(struct heads *heads)
{
    mem_free(heads->all);
    *heads = (struct heads){0};
}

void heads_add(struct heads *heads, const struct tree_head *head)
{
    heads->all = mem_resize(heads->all, heads->count + 1, sizeof(*heads->all));
    size_t at = heads->count++;
    for (; at > 0 && heads->all[at - 1].size > head->size; at--) {
        heads->all[at] = heads->all[at - 1];
    }
    heads->all[at] = *head;
}

bool heads_meet(struct heads *heads, const struct tree_edge *edge)
{
    if (heads->next >= heads->count || heads->all[heads->next].size > edge->size) {
        return true;
    }
    bool meet = true;
    for (; heads->next < heads->count && heads->all[heads->next].size <= edge->size;
         heads->next++) {
        const struct tree_head *head = &heads->all[heads->next];
        if (head->size == edge->size) {
            struct tree_head ours = tree_head_of(edge);
            meet = meet && tree_hash_equal(&ours.root, &head->root);
        }
    }
    return meet;
}

static struct err read_all(int fd, size_t max, struct buf *out)
{
    struct stat status;
    ENSURE(fstat(fd, &status) == 0, ERR_IO, "cannot read a checkpoint: %s", strerrordesc_np(errno));
    ENSURE((uint64_t)status.st_size <= max, ERR_IO, "a file of checkpoints is too large");
    uint8_t *place = NULL;
    buf_init(out, max);
    TRY(buf_extend(out, (size_t)status.st_size, &place));
    return fd_read_exact(fd, place, out->len);
}

struct err history_newest(int folder, struct buf *out)
{
    CLEANUP(fd_close) int fd = openat(folder, HISTORY_NEWEST, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ENSURE(fd >= 0 || errno != ENOENT, ERR_NOT_FOUND, "there is no checkpoint yet");
    ENSURE(fd >= 0, ERR_IO, "cannot open the checkpoint: %s", strerrordesc_np(errno));
    CLEANUP(buf_clear) struct buf note = {0};
    TRY(read_all(fd, CHECKPOINT_MAX, &note));
    return buf_append(out, buf_span(&note));
}

/* Cuts the first note off, with its last newline; false when none is whole. */
static bool next_note(struct span *rest, struct span *out)
{
    while (rest->len > 0 && rest->data[0] == '\n') { /* of a torn note before */
        *rest = span_of(rest->data + 1, rest->len - 1);
    }
    const uint8_t *end = rest->len == 0 ? NULL : memmem(rest->data, rest->len, GAP, strlen(GAP));
    if (end == NULL) {
        return false;
    }
    *out = span_of(rest->data, (size_t)(end - rest->data) + 1);
    *rest = span_of(end + strlen(GAP), rest->len - out->len - strlen(GAP) + 1);
    return true;
}

static bool read_head(struct span note, const struct checkpoint_verifier *verifier,
                      struct tree_head *out)
{
    char origin[CHECKPOINT_ORIGIN_MAX];
    struct err err = verifier == NULL ? checkpoint_read(note, origin, out)
                                      : checkpoint_open(note, verifier, out);
    return err.code == ERR_OK;
}

struct err history_read(int folder, uint64_t first, const struct checkpoint_verifier *verifier,
                        struct heads *out)
{
    char name[LOG_NAME_MAX];
    log_names_beside(first, LOG_CHECKPOINTS, name);
    CLEANUP(fd_close) int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        return err_ok();
    }
    ENSURE(fd >= 0, ERR_IO, "cannot open a file of checkpoints: %s", strerrordesc_np(errno));
    CLEANUP(buf_clear) struct buf bytes = {0};
    TRY(read_all(fd, HISTORY_MAX, &bytes));
    struct span rest = buf_span(&bytes);
    struct span note;
    while (next_note(&rest, &note)) {
        struct tree_head head;
        if (read_head(note, verifier, &head)) {
            heads_add(out, &head);
        }
    }
    return err_ok();
}

/* A torn end is closed, so that it spoils no other note. */
static struct err write_note(int fd, uint64_t len, struct span note)
{
    char end[sizeof(GAP)] = "";
    size_t gap = strlen(GAP);
    bool whole =
        len == 0 || (len >= gap && pread(fd, end, gap, (off_t)(len - gap)) == (ssize_t)gap &&
                     strcmp(end, GAP) == 0);
    CLEANUP(buf_clear) struct buf bytes = {0};
    TRY(buf_append_text(&bytes, whole ? "" : GAP));
    TRY(buf_append(&bytes, note));
    TRY(buf_append_text(&bytes, &GAP[1]));
    TRY(fd_write_all(fd, buf_span(&bytes)));
    ENSURE(fdatasync(fd) == 0, ERR_IO, "cannot sync a file of checkpoints: %s",
           strerrordesc_np(errno));
    return err_ok();
}

struct err history_append(int folder, uint64_t first, struct span note)
{
    char name[LOG_NAME_MAX];
    log_names_beside(first, LOG_CHECKPOINTS, name);
    int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    CLEANUP(fd_close) int fd = openat(folder, name, flags, 0600);
    ENSURE(fd >= 0, ERR_IO, "cannot open a file of checkpoints: %s", strerrordesc_np(errno));
    struct stat status;
    ENSURE(fstat(fd, &status) == 0, ERR_IO, "cannot read a file of checkpoints");
    uint64_t len = (uint64_t)status.st_size;
    if (len + CHECKPOINT_MAX > HISTORY_MAX) {
        return err_ok();
    }
    TRY(write_note(fd, len, note));
    ENSURE(fsync(folder) == 0, ERR_IO, "cannot sync the audit folder: %s", strerrordesc_np(errno));
    return err_ok();
}
