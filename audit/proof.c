/* Proofs of one record, in both directions: C2SP tlog-proof with the line as `extra`.
 *
 * Making one reads the leaf of every record under the checkpoint once: from the leaf files, which
 * is quick, or by hashing lines where a leaf is not there. The proof is checked before it is given
 * out, so a damaged log never makes one. Checking needs neither the log nor its folder. */
#include "audit/proof.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "audit/leaf_reader.h"
#include "audit/line_reader.h"
#include "audit/log_names.h"
#include "audit/log_read.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

#define PROOF_LEAD "c2sp.org/tlog-proof@v1\n"
#define PROOF_MAX  ((size_t)64 << 10)
#define HASH_TEXT  44 /* base64 of 32 bytes */

/* --- leaves of a whole log --- */

struct leaf_finder {
    int folder;
    struct log_names names;
    size_t at; /* the open file; names.count: none */
    struct leaf_reader leaves;
    int fd;
    struct line_reader lines;
    uint64_t next; /* sequence of the next line; 0: not placed */
};

static void close_file(struct leaf_finder *finder)
{
    leaf_reader_close(&finder->leaves);
    if (finder->fd >= 0) {
        line_reader_clear(&finder->lines);
    }
    fd_close(&finder->fd);
}

static void finder_free(struct leaf_finder **finder)
{
    close_file(*finder);
    log_names_clear(&(*finder)->names);
    fd_close(&(*finder)->folder);
    mem_free(*finder);
}

static struct err open_file(struct leaf_finder *finder, size_t at)
{
    char name[LOG_NAME_MAX];
    close_file(finder);
    finder->at = finder->names.count;
    TRY(leaf_reader_open(&finder->leaves, finder->folder, finder->names.firsts[at]));
    log_names_format(finder->names.firsts[at], name);
    finder->fd = openat(finder->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ENSURE(finder->fd >= 0, ERR_IO, "cannot open the audit log: %s", strerrordesc_np(errno));
    line_reader_init(&finder->lines, finder->fd, 0);
    finder->next = 0;
    finder->at = at;
    return err_ok();
}

static struct err hash_line(struct leaf_finder *finder, uint64_t seq, struct tree_hash *out)
{
    if (finder->next != seq) {
        uint64_t offset = 0;
        TRY(line_reader_find(finder->fd, seq - 1, &offset));
        line_reader_clear(&finder->lines);
        line_reader_init(&finder->lines, finder->fd, offset);
    }
    struct line line = {0};
    bool more = false;
    TRY(line_reader_next(&finder->lines, &line, &more));
    ENSURE(more && line.is_record && line.seq == seq, ERR_NOT_FOUND,
           "the log does not have record %" PRIu64, seq);
    finder->next = seq + 1;
    *out = tree_leaf(span_of(line.bytes.data, line.bytes.len - 1));
    return err_ok();
}

static struct err find_leaf(void *arg, uint64_t index, struct tree_hash *out)
{
    struct leaf_finder *finder = arg;
    size_t at = log_names_find(&finder->names, index + 1);
    ENSURE(at < finder->names.count && finder->names.firsts[at] <= index + 1, ERR_NOT_FOUND,
           "the log does not have record %" PRIu64, index + 1);
    if (at != finder->at) {
        TRY(open_file(finder, at));
    }
    bool more = false;
    finder->leaves.next = index + 1 - finder->names.firsts[at];
    TRY(leaf_reader_next(&finder->leaves, out, &more));
    return more ? err_ok() : hash_line(finder, index + 1, out);
}

static struct err open_finder(struct leaf_finder *finder, const char *folder)
{
    finder->fd = -1;
    finder->leaves.fd = -1;
    finder->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ENSURE(finder->folder >= 0, ERR_IO, "cannot open the audit folder: %s", strerrordesc_np(errno));
    TRY(log_names_list(finder->folder, &finder->names));
    finder->at = finder->names.count;
    return err_ok();
}

/* --- making --- */

static struct err read_record(struct leaf_finder *finder, uint64_t seq, struct buf *out)
{
    struct log_range range = {.after = seq - 1, .to = seq, .limit = 1};
    uint64_t last = 0;
    TRY(log_read(finder->folder, &range, out, &last));
    ENSURE(out->len > 0 && last == seq, ERR_NOT_FOUND, "the log does not have record %" PRIu64,
           seq);
    buf_truncate(out, out->len - 1);
    return err_ok();
}

static struct err write_proof(struct span record, uint64_t index, const struct tree_path *path,
                              struct span note, struct buf *out)
{
    TRY(buf_append_text(out, PROOF_LEAD "extra "));
    TRY(base64_encode(record, out));
    TRY(buf_printf(out, "\nindex %" PRIu64 "\n", index));
    for (size_t i = 0; i < path->count; i++) {
        TRY(base64_encode(span_of(path->hashes[i].bytes, TREE_HASH_LEN), out));
        TRY(buf_append_text(out, "\n"));
    }
    TRY(buf_append_text(out, "\n"));
    return buf_append(out, note);
}

struct err audit_prove(const char *folder, uint64_t seq, struct span checkpoint, struct buf *out)
{
    char origin[CHECKPOINT_ORIGIN_MAX];
    struct tree_head head = {0};
    struct tree_path path = {0};
    CLEANUP(buf_clear) struct buf record = {0};
    TRY(checkpoint_read(checkpoint, origin, &head));
    ENSURE(seq > 0 && seq <= head.size, ERR_NOT_FOUND,
           "the checkpoint is over records 1 to %" PRIu64
           "; wait for the next one, or give a later one",
           head.size);
    CLEANUP(finder_free) struct leaf_finder *finder = mem_alloc(sizeof(*finder));
    TRY(open_finder(finder, folder));
    TRY(read_record(finder, seq, &record));
    struct tree_hash leaf = tree_leaf(buf_span(&record));
    TRY(tree_prove(seq - 1, head.size, find_leaf, finder, &path));
    ENSURE(tree_check(&path, seq - 1, &leaf, &head), ERR_CORRUPT,
           "the log and the checkpoint do not agree: run `hsmgate audit verify`");
    return write_proof(buf_span(&record), seq - 1, &path, checkpoint, out);
}

/* --- checking --- */

static struct err cut_line(struct span *rest, struct span *out)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->data, '\n', rest->len);
    ENSURE(end != NULL, ERR_CORRUPT, "the proof ends too early");
    *out = span_of(rest->data, (size_t)(end - rest->data));
    *rest = span_of(end + 1, rest->len - out->len - 1);
    return err_ok();
}

/* The rest of the next line behind `lead`. */
static struct err cut_field(struct span *rest, const char *lead, struct span *out)
{
    struct span line = {0};
    TRY(cut_line(rest, &line));
    ENSURE(span_starts(line, lead), ERR_CORRUPT, "the proof has no line `%s`", lead);
    *out = span_of(line.data + strlen(lead), line.len - strlen(lead));
    return err_ok();
}

static struct err read_index(struct span text, uint64_t *out)
{
    uint64_t index = 0;
    ENSURE(text.len > 0 && text.len <= 18 && (text.data[0] != '0' || text.len == 1), ERR_CORRUPT,
           "the proof's index is no number");
    for (size_t i = 0; i < text.len; i++) {
        ENSURE(text.data[i] >= '0' && text.data[i] <= '9', ERR_CORRUPT,
               "the proof's index is no number");
        index = index * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out = index;
    return err_ok();
}

static struct err read_hash(struct span text, struct tree_hash *out)
{
    CLEANUP(buf_clear) struct buf hash = {0};
    ENSURE(text.len == HASH_TEXT && base64_decode(text, &hash).code == ERR_OK &&
               hash.len == TREE_HASH_LEN,
           ERR_CORRUPT, "the proof's path is not of hashes");
    memcpy(out->bytes, hash.data, TREE_HASH_LEN);
    return err_ok();
}

/* Up to the empty line. */
static struct err read_path(struct span *rest, struct tree_path *out)
{
    struct span line = {0};
    TRY(cut_line(rest, &line));
    while (line.len > 0) {
        ENSURE(out->count < TREE_HEIGHT_MAX, ERR_CORRUPT, "the proof's path is too long");
        TRY(read_hash(line, &out->hashes[out->count++]));
        TRY(cut_line(rest, &line));
    }
    return err_ok();
}

static struct err read_proof(struct span proof, struct buf *out_record, uint64_t *out_index,
                             struct tree_path *out_path, struct span *out_note)
{
    struct span field = {0};
    ENSURE(proof.len <= PROOF_MAX && span_starts(proof, PROOF_LEAD), ERR_CORRUPT,
           "this is no proof of a record");
    struct span rest = span_of(proof.data + strlen(PROOF_LEAD), proof.len - strlen(PROOF_LEAD));
    TRY(cut_field(&rest, "extra ", &field));
    ENSURE(base64_decode(field, out_record).code == ERR_OK, ERR_CORRUPT,
           "the proof's record is not base64");
    TRY(cut_field(&rest, "index ", &field));
    TRY(read_index(field, out_index));
    TRY(read_path(&rest, out_path));
    *out_note = rest;
    return err_ok();
}

struct err audit_check_proof(struct span proof, const struct checkpoint_verifier *verifier,
                             struct audit_proved *out)
{
    CLEANUP(buf_clear) struct buf record = {0};
    struct tree_path path = {0};
    struct tree_head head = {0};
    struct span note = {0};
    uint64_t index = 0;
    uint64_t seq = 0;
    TRY(read_proof(proof, &record, &index, &path, &note));
    TRY(checkpoint_open(note, verifier, &head));
    struct tree_hash leaf = tree_leaf(buf_span(&record));
    ENSURE(tree_check(&path, index, &leaf, &head), ERR_CORRUPT,
           "the proof does not lead to the checkpoint");
    ENSURE(record_read_seq(buf_span(&record), &seq) && seq == index + 1, ERR_CORRUPT,
           "the proof is not that of a record of this number");
    out->seq = seq;
    out->head = head;
    out->record = (struct buf){0};
    buf_move(&out->record, &record);
    return err_ok();
}
