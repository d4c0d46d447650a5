/* One pass over a log: every line is hashed, numbered and compared with its leaf, and the growing
 * tree with the stored checkpoints.
 *
 * Where a line and its leaf differ, two trees go on, one over the lines and one over the leaves:
 * the root at the checkpoint tells which of both was changed. A line that is not the next record
 * ends the walk, since nothing behind it has its place. Read-only. */
#include "audit/verify_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/leaf_reader.h"
#include "audit/line_reader.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

#define REPORT_MS    100
#define REPORT_LINES 4096

/* The file at hand. */
struct walk_file {
    uint64_t first;
    uint64_t size;
    bool newest;
    int fd;
    struct line_reader lines;
    struct leaf_reader *leaves;
    bool leaves_end;
};

static void note_fault(struct walk *walk, enum fault_kind kind, uint64_t seq, uint64_t file)
{
    if (walk->fault == FAULT_NONE) {
        walk->fault = kind;
        walk->fault_seq = seq;
        walk->fault_file = file;
    }
}

static void stop(struct walk *walk, enum fault_kind kind, uint64_t seq, uint64_t file)
{
    note_fault(walk, kind, seq, file);
    walk->stopped = true;
}

static enum fit fit_of(const struct tree_edge *edge, const struct tree_head *head)
{
    struct tree_head ours = tree_head_of(edge);
    return tree_hash_equal(&ours.root, &head->root) ? FIT_SAME : FIT_OTHER;
}

static void meet_history(struct walk *walk)
{
    struct heads *history = &walk->history;
    if (history->next >= history->count || history->all[history->next].size > walk->edge.size) {
        return;
    }
    bool reached = history->all[history->next].size == walk->edge.size;
    bool same = heads_meet(history, &walk->edge);
    if (reached && same && walk->other_size == 0) {
        walk->fit_size = walk->edge.size;
    }
    if (!same && walk->other_size == 0) {
        walk->other_size = walk->edge.size;
    }
}

/* The trees have grown by a record. */
static void meet(struct walk *walk)
{
    meet_history(walk);
    if (walk->head != NULL && walk->head->size == walk->edge.size) {
        walk->lines_fit = fit_of(&walk->edge, walk->head);
        walk->leaves_fit = walk->split ? fit_of(&walk->leaf_edge, walk->head) : walk->lines_fit;
    }
}

static void report(struct walk *walk, uint64_t done)
{
    if (walk->what->progress != NULL && clock_mono_ns() >= walk->report_ns) {
        walk->what->progress(walk->what->arg, done, walk->total, walk->edge.size);
        walk->report_ns = clock_deadline(REPORT_MS);
    }
}

/* A line without a leaf: the end of a crash, behind the checkpoint; or somebody cut the leaves. */
static void miss_leaf(struct walk *walk, struct walk_file *file, uint64_t seq)
{
    file->leaves_end = true;
    walk->unleaved++;
    bool signed_for = walk->head != NULL && seq <= walk->head->size;
    if (file->leaves->fd >= 0 && (!file->newest || signed_for)) {
        note_fault(walk, FAULT_SHORT, seq, file->first);
    }
}

static void differ(struct walk *walk, enum fault_kind kind, uint64_t seq, uint64_t file)
{
    note_fault(walk, kind, seq, file);
    if (!walk->split) {
        walk->leaf_edge = walk->edge;
        walk->split = true;
    }
}

static struct err take_record(struct walk *walk, struct walk_file *file, const struct line *line)
{
    struct tree_hash leaf = tree_leaf(span_of(line->bytes.data, line->bytes.len - 1));
    struct tree_hash stored = leaf;
    bool more = false;
    if (!file->leaves_end) {
        TRY(leaf_reader_next(file->leaves, &stored, &more));
    }
    if (!more) {
        stored = leaf;
        miss_leaf(walk, file, line->seq);
    } else if (!tree_hash_equal(&stored, &leaf)) {
        differ(walk, FAULT_LEAF, line->seq, file->first);
    }
    tree_append(&walk->edge, &leaf);
    if (walk->split) {
        tree_append(&walk->leaf_edge, &stored);
    }
    meet(walk);
    return err_ok();
}

/* What is not the next record. */
static void take_other(struct walk *walk, const struct walk_file *file, const struct line *line)
{
    bool at_end = file->lines.offset >= file->size;
    if (!line->whole && at_end && file->newest) {
        walk->torn = true;
        return;
    }
    stop(walk, FAULT_LINE, walk->edge.size + 1, file->first);
}

static struct err walk_lines(struct walk *walk, struct walk_file *file)
{
    for (size_t count = 0;; count++) {
        struct line line = {0};
        bool more = false;
        TRY(line_reader_next(&file->lines, &line, &more));
        if (line.bytes.len == 0) {
            return err_ok();
        }
        if (!line.whole || !line.is_record || line.seq != walk->edge.size + 1) {
            take_other(walk, file, &line);
            return err_ok();
        }
        TRY(take_record(walk, file, &line));
        if (count % REPORT_LINES == 0) {
            report(walk, walk->done + file->lines.offset);
        }
    }
}

/* The tree that the leaf file begins with. */
static void check_edge(struct walk *walk, const struct walk_file *file)
{
    walk->no_leaves = walk->no_leaves || file->leaves->fd < 0;
    struct tree_head stored = tree_head_of(&file->leaves->edge);
    if (!file->leaves->has_edge) {
        return;
    }
    if (fit_of(walk->split ? &walk->leaf_edge : &walk->edge, &stored) == FIT_OTHER) {
        differ(walk, FAULT_EDGE, file->first, file->first);
        walk->leaf_edge = file->leaves->edge;
    }
}

static struct err check_surplus(struct walk *walk, struct walk_file *file)
{
    struct tree_hash leaf;
    bool more = false;
    if (walk->stopped || file->leaves_end || file->leaves->fd < 0) {
        return err_ok();
    }
    TRY(leaf_reader_next(file->leaves, &leaf, &more));
    if (more && file->newest) {
        walk->surplus = true;
    } else if (more) {
        note_fault(walk, FAULT_LONG, walk->edge.size + 1, file->first);
    }
    return err_ok();
}

static struct err walk_opened(struct walk *walk, struct walk_file *file)
{
    struct stat status;
    ENSURE(file->fd >= 0 && fstat(file->fd, &status) == 0, ERR_IO,
           "cannot open audit-%012llu.jsonl: %s", (unsigned long long)file->first,
           strerrordesc_np(errno));
    file->size = (uint64_t)status.st_size;
    TRY(leaf_reader_open(file->leaves, walk->folder, file->first));
    check_edge(walk, file);
    line_reader_init(&file->lines, file->fd, 0);
    struct err err = walk_lines(walk, file);
    line_reader_clear(&file->lines);
    TRY(err);
    TRY(check_surplus(walk, file));
    walk->done += file->size;
    return err_ok();
}

static struct err walk_file(struct walk *walk, size_t at)
{
    char name[LOG_NAME_MAX];
    log_names_format(walk->names.firsts[at], name);
    struct walk_file file = {
        .first = walk->names.firsts[at],
        .newest = at + 1 == walk->names.count,
        .fd = openat(walk->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW),
        .leaves = mem_alloc(sizeof(struct leaf_reader)),
    };
    file.leaves->fd = -1;
    struct err err = walk_opened(walk, &file);
    leaf_reader_close(file.leaves);
    mem_free(file.leaves);
    fd_close(&file.fd);
    return err;
}

/* A log whose oldest files were moved away begins with the edge that the next one knows. */
static struct err walk_start(struct walk *walk)
{
    uint64_t first = walk->names.firsts[0];
    if (first == 1) {
        return err_ok();
    }
    struct leaf_reader *reader = mem_alloc(sizeof(*reader));
    struct err err = leaf_reader_open(reader, walk->folder, first);
    note_fault(walk, FAULT_START, 1, first);
    walk->stopped = err.code == ERR_OK && !reader->has_edge;
    walk->edge = reader->edge;
    leaf_reader_close(reader);
    mem_free(reader);
    meet(walk);
    return err;
}

/* Whether the file begins where the one before ended. */
static bool follows(struct walk *walk, uint64_t first)
{
    uint64_t next = walk->edge.size + 1;
    if (first != next) {
        stop(walk, FAULT_FILE, first < next ? first : next, first);
    }
    return first == next;
}

static struct err measure(struct walk *walk)
{
    for (size_t i = 0; i < walk->names.count; i++) {
        char name[LOG_NAME_MAX];
        struct stat status;
        log_names_format(walk->names.firsts[i], name);
        ENSURE(fstatat(walk->folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0, ERR_IO,
               "cannot read %s: %s", name, strerrordesc_np(errno));
        walk->total += (uint64_t)status.st_size;
    }
    return err_ok();
}

struct err walk_run(struct walk *walk)
{
    TRY(measure(walk));
    if (walk->head != NULL && walk->head->size == 0) {
        meet(walk);
    }
    if (walk->names.count > 0) {
        TRY(walk_start(walk));
    }
    for (size_t i = 0; i < walk->names.count && !walk->stopped; i++) {
        if (follows(walk, walk->names.firsts[i])) {
            TRY(walk_file(walk, i));
        }
    }
    walk->report_ns = 0;
    report(walk, walk->done);
    return err_ok();
}
