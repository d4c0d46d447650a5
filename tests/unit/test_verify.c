/* A log of 10 000 records, tampered with at every position of a sample in every way we know, with
 * and without leaf files made anew: each is found and named, and what cannot be known is not
 * claimed. */
#include "audit_fixture.h"
#include "audit_signer.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "audit/history.h"
#include "audit/log_names.h"
#include "audit/record.h"
#include "audit/verify.h"
#include "base/file.h"

#define RECORDS  ((size_t)10000)
#define FILES    4
#define LOG_NAME "example.com/log"

/* File f begins with record file_firsts[f]. */
static const size_t file_firsts[FILES + 1] = {1, 2731, 2732, 7500, RECORDS + 1};

static const size_t positions[] = {1,    2,    17,   2729, 2730, 2731, 2732, 2733, 4999,
                                   5000, 5001, 6413, 7499, 7500, 7501, 8888, 9999, RECORDS};
static const size_t checkpoints[] = {1, 2731, 5000, 9999, RECORDS};

struct bench {
    char *folder;
    struct signer signer;
    struct checkpoint_verifier verifier;
    struct buf lines[RECORDS + 2]; /* as they stand in the log, with newlines */
    size_t count;
    struct tree_head heads[RECORDS + 1]; /* of the log that was written */
};
static struct bench bench;

/* --- the log as files --- */

static void path_of(size_t first, const char *ending, char out[256])
{
    char name[LOG_NAME_MAX];
    log_names_beside(first, ending, name);
    (void)snprintf(out, 256, "%s/%s", bench.folder, name);
}

static void write_file(size_t first, const char *ending, const struct buf *bytes)
{
    char path[256];
    path_of(first, ending, path);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    if (bytes->len > 0) {
        assert_int_equal(fwrite(bytes->data, 1, bytes->len, file), bytes->len);
    }
    assert_int_equal(fclose(file), 0);
}

static void join(size_t from, size_t to, struct buf *out)
{
    buf_init(out, (size_t)64 << 20);
    for (size_t seq = from; seq < to; seq++) {
        assert_ok(buf_append(out, buf_span(&bench.lines[seq])));
    }
}

static size_t file_end(size_t f)
{
    return f + 1 == FILES ? bench.count + 1 : file_firsts[f + 1];
}

static void write_lines_of(size_t f)
{
    CLEANUP(buf_clear) struct buf bytes;
    size_t end = file_end(f) < bench.count + 1 ? file_end(f) : bench.count + 1;
    join(file_firsts[f], end, &bytes);
    write_file(file_firsts[f], "jsonl", &bytes);
}

static void write_leaves_of(size_t f, struct tree_edge *edge)
{
    CLEANUP(buf_clear) struct buf bytes;
    buf_init(&bytes, (size_t)64 << 20);
    assert_ok(
        buf_append(&bytes, span_of(edge->roots, tree_edge_count(edge->size) * TREE_HASH_LEN)));
    for (size_t seq = file_firsts[f]; seq < file_end(f) && seq <= bench.count; seq++) {
        struct span line = buf_span(&bench.lines[seq]);
        struct tree_hash leaf = tree_leaf(span_of(line.data, line.len - 1));
        tree_append(edge, &leaf);
        assert_ok(buf_append(&bytes, span_of(leaf.bytes, TREE_HASH_LEN)));
    }
    write_file(file_firsts[f], LOG_LEAVES, &bytes);
}

static void write_leaves(void)
{
    struct tree_edge edge = {0};
    for (size_t f = 0; f < FILES; f++) {
        write_leaves_of(f, &edge);
    }
}

static void make_line(size_t seq, size_t content, struct buf *out)
{
    buf_clear(out);
    assert_ok(buf_printf(out,
                         "{\"seq\":%zu,\"time\":\"2026-01-02T03:04:05.678Z\",\"kind\":\"request\","
                         "\"request_id\":\"r-%zu\",\"outcome\":\"ok\",\"status\":200}\n",
                         seq, content));
}

static void make_lines(void)
{
    bench.count = RECORDS;
    for (size_t seq = 1; seq <= RECORDS; seq++) {
        make_line(seq, seq, &bench.lines[seq]);
    }
}

/* The log as it was written. */
static void restore(void)
{
    make_lines();
    for (size_t f = 0; f < FILES; f++) {
        write_lines_of(f);
    }
    write_leaves();
}

static size_t file_of(size_t seq)
{
    size_t f = 0;
    while (f + 1 < FILES && file_firsts[f + 1] <= seq) {
        f++;
    }
    return f;
}

static int group_setup(void **state)
{
    void *folder = NULL;
    assert_int_equal(folder_setup(&folder), 0);
    bench.folder = folder;
    signer_make(&bench.signer, LOG_NAME, "ED25519");
    signer_verifier(&bench.signer, &bench.verifier);
    make_lines();
    struct tree_edge edge = {0};
    bench.heads[0] = tree_head_of(&edge);
    for (size_t seq = 1; seq <= RECORDS; seq++) {
        struct span line = buf_span(&bench.lines[seq]);
        struct tree_hash leaf = tree_leaf(span_of(line.data, line.len - 1));
        tree_append(&edge, &leaf);
        bench.heads[seq] = tree_head_of(&edge);
    }
    restore();
    *state = folder;
    return 0;
}

static int group_teardown(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(bench.lines); i++) {
        buf_clear(&bench.lines[i]);
    }
    signer_clear(&bench.signer);
    checkpoint_verifier_clear(&bench.verifier);
    return folder_teardown(state);
}

/* --- asking --- */

static struct audit_finding look(size_t size)
{
    CLEANUP(buf_clear) struct buf note = {0};
    struct audit_finding finding = {0};
    struct audit_verify what = {.folder = bench.folder};
    if (size > 0) {
        signer_note(&bench.signer, &bench.heads[size], &note);
        what.checkpoint = buf_span(&note);
        what.verifier = &bench.verifier;
    }
    assert_ok(audit_verify(&what, &finding));
    assert_int_equal(finding.has_checkpoint, size > 0);
    assert_int_equal(finding.checkpoint_signed, size > 0);
    return finding;
}

static void expect_at(const char *label, size_t position, size_t size, enum audit_verdict verdict,
                      size_t seq)
{
    struct audit_finding found = look(size);
    if (found.verdict != verdict || (seq != 0 && found.seq != seq)) {
        fail_msg("%s at %zu, checkpoint %zu: %s %" PRIu64 " (%s) instead of %s %zu", label,
                 position, size, audit_verdict_name(found.verdict), found.seq, found.detail,
                 audit_verdict_name(verdict), seq);
    }
}

/* Under no checkpoint and one of the sizes in turn. */
static void expect(const char *label, size_t position, enum audit_verdict verdict, size_t seq)
{
    static size_t turn;
    expect_at(label, position, 0, verdict, seq);
    expect_at(label, position, checkpoints[turn++ % ARRAY_LEN(checkpoints)], verdict, seq);
}

/* --- tests --- */

static void nothing_was_done(void **state)
{
    (void)state;
    expect("nothing", 0, AUDIT_INTACT, 0);
    struct audit_finding found = look(RECORDS);
    assert_int_equal(found.records, RECORDS);
    assert_true(tree_hash_equal(&found.head.root, &bench.heads[RECORDS].root));
}

static void a_changed_byte(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        int at; /* from the start, or from the end when negative */
        uint8_t to;
    } bytes[] = {
        {"first brace", 0, '['}, {"number", 7, '0'},
        {"letter", 20, '!'},     {"quote", 16, '\''},
        {"zero byte", 30, 0},    {"high byte", 31, 0xff},
        {"last brace", -2, ']'}, {"a line's end inside", 40, '\n'},
        {"line's end", -1, 'x'},
    };
    for (size_t p = 0; p < ARRAY_LEN(positions); p++) {
        size_t seq = positions[p];
        for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
            struct buf *line = &bench.lines[seq];
            size_t at = bytes[i].at < 0 ? line->len - (size_t)-bytes[i].at : (size_t)bytes[i].at;
            line->data[at] = bytes[i].to;
            write_lines_of(file_of(seq));
            bool cut_end = bytes[i].at == -1 && seq == RECORDS;
            expect(bytes[i].label, seq, cut_end ? AUDIT_MISSING_END : AUDIT_CHANGED, seq);
            make_line(seq, seq, line);
            write_lines_of(file_of(seq));
        }
    }
}

static void a_changed_record_with_its_leaf(void **state)
{
    (void)state;
    for (size_t p = 0; p < ARRAY_LEN(positions); p++) {
        size_t seq = positions[p];
        make_line(seq, 123456, &bench.lines[seq]);
        write_lines_of(file_of(seq));
        write_leaves();
        for (size_t i = 0; i < ARRAY_LEN(checkpoints); i++) {
            bool known = seq <= checkpoints[i];
            expect_at("with leaf", seq, checkpoints[i], known ? AUDIT_CONTRADICTS : AUDIT_INTACT,
                      0);
        }
        restore();
    }
}

static void remove_line(size_t seq)
{
    buf_clear(&bench.lines[seq]);
    write_lines_of(file_of(seq));
}

static void a_line_taken_out(void **state)
{
    (void)state;
    for (size_t p = 0; p < ARRAY_LEN(positions); p++) {
        size_t seq = positions[p];
        remove_line(seq);
        expect("taken out", seq, seq == RECORDS ? AUDIT_MISSING_END : AUDIT_CHANGED, seq);
        make_line(seq, seq, &bench.lines[seq]);
        write_lines_of(file_of(seq));
    }
}

static void a_line_put_in_or_doubled(void **state)
{
    (void)state;
    for (size_t p = 0; p < ARRAY_LEN(positions); p++) {
        size_t seq = positions[p];
        CLEANUP(buf_clear) struct buf again = {0};
        make_line(seq, seq, &again);
        assert_ok(buf_append(&bench.lines[seq], buf_span(&again)));
        write_lines_of(file_of(seq));
        expect("doubled", seq, AUDIT_CHANGED, seq + 1);
        make_line(seq, seq, &bench.lines[seq]);
        write_lines_of(file_of(seq));
    }
}

static void two_lines_swapped(void **state)
{
    (void)state;
    for (size_t p = 0; p < ARRAY_LEN(positions); p++) {
        size_t seq = positions[p] == RECORDS ? RECORDS - 1 : positions[p];
        make_line(seq + 1, seq + 1, &bench.lines[seq]);
        make_line(seq, seq, &bench.lines[seq + 1]);
        write_lines_of(file_of(seq));
        write_lines_of(file_of(seq + 1));
        expect("swapped", seq, AUDIT_CHANGED, seq);
        make_line(seq, seq + 1, &bench.lines[seq]); /* their numbers put right */
        make_line(seq + 1, seq, &bench.lines[seq + 1]);
        write_lines_of(file_of(seq));
        write_lines_of(file_of(seq + 1));
        expect("swapped and renumbered", seq, AUDIT_CHANGED, seq);
        restore();
    }
}

/* The lines from `seq` on move by one, in either direction, with numbers and leaves made anew. */
static void a_whole_log_rewritten(void **state)
{
    (void)state;
    for (size_t p = 0; p < ARRAY_LEN(positions); p++) {
        size_t seq = positions[p];
        for (int by = -1; by <= 1; by += 2) {
            bench.count = by < 0 ? RECORDS - 1 : RECORDS + 1;
            for (size_t s = seq; s <= bench.count; s++) {
                make_line(s, s == seq && by > 0 ? 99999 : (size_t)((long)s - by), &bench.lines[s]);
            }
            for (size_t f = 0; f < FILES; f++) {
                write_lines_of(f);
            }
            write_leaves();
            for (size_t i = 0; i < ARRAY_LEN(checkpoints); i++) {
                size_t size = checkpoints[i];
                enum audit_verdict verdict = seq <= size ? AUDIT_CONTRADICTS : AUDIT_INTACT;
                verdict = size > bench.count ? AUDIT_MISSING_END : verdict;
                expect_at(by < 0 ? "taken out, rewritten" : "put in, rewritten", seq, size, verdict,
                          0);
            }
            restore();
        }
    }
}

/* Everything behind byte `cut` of the line `seq` goes. */
static void cut_log(size_t seq, size_t cut)
{
    bench.count = seq;
    size_t len = bench.lines[seq].len;
    buf_truncate(&bench.lines[seq], cut);
    for (size_t f = 0; f < FILES; f++) {
        char path[256];
        write_lines_of(f);
        path_of(file_firsts[f], "jsonl", path);
        if (f > file_of(seq)) {
            assert_int_equal(unlink(path), 0);
        }
    }
    (void)len;
}

static void drop_leaves_behind(size_t seq)
{
    for (size_t f = 0; f < FILES; f++) {
        char path[256];
        path_of(file_firsts[f], LOG_LEAVES, path);
        if (f > file_of(seq)) {
            assert_int_equal(unlink(path), 0);
        } else if (f == file_of(seq)) {
            size_t leaves = seq + 1 - file_firsts[f] + tree_edge_count(file_firsts[f] - 1);
            assert_int_equal(truncate(path, (off_t)(leaves * TREE_HASH_LEN)), 0);
        }
    }
}

static void the_end_cut_off(void **state)
{
    (void)state;
    for (size_t p = 0; p + 1 < ARRAY_LEN(positions); p++) {
        size_t seq = positions[p];
        cut_log(seq, bench.lines[seq].len);
        bool at_border = seq + 1 == file_firsts[file_of(seq) + 1];
        for (size_t i = 0; i < ARRAY_LEN(checkpoints); i++) {
            bool known = checkpoints[i] > seq || !at_border; /* else no leaf tells */
            expect_at("lines cut", seq, checkpoints[i], known ? AUDIT_MISSING_END : AUDIT_INTACT,
                      known ? seq + 1 : 0);
        }
        drop_leaves_behind(seq);
        for (size_t i = 0; i < ARRAY_LEN(checkpoints); i++) {
            bool known = checkpoints[i] > seq;
            expect_at("lines and leaves cut", seq, checkpoints[i],
                      known ? AUDIT_MISSING_END : AUDIT_INTACT, known ? seq + 1 : 0);
        }
        restore();
    }
}

static void the_end_cut_inside_a_line(void **state)
{
    (void)state;
    for (size_t p = 0; p < ARRAY_LEN(positions); p++) {
        size_t seq = positions[p];
        cut_log(seq, 1 + p * 3);
        expect("cut inside", seq, AUDIT_MISSING_END, seq); /* its leaf is there */
        if (seq > file_firsts[file_of(seq)]) {
            drop_leaves_behind(seq - 1);
            for (size_t i = 0; i < ARRAY_LEN(checkpoints); i++) {
                bool known = checkpoints[i] >= seq;
                expect_at("torn", seq, checkpoints[i], known ? AUDIT_MISSING_END : AUDIT_TORN,
                          known ? seq : seq - 1);
            }
        }
        restore();
    }
}

static void change_leaves(size_t seq, bool take_out)
{
    CLEANUP(buf_clear) struct buf bytes;
    char path[256];
    size_t f = file_of(seq);
    path_of(file_firsts[f], LOG_LEAVES, path);
    buf_init(&bytes, (size_t)64 << 20);
    assert_ok(file_read(path, &bytes));
    size_t at = (seq - file_firsts[f] + tree_edge_count(file_firsts[f] - 1)) * TREE_HASH_LEN;
    if (take_out) {
        size_t behind = bytes.len - at - TREE_HASH_LEN;
        memmove(bytes.data + at, bytes.data + at + TREE_HASH_LEN, behind);
        buf_truncate(&bytes, bytes.len - TREE_HASH_LEN);
    } else {
        bytes.data[at + seq % TREE_HASH_LEN] ^= 0x10;
    }
    write_file(file_firsts[f], LOG_LEAVES, &bytes);
}

static void a_changed_leaf(void **state)
{
    (void)state;
    for (size_t p = 0; p < ARRAY_LEN(positions); p++) {
        size_t seq = positions[p];
        change_leaves(seq, false);
        expect("leaf", seq, AUDIT_CHANGED, seq);
        for (size_t i = 0; i < ARRAY_LEN(checkpoints); i++) {
            struct audit_finding found = look(checkpoints[i]);
            bool told = strstr(found.detail, "the leaf file was changed") != NULL;
            assert_int_equal(told, checkpoints[i] >= seq);
        }
        restore();
        make_line(seq, 123456, &bench.lines[seq]); /* the other way round */
        write_lines_of(file_of(seq));
        for (size_t i = 0; i < ARRAY_LEN(checkpoints); i++) {
            struct audit_finding found = look(checkpoints[i]);
            bool told = strstr(found.detail, "the record was changed") != NULL;
            assert_int_equal(told, checkpoints[i] >= seq);
        }
        restore();
    }
}

static void a_leaf_taken_out(void **state)
{
    (void)state;
    for (size_t p = 0; p < ARRAY_LEN(positions); p++) {
        size_t seq = positions[p];
        change_leaves(seq, true);
        bool by_crash = seq == RECORDS; /* looks as a crash leaves it, unless it was signed */
        expect_at("leaf out", seq, RECORDS, AUDIT_CHANGED, seq);
        expect_at("leaf out", seq, 5000, by_crash ? AUDIT_INTACT : AUDIT_CHANGED,
                  by_crash ? 0 : seq);
        restore();
    }
}

static void an_edge_changed(void **state)
{
    (void)state;
    for (size_t f = 1; f < FILES; f++) {
        CLEANUP(buf_clear) struct buf bytes;
        char path[256];
        path_of(file_firsts[f], LOG_LEAVES, path);
        buf_init(&bytes, (size_t)64 << 20);
        assert_ok(file_read(path, &bytes));
        bytes.data[3] ^= 1;
        write_file(file_firsts[f], LOG_LEAVES, &bytes);
        expect("edge", f, AUDIT_CHANGED, file_firsts[f]);
        restore();
    }
}

static void move_file(size_t from, size_t to)
{
    static const char *const endings[] = {"jsonl", LOG_LEAVES};
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        char old[256];
        char fresh[256];
        path_of(from, endings[i], old);
        path_of(to, endings[i], fresh);
        assert_int_equal(to == 0 ? unlink(old) : rename(old, fresh), 0);
    }
}

static void files_moved_about(void **state)
{
    (void)state;
    for (size_t f = 0; f < FILES; f++) {
        size_t first = file_firsts[f];
        move_file(first, first + 1 == file_firsts[f + 1] ? first + 4000 : first + 1);
        expect_at("renamed", f, 5000, AUDIT_CHANGED, f == 0 ? 1 : first);
        move_file(first + 1 == file_firsts[f + 1] ? first + 4000 : first + 1, 0);
        restore();
        move_file(first, 0);
        bool last = f + 1 == FILES;
        expect_at("removed", f, RECORDS, last ? AUDIT_MISSING_END : AUDIT_CHANGED, first);
        restore();
    }
}

static void without_leaf_files(void **state)
{
    (void)state;
    for (size_t f = 0; f < FILES; f++) {
        char path[256];
        path_of(file_firsts[f], LOG_LEAVES, path);
        assert_int_equal(unlink(path), 0);
    }
    struct audit_finding found = look(5000);
    assert_int_equal(found.verdict, AUDIT_INTACT);
    assert_non_null(strstr(found.detail, "a leaf file is not there"));
    make_line(4000, 123456, &bench.lines[4000]);
    write_lines_of(file_of(4000));
    expect_at("no leaves", 4000, 5000, AUDIT_CONTRADICTS, 1);
    expect_at("no leaves", 4000, 3999 > 2731 ? 2731 : 0, AUDIT_INTACT, 0);
    remove_line(4000);
    expect_at("no leaves", 4000, 2731, AUDIT_CHANGED, 4000);
    restore();
}

/* The minute's checkpoints beside the files narrow it down; those of others do not. */
static void the_history_narrows(void **state)
{
    (void)state;
    static const size_t sizes[] = {1000, 2000, 2731, 4000, 6000, 9000};
    CLEANUP(fd_close) int folder = open(bench.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct signer other;
    signer_make(&other, LOG_NAME, "ED25519");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        CLEANUP(buf_clear) struct buf note = {0};
        CLEANUP(buf_clear) struct buf foreign = {0};
        struct tree_head wrong = {.size = sizes[i] - 500};
        signer_note(&other, &wrong, &foreign);
        signer_note(&bench.signer, &bench.heads[sizes[i]], &note);
        size_t first = file_firsts[file_of(sizes[i])];
        assert_ok(history_append(folder, first, buf_span(&foreign)));
        assert_ok(history_append(folder, first, span_text("torn")));
        assert_ok(history_append(folder, first, buf_span(&note)));
    }
    signer_clear(&other);
    expect_at("history", 0, RECORDS, AUDIT_INTACT, 0);
    make_line(5123, 123456, &bench.lines[5123]);
    write_lines_of(file_of(5123));
    write_leaves();
    struct audit_finding found = look(RECORDS);
    assert_int_equal(found.verdict, AUDIT_CONTRADICTS);
    assert_int_equal(found.seq, 4001);
    assert_non_null(strstr(found.detail, "among records 4001 to 6000 "));
    bench.count = 9500; /* shorter, too */
    write_lines_of(FILES - 1);
    write_leaves();
    expect_at("history", 5123, RECORDS, AUDIT_CONTRADICTS, 4001);
    restore();
    for (size_t f = 0; f < FILES; f++) {
        char path[256];
        path_of(file_firsts[f], LOG_CHECKPOINTS, path);
        (void)unlink(path);
    }
}

static void count_progress(void *arg, uint64_t done, uint64_t total, uint64_t records)
{
    uint64_t *last = arg;
    assert_true(done >= *last && done <= total && records <= RECORDS);
    *last = done;
}

static void errors_and_the_folders_own_checkpoint(void **state)
{
    (void)state;
    struct audit_finding found;
    uint64_t done = 0;
    struct audit_verify what = {.folder = bench.folder, .progress = count_progress, .arg = &done};
    CLEANUP(buf_clear) struct buf note = {0};
    CLEANUP(mem_free_at) char *path = mem_format("%s/" HISTORY_NEWEST, bench.folder);
    signer_note(&bench.signer, &bench.heads[7000], &note);
    assert_ok(file_write(path, buf_span(&note), 0600));
    assert_ok(audit_verify(&what, &found));
    assert_true(found.has_checkpoint && !found.checkpoint_signed);
    assert_int_equal(found.checkpoint.size, 7000);
    assert_true(done > 0);
    note.data[18] ^= 1;
    what.verifier = &bench.verifier;
    assert_ok(file_write(path, buf_span(&note), 0600));
    assert_code(audit_verify(&what, &found), ERR_FORBIDDEN);
    assert_ok(file_write(path, span_text("?"), 0600));
    assert_code(audit_verify(&what, &found), ERR_CORRUPT);
    assert_int_equal(unlink(path), 0);
    what.folder = "/nonexistent/audit";
    assert_code(audit_verify(&what, &found), ERR_IO);
    CLEANUP(mem_free_at) char *empty = mem_format("%s/empty", bench.folder);
    assert_ok(file_make_folder(empty, 0700));
    what.folder = empty;
    assert_code(audit_verify(&what, &found), ERR_IO);
    for (unsigned i = 0; i < AUDIT_VERDICT_COUNT; i++) {
        assert_true(strlen(audit_verdict_name((enum audit_verdict)i)) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_was_done),
        cmocka_unit_test(a_changed_byte),
        cmocka_unit_test(a_changed_record_with_its_leaf),
        cmocka_unit_test(a_line_taken_out),
        cmocka_unit_test(a_line_put_in_or_doubled),
        cmocka_unit_test(two_lines_swapped),
        cmocka_unit_test(a_whole_log_rewritten),
        cmocka_unit_test(the_end_cut_off),
        cmocka_unit_test(the_end_cut_inside_a_line),
        cmocka_unit_test(a_changed_leaf),
        cmocka_unit_test(a_leaf_taken_out),
        cmocka_unit_test(an_edge_changed),
        cmocka_unit_test(files_moved_about),
        cmocka_unit_test(without_leaf_files),
        cmocka_unit_test(the_history_narrows),
        cmocka_unit_test(errors_and_the_folders_own_checkpoint),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
