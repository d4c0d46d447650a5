/* Writes leaf files, and brings them back after a crash.
 *
 * A leaf is written when its line is synced, never before: so a leaf without a line means that a
 * durable record was taken away, and says so. A line without a leaf is the end of a crash, or a log
 * of a version that had none: the leaf is made. A line whose leaf differs was changed.
 * Used by the writer's thread alone. */
#include "audit/leaf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "audit/leaf_reader.h"
#include "audit/line_reader.h"
#include "audit/log_names.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

#define PENDING_MAX 512 /* leaves written at once */

static struct err open_file(struct leaf_file *file, uint64_t first)
{
    char name[LOG_NAME_MAX];
    fd_close(&file->fd);
    file->first = first;
    log_names_beside(first, LOG_LEAVES, name);
    int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    file->fd = file->disk->openat(file->folder, name, flags, 0600);
    ENSURE(file->fd >= 0, ERR_IO, "cannot open the leaves of the audit log: %s",
           strerrordesc_np(errno));
    return err_ok();
}

static struct err cut(struct leaf_file *file, uint64_t len)
{
    ENSURE(file->disk->ftruncate(file->fd, (off_t)len) == 0, ERR_IO,
           "cannot cut the leaves of the audit log: %s", strerrordesc_np(errno));
    return err_ok();
}

struct err leaf_file_append(struct leaf_file *file, const struct tree_hash *leaves, size_t count)
{
    struct span rest = span_of(leaves, count * sizeof(*leaves));
    while (rest.len > 0) {
        ssize_t written = file->disk->write(file->fd, rest.data, rest.len);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        ENSURE(written > 0, ERR_IO, "cannot write the leaves of the audit log: %s",
               strerrordesc_np(errno));
        rest = span_of(rest.data + written, rest.len - (size_t)written);
    }
    return err_ok();
}

static struct err write_edge(struct leaf_file *file, const struct tree_edge *edge)
{
    TRY(cut(file, 0));
    TRY(leaf_file_append(file, edge->roots, tree_edge_count(edge->size)));
    ENSURE(file->disk->fdatasync(file->fd) == 0 && fsync(file->folder) == 0, ERR_IO,
           "cannot sync the leaves of the audit log: %s", strerrordesc_np(errno));
    return err_ok();
}

struct err leaf_file_begin(struct leaf_file *file, uint64_t first, const struct tree_edge *edge)
{
    TRY(open_file(file, first));
    return write_edge(file, edge);
}

void leaf_file_close(struct leaf_file *file)
{
    if (file->fd >= 0) {
        (void)file->disk->fdatasync(file->fd); /* else they are made again */
    }
    fd_close(&file->fd);
}

/* --- mending --- */

struct mending {
    struct leaf_file *file;
    struct heads *heads;
    struct tree_edge *edge;
    struct leaf_reader stored;
    bool writing; /* the stored ones are at their end */
    struct tree_hash pending[PENDING_MAX];
    size_t count;
};

static void mending_clear(struct mending *mending)
{
    leaf_reader_close(&mending->stored);
}

static struct err check_edge(const struct mending *mending, uint64_t first)
{
    struct tree_head given = tree_head_of(mending->edge);
    struct tree_head stored = tree_head_of(&mending->stored.edge);
    ENSURE(!mending->stored.has_edge || tree_hash_equal(&given.root, &stored.root), ERR_CORRUPT,
           "audit-%012llu.leaves does not begin with the tree of the records before it; run "
           "`hsmgate audit verify`",
           (unsigned long long)first);
    return err_ok();
}

static struct err begin_writing(struct mending *mending)
{
    struct leaf_file *file = mending->file;
    mending->writing = true;
    TRY(open_file(file, mending->stored.first));
    if (!mending->stored.has_edge) {
        return write_edge(file, &mending->stored.edge);
    }
    return cut(file, leaf_edge_len(file->first) + mending->stored.next * TREE_HASH_LEN);
}

static struct err flush(struct mending *mending)
{
    TRY(leaf_file_append(mending->file, mending->pending, mending->count));
    mending->count = 0;
    return err_ok();
}

static struct err put_missing(struct mending *mending, const struct tree_hash *leaf)
{
    if (!mending->writing) {
        TRY(begin_writing(mending));
    }
    mending->pending[mending->count++] = *leaf;
    return mending->count == PENDING_MAX ? flush(mending) : err_ok();
}

static struct err mend_line(struct mending *mending, const struct line *line)
{
    struct tree_hash leaf = tree_leaf(span_of(line->bytes.data, line->bytes.len - 1));
    struct tree_hash stored;
    bool more = false;
    if (!mending->writing) {
        TRY(leaf_reader_next(&mending->stored, &stored, &more));
    }
    ENSURE(!more || tree_hash_equal(&leaf, &stored), ERR_CORRUPT,
           "record %llu of the audit log was changed, or its leaf: restore the file, or run "
           "`hsmgate audit verify`",
           (unsigned long long)line->seq);
    if (!more) {
        TRY(put_missing(mending, &leaf));
    }
    tree_append(mending->edge, &leaf);
    ENSURE(heads_meet(mending->heads, mending->edge), ERR_CORRUPT,
           "the audit log contradicts its checkpoint of %llu records: run `hsmgate audit verify`",
           (unsigned long long)line->seq);
    return err_ok();
}

static struct err mend_lines(struct mending *mending, const struct leaf_source *lines)
{
    CLEANUP(line_reader_clear) struct line_reader reader;
    line_reader_init(&reader, lines->fd, 0);
    while (reader.offset < lines->len) {
        struct line line = {0};
        bool more = false;
        TRY(line_reader_next(&reader, &line, &more));
        ENSURE(more && line.is_record && line.seq == mending->edge->size + 1, ERR_CORRUPT,
               "the audit log is damaged behind record %llu: run `hsmgate audit verify`",
               (unsigned long long)mending->edge->size);
        TRY(mend_line(mending, &line));
    }
    return err_ok();
}

/* Leaves behind the last line. */
static struct err check_surplus(struct mending *mending)
{
    struct tree_hash leaf;
    bool more = false;
    if (!mending->writing) {
        TRY(leaf_reader_next(&mending->stored, &leaf, &more));
    }
    ENSURE(!more, ERR_CORRUPT,
           "records from %llu on are missing at the end of the audit log: its leaf file has them; "
           "restore the file",
           (unsigned long long)(mending->edge->size + 1));
    return err_ok();
}

static struct err mend_all(struct mending *mending, uint64_t first, const struct leaf_source *lines)
{
    TRY(leaf_reader_open(&mending->stored, mending->file->folder, first));
    TRY(check_edge(mending, first));
    mending->stored.edge = *mending->edge;
    TRY(mend_lines(mending, lines));
    TRY(check_surplus(mending));
    if (!mending->writing) {
        TRY(begin_writing(mending));
    }
    return flush(mending);
}

struct err leaf_file_mend(struct leaf_file *file, uint64_t first, const struct leaf_source *lines,
                          struct heads *heads, struct tree_edge *edge)
{
    struct mending *mending = mem_alloc(sizeof(*mending)); /* 80 KiB, too much for a stack */
    *mending = (struct mending){.file = file, .heads = heads, .edge = edge, .stored.fd = -1};
    struct err err = mend_all(mending, first, lines);
    mending_clear(mending);
    mem_free(mending);
    return err;
}
