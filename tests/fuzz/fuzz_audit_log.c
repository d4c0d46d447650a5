/* fuzz_audit_log: a folder with a log file and, behind a line LEAVES, the leaf file beside it, to
 * an auditor. A log that is called intact has the records 1 to n, one a line, and the tree of a
 * slow count over its lines; it is intact under a checkpoint of itself, and one more byte in it,
 * one changed or a line less, is not.
 *
 * The folder is in memory where there is /dev/shm; the leaf file is there only when it has bytes.
 */
#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/line_reader.h"
#include "audit/verify.h"
#include "base/file.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LOG    "audit-000000000001.jsonl"
#define LEAVES "audit-000000000001.leaves"
#define MARK   "\nLEAVES\n"

static char folder[64];

static void remove_all(void)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/" LOG, folder);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/" LEAVES, folder);
    (void)unlink(path);
    (void)rmdir(folder);
}

static void make_folder(void)
{
    if (folder[0] == '\0') {
        const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        (void)snprintf(folder, sizeof(folder), "%s/hsmgate-fuzz-XXXXXX", place);
        assert(mkdtemp(folder) != NULL && atexit(remove_all) == 0);
    }
}

static void put_file(const char *name, struct span bytes)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert(fd >= 0 && fd_write_all(fd, bytes).code == ERR_OK);
}

static void drop_file(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    (void)unlink(path);
}

static enum audit_verdict judge(struct span lines, struct span checkpoint,
                                struct audit_finding *out)
{
    const struct audit_verify what = {.folder = folder, .checkpoint = checkpoint};
    put_file(LOG, lines);
    struct err err = audit_verify(&what, out);
    assert(err.code == ERR_OK && out->verdict < AUDIT_VERDICT_COUNT);
    assert(audit_verdict_name(out->verdict)[0] != '\0' && out->records == out->head.size);
    assert(memchr(out->detail, '\0', sizeof(out->detail)) != NULL);
    return out->verdict;
}

/* Line by line, as the page on the log's format says. */
static struct tree_head count_slowly(struct span lines)
{
    struct tree_edge edge = {0};
    char lead[32];
    while (lines.len > 0) {
        const uint8_t *end = memchr(lines.data, '\n', lines.len);
        assert(end != NULL);
        struct span line = span_of(lines.data, (size_t)(end - lines.data));
        (void)snprintf(lead, sizeof(lead), "{\"seq\":%" PRIu64 ",", edge.size + 1);
        assert(span_starts(line, lead) && line.data[line.len - 1] == '}');
        struct tree_hash leaf = tree_leaf(line);
        tree_append(&edge, &leaf);
        lines = span_of(end + 1, lines.len - line.len - 1);
    }
    return tree_head_of(&edge);
}

/* A checkpoint of the log itself; nobody judges its signature. */
static void put_checkpoint(const struct tree_head *head, struct buf *out)
{
    static const char some_key[] =
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    static const uint8_t signature[64] = {0};
    CLEANUP(checkpoint_verifier_clear) struct checkpoint_verifier verifier = {0};
    assert(checkpoint_verifier_read(span_text(some_key), &verifier).code == ERR_OK);
    struct checkpoint_key key = {verifier.name, buf_span(&verifier.public_key)};
    assert(checkpoint_note(&key, head, span_of(signature, 64), out).code == ERR_OK);
}

static void check_tampering(struct span lines, const struct tree_head *head)
{
    CLEANUP(buf_clear) struct buf note = {0};
    CLEANUP(buf_clear) struct buf other = {0};
    struct audit_finding finding;
    drop_file(LEAVES); /* under a checkpoint, one that is short is a fault of its own */
    put_checkpoint(head, &note);
    assert(judge(lines, buf_span(&note), &finding) == AUDIT_INTACT && finding.has_checkpoint);
    assert(buf_append(&other, lines).code == ERR_OK);
    uint8_t *byte = &other.data[head->root.bytes[0] * lines.len / 256];
    *byte ^= 1;
    assert(judge(buf_span(&other), buf_span(&note), &finding) != AUDIT_INTACT);
    *byte ^= 1;
    const uint8_t *last = memrchr(lines.data, '\n', lines.len - 1);
    struct span shorter = span_of(lines.data, last != NULL ? (size_t)(last - lines.data) + 1 : 0);
    assert(judge(shorter, buf_span(&note), &finding) != AUDIT_INTACT);
    assert(buf_append_text(&other, "{").code == ERR_OK);
    assert(judge(buf_span(&other), buf_span(&note), &finding) != AUDIT_INTACT);
}

/* Every record is found by its number. */
static void check_places(struct span lines, uint64_t records)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/" LOG, folder);
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert(fd >= 0);
    uint64_t due = 0;
    for (uint64_t after = 0; after <= records; after++) {
        uint64_t offset = UINT64_MAX;
        assert(line_reader_find(fd, after, &offset).code == ERR_OK && offset == due);
        const uint8_t *end =
            due < lines.len ? memchr(lines.data + due, '\n', lines.len - due) : NULL;
        due = end != NULL ? (uint64_t)(end - lines.data) + 1 : lines.len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct audit_finding finding;
    struct span lines = span_of(data, size), leaves = {0};
    const uint8_t *mark = size > 0 ? memmem(data, size, MARK, strlen(MARK)) : NULL;
    if (mark != NULL) {
        lines.len = (size_t)(mark - data) + 1;
        leaves = span_of(data + lines.len - 1 + strlen(MARK), size - lines.len + 1 - strlen(MARK));
    }
    make_folder();
    drop_file(LEAVES);
    if (leaves.len > 0) {
        put_file(LEAVES, leaves);
    }
    if (judge(lines, span_of(NULL, 0), &finding) != AUDIT_INTACT || lines.len == 0) {
        return 0;
    }
    struct tree_head head = count_slowly(lines);
    assert(head.size == finding.records && tree_hash_equal(&head.root, &finding.head.root));
    check_places(lines, head.size);
    check_tampering(lines, &head);
    return 0;
}
