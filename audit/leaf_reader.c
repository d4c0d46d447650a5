/* Reads leaf files.
 *
 * The edge at the start of each file makes it stand alone: the tree goes on from the newest file
 * even when the operator moved older ones away. Leaves are written after the synced lines and are
 * not synced themselves, so the end of a file may be missing or zeros; whoever reads completes it
 * from the lines. Never writes. */
#include "audit/leaf_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/log_names.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

uint64_t leaf_edge_len(uint64_t first)
{
    return (uint64_t)tree_edge_count(first - 1) * TREE_HASH_LEN;
}

/* Reads what is there of [offset, offset + len). */
static struct err read_at(int fd, uint64_t offset, uint8_t *out, size_t len, size_t *out_got)
{
    size_t done = 0;
    while (done < len) {
        ssize_t got = pread(fd, out + done, len - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        ENSURE(got >= 0, ERR_IO, "cannot read the leaves of the audit log: %s",
               strerrordesc_np(errno));
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *out_got = done;
    return err_ok();
}

static bool is_zero(const struct tree_hash *hash)
{
    static const struct tree_hash zero;
    return tree_hash_equal(hash, &zero);
}

static struct err read_edge(struct leaf_reader *reader)
{
    size_t want = (size_t)leaf_edge_len(reader->first);
    size_t got = 0;
    TRY(read_at(reader->fd, 0, reader->edge.roots[0].bytes, want, &got));
    reader->edge.size = reader->first - 1;
    reader->has_edge = got == want;
    for (size_t i = 0; i < want / TREE_HASH_LEN; i++) {
        reader->has_edge = reader->has_edge && !is_zero(&reader->edge.roots[i]);
    }
    return err_ok();
}

struct err leaf_reader_open(struct leaf_reader *reader, int folder, uint64_t first)
{
    char name[LOG_NAME_MAX];
    struct stat status;
    memset(reader, 0, offsetof(struct leaf_reader, window));
    reader->first = first;
    log_names_beside(first, LOG_LEAVES, name);
    reader->fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (reader->fd < 0 && errno == ENOENT) {
        return err_ok();
    }
    ENSURE(reader->fd >= 0 && fstat(reader->fd, &status) == 0, ERR_IO,
           "cannot open the leaves of the audit log: %s", strerrordesc_np(errno));
    TRY(read_edge(reader));
    uint64_t len = (uint64_t)status.st_size;
    uint64_t skip = leaf_edge_len(first);
    reader->size = reader->has_edge && len > skip ? (len - skip) / TREE_HASH_LEN : 0;
    return err_ok();
}

void leaf_reader_close(struct leaf_reader *reader)
{
    fd_close(&reader->fd);
}

static struct err load(struct leaf_reader *reader)
{
    uint64_t offset = leaf_edge_len(reader->first) + reader->next * TREE_HASH_LEN;
    size_t got = 0;
    TRY(read_at(reader->fd, offset, reader->window, sizeof(reader->window), &got));
    reader->loaded = reader->next;
    reader->count = got / TREE_HASH_LEN;
    return err_ok();
}

struct err leaf_reader_next(struct leaf_reader *reader, struct tree_hash *out, bool *out_more)
{
    *out_more = false;
    if (reader->next >= reader->size) {
        return err_ok();
    }
    if (reader->next < reader->loaded || reader->next >= reader->loaded + reader->count) {
        TRY(load(reader));
    }
    if (reader->next >= reader->loaded + reader->count) { /* became shorter */
        return err_ok();
    }
    size_t at = (size_t)(reader->next - reader->loaded) * TREE_HASH_LEN;
    memcpy(out->bytes, reader->window + at, TREE_HASH_LEN);
    *out_more = !is_zero(out);
    reader->next += *out_more ? 1 : 0;
    return err_ok();
}

static struct err edge_in(struct leaf_reader *reader, uint64_t size, struct tree_edge *out,
                          bool *out_known)
{
    struct tree_edge edge = reader->edge;
    bool more = reader->has_edge;
    while (more && edge.size < size) {
        struct tree_hash leaf;
        TRY(leaf_reader_next(reader, &leaf, &more));
        if (more) {
            tree_append(&edge, &leaf);
        }
    }
    *out_known = more;
    *out = edge;
    return err_ok();
}

struct err leaf_edge_at(int folder, uint64_t size, struct tree_edge *out, bool *out_known)
{
    CLEANUP(log_names_clear) struct log_names names = {0};
    CLEANUP(leaf_reader_close) struct leaf_reader reader;
    reader.fd = -1;
    TRY(log_names_list(folder, &names));
    size_t i = log_names_find(&names, size == 0 ? 1 : size);
    if (i >= names.count || names.firsts[i] > size + 1) {
        *out_known = false;
        return err_ok();
    }
    TRY(leaf_reader_open(&reader, folder, names.firsts[i]));
    return edge_in(&reader, size, out, out_known);
}
