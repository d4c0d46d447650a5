/* Finds the tree's edge when the log is opened.
 *
 * Closed files are taken by their leaves, quickly; only the newest file is hashed again. It begins
 * at the last file that starts within the newest checkpoint, so that the checkpoint's root is
 * computed again and a start takes no longer as the log grows; without a checkpoint, at the first.
 * Nothing is ever cut here: what does not fit is for a person to look at. */
#include "audit/log_start.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/leaf_reader.h"
#include "audit/log_names.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#include "base/banned.h"

struct start {
    struct log_files *files;
    struct heads *heads;
    struct log_names names;
    size_t at; /* the file at hand */
    struct leaf_reader reader;
};

static void start_clear(struct start *start)
{
    leaf_reader_close(&start->reader);
    log_names_clear(&start->names);
}

static uint64_t newest_size(const struct heads *heads)
{
    return heads->count == 0 ? 0 : heads->all[heads->count - 1].size;
}

struct err log_start_heads(struct log_files *files, struct heads *out)
{
    CLEANUP(buf_clear) struct buf note = {0};
    CLEANUP(log_names_clear) struct log_names names = {0};
    char origin[CHECKPOINT_ORIGIN_MAX];
    struct tree_head head;
    struct err err = history_newest(files->folder, &note);
    if (err.code == ERR_NOT_FOUND) {
        return err_ok();
    }
    TRY(err);
    TRY(checkpoint_read(buf_span(&note), origin, &head));
    TRY(log_names_list(files->folder, &names));
    for (size_t i = log_names_find(&names, head.size + 1); i < names.count; i++) {
        TRY(history_read(files->folder, names.firsts[i], NULL, out));
    }
    while (out->count > 0 && out->all[out->count - 1].size > head.size) {
        out->count--; /* written, but never named as the newest */
    }
    heads_add(out, &head);
    return err_ok();
}

static struct err meet(struct start *start, const struct tree_edge *edge)
{
    ENSURE(heads_meet(start->heads, edge), ERR_CORRUPT,
           "the audit log contradicts its checkpoint of %llu records: run `hsmgate audit verify`",
           (unsigned long long)edge->size);
    return err_ok();
}

/* Opens the leaf file of file `at`. */
static struct err open_leaves(struct start *start)
{
    leaf_reader_close(&start->reader);
    return leaf_reader_open(&start->reader, start->files->folder, start->names.firsts[start->at]);
}

/* The last file that begins within the checkpoint and whose edge is known. */
static struct err find_base(struct start *start, struct tree_edge *out)
{
    start->at = log_names_find(&start->names, newest_size(start->heads) + 1);
    TRY(open_leaves(start));
    while (!start->reader.has_edge && start->at > 0 && start->reader.first > 1) {
        start->at--;
        TRY(open_leaves(start));
    }
    uint64_t first = start->names.firsts[start->at];
    ENSURE(start->reader.has_edge || first == 1, ERR_CORRUPT,
           "records 1 to %llu and their leaves are not in the audit folder: put the older files "
           "back",
           (unsigned long long)(first - 1));
    *out = (struct tree_edge){0};
    if (first > 1) {
        *out = start->reader.edge;
    }
    return meet(start, out);
}

/* By leaves alone; *out_whole is false when they do not reach `last`. */
static struct err walk_leaves(struct start *start, uint64_t last, struct tree_edge *edge,
                              bool *out_whole)
{
    bool more = start->reader.has_edge && start->reader.size == last + 1 - start->reader.first;
    while (more && edge->size < last) {
        struct tree_hash leaf;
        TRY(leaf_reader_next(&start->reader, &leaf, &more));
        if (more) {
            tree_append(edge, &leaf);
            TRY(meet(start, edge));
        }
    }
    *out_whole = more;
    return err_ok();
}

/* By its lines, whose leaves are compared and made. */
static struct err walk_lines(struct start *start, uint64_t first, struct tree_edge *edge)
{
    char name[LOG_NAME_MAX];
    struct stat status;
    log_names_format(first, name);
    CLEANUP(fd_close)
    int fd = openat(start->files->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ENSURE(fd >= 0 && fstat(fd, &status) == 0, ERR_IO, "cannot open the audit log: %s",
           strerrordesc_np(errno));
    struct leaf_source lines = {fd, (uint64_t)status.st_size};
    struct leaf_file leaves = start->files->leaves;
    leaves.fd = -1;
    struct err err = leaf_file_mend(&leaves, first, &lines, start->heads, edge);
    leaf_file_close(&leaves);
    return err;
}

/* A hole between two files: they were taken away while the log was open, and it said so. The edge
 * of the next file goes on. */
static struct err step_over(struct start *start, struct tree_edge *edge)
{
    uint64_t next = start->names.firsts[start->at];
    TRY(open_leaves(start));
    if (edge->size + 1 == next) {
        return err_ok();
    }
    ENSURE(edge->size < next && start->reader.has_edge, ERR_CORRUPT,
           "the files of the audit log do not follow each other at record %llu: run `hsmgate audit "
           "verify`",
           (unsigned long long)next);
    log_warning("audit", "records %llu to %llu are not in the audit folder",
                (unsigned long long)(edge->size + 1), (unsigned long long)(next - 1));
    *edge = start->reader.edge;
    return err_ok();
}

static struct err walk_closed(struct start *start, struct tree_edge *edge)
{
    uint64_t first = start->names.firsts[start->at];
    uint64_t last = start->names.firsts[start->at + 1] - 1;
    struct tree_edge before = *edge;
    size_t passed = start->heads->next;
    bool whole = false;
    struct tree_head ours = tree_head_of(edge);
    struct tree_head theirs = tree_head_of(&start->reader.edge);
    ENSURE(!start->reader.has_edge || tree_hash_equal(&ours.root, &theirs.root), ERR_CORRUPT,
           "audit-%012llu.leaves does not begin with the tree of the records before it; run "
           "`hsmgate audit verify`",
           (unsigned long long)first);
    TRY(walk_leaves(start, last, edge, &whole));
    if (!whole) {
        *edge = before;
        start->heads->next = passed;
        TRY(walk_lines(start, first, edge));
    }
    start->at++;
    return step_over(start, edge);
}

static struct err run(struct start *start)
{
    struct log_files *files = start->files;
    struct tree_edge edge;
    TRY(log_names_list(files->folder, &start->names));
    ENSURE(start->names.count > 0, ERR_IO, "the audit log is gone from its folder");
    TRY(find_base(start, &edge));
    while (start->at + 1 < start->names.count) {
        TRY(walk_closed(start, &edge));
    }
    struct leaf_source lines = {files->fd, files->durable_len};
    files->first_edge = edge;
    TRY(leaf_file_mend(&files->leaves, files->file_first, &lines, start->heads, &edge));
    files->edge = edge;
    return err_ok();
}

struct err log_start(struct log_files *files, struct heads *heads)
{
    struct start *start = mem_alloc(sizeof(*start)); /* 70 KiB, too much for a stack */
    start->files = files;
    start->heads = heads;
    start->reader.fd = -1;
    struct err err = run(start);
    start_clear(start);
    mem_free(start);
    return err;
}

struct err log_start_check_end(const struct log_files *files, const struct heads *heads)
{
    uint64_t size = newest_size(heads);
    ENSURE(size < files->next_seq, ERR_CORRUPT,
           "the audit log ends with record %llu, its checkpoint with %llu: restore the missing "
           "files, or move `checkpoint` away to go on without",
           (unsigned long long)(files->next_seq - 1), (unsigned long long)size);
    return err_ok();
}
