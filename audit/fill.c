/* Filling a folder of the log from the other one.
 *
 * A folder is only ever filled when its tree is how the other's begins: leaves tell that without
 * reading a line. Files begin where the other's begin, so that both have the same names. Used by
 * the writer's thread alone. */
#include "audit/fill.h"

#include <inttypes.h>
#include <string.h>

#include "audit/leaf_reader.h"
#include "audit/log_names.h"
#include "audit/log_read.h"
#include "base/mem.h"

#include "base/banned.h"

/* What one step copies. */
struct portion {
    struct log_range range;
    bool new_file;
};

/* Up to the end of the file of `from` that has the next record. */
static struct err next_portion(struct log_files *to, struct log_files *from, struct portion *out)
{
    CLEANUP(log_names_clear) struct log_names names = {0};
    TRY(log_names_list(from->folder, &names));
    size_t i = log_names_find(&names, to->next_seq);
    ENSURE(i < names.count && names.firsts[i] <= to->next_seq, ERR_CORRUPT,
           "%s lacks record %" PRIu64 ", which is also missing in %s", from->path, to->next_seq,
           to->path);
    uint64_t last = from->next_seq - 1;
    if (i + 1 < names.count && names.firsts[i + 1] - 1 < last) {
        last = names.firsts[i + 1] - 1;
    }
    *out = (struct portion){
        .range = {.after = to->next_seq - 1, .to = last, .limit = SIZE_MAX},
        .new_file = names.firsts[i] == to->next_seq,
    };
    return err_ok();
}

static void hash_lines(struct span lines, struct tree_hash *leaves, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *end = memchr(lines.data, '\n', lines.len);
        size_t len = (size_t)(end - lines.data);
        leaves[i] = tree_leaf(span_of(lines.data, len));
        lines = span_of(end + 1, lines.len - len - 1);
    }
}

static size_t count_lines(struct span lines)
{
    size_t count = 0;
    for (size_t i = 0; i < lines.len; i++) {
        count += lines.data[i] == '\n' ? 1 : 0;
    }
    return count;
}

struct err fill_step(struct log_files *to, struct log_files *from, struct buf *bytes)
{
    struct portion portion = {0};
    uint64_t last = 0;
    TRY(next_portion(to, from, &portion));
    buf_reset(bytes);
    TRY(log_read(from->folder, &portion.range, bytes, &last));
    struct span lines = buf_span(bytes);
    size_t count = count_lines(lines);
    ENSURE(count > 0 && last == portion.range.after + count, ERR_CORRUPT,
           "%s lacks records behind %" PRIu64, from->path, portion.range.after);
    CLEANUP(mem_free_at) struct tree_hash *leaves = mem_array(count, sizeof(*leaves));
    hash_lines(lines, leaves, count);
    struct log_batch batch = {lines, leaves, count, portion.new_file};
    TRY(log_files_write(to, &batch));
    log_files_keep(to, &batch);
    return err_ok();
}

/* Whether the tree of the shorter one is how the longer one begins. */
static struct err check_prefix(struct log_files *shorter, struct log_files *longer)
{
    struct tree_edge edge;
    bool known = false;
    TRY(leaf_edge_at(longer->folder, shorter->edge.size, &edge, &known));
    struct tree_head ours = tree_head_of(&shorter->edge);
    struct tree_head theirs = ours;
    if (known) {
        theirs = tree_head_of(&edge);
    }
    ENSURE(known && tree_hash_equal(&ours.root, &theirs.root), ERR_CORRUPT,
           "the audit logs in %s and %s differ: run `hsmgate audit verify` on both and move the "
           "wrong one away",
           shorter->path, longer->path);
    return err_ok();
}

/* An empty folder begins where the other one does. */
static struct err begin_like(struct log_files *empty, struct log_files *other)
{
    CLEANUP(log_names_clear) struct log_names names = {0};
    TRY(log_names_list(other->folder, &names));
    uint64_t first = names.count == 0 ? 1 : names.firsts[0];
    if (first == 1) {
        return err_ok();
    }
    struct tree_edge edge;
    bool known = false;
    CLEANUP(leaf_reader_close) struct leaf_reader reader;
    reader.fd = -1;
    TRY(leaf_reader_open(&reader, other->folder, first));
    known = reader.has_edge;
    edge = reader.edge;
    ENSURE(known, ERR_CORRUPT, "%s has no leaves for its oldest file", other->path);
    return log_files_begin_at(empty, &edge);
}

struct err fill_prepare(struct log_files *shorter, struct log_files *longer)
{
    if (shorter->next_seq == 1) {
        TRY(begin_like(shorter, longer));
    }
    return check_prefix(shorter, longer);
}
