/* restore: a backup is checked before anything is made, nothing is overwritten, a log that survived
 * goes on, and what it did after the backup is listed by how dangerous it is to forget. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "audit/audit.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "base/json.h"
#include "cli/restore.h"
#include "cli_test.h"

#define DATABASE "what a database holds"

struct place {
    char folder[32];
    char *backup;
    char *live;     /* the log that went on */
    char *database; /* to be restored */
    char *audit;
    struct tree_head head; /* of the backup */
};

static char *in(const struct place *place, const char *name)
{
    return mem_format("%s/%s", place->folder, name);
}

/* --- a log --- */

struct record {
    const char *kind, *operation, *key, *outcome;
    uint32_t version;
    const char *detail; /* or NULL */
};

static void write_records(const char *folder, const struct record *records, size_t count,
                          struct tree_head *out)
{
    const struct audit_config config = {.folder = folder, .queue_max = 16};
    struct audit *audit = NULL;
    assert_ok(audit_open(&config, &audit));
    for (size_t i = 0; i < count; i++) {
        const struct audit_record record = {
            .time = 1000 + (int64_t)i,
            .kind = records[i].kind,
            .principal = span_text("token:admin"),
            .operation = span_text(records[i].operation),
            .key = span_text(records[i].key),
            .version = records[i].version,
            .outcome = records[i].outcome,
            .detail = span_text(records[i].detail != NULL ? records[i].detail : ""),
            .status = 200};
        assert_ok(audit_write(audit, &record));
    }
    audit_head(audit, out);
    audit_close(audit);
}

static void copy_folder(const char *from, const char *to)
{
    assert_ok(file_make_folder(to, 0700));
    DIR *folder = opendir(from);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        CLEANUP(mem_free_at) char *source = mem_format("%s/%s", from, entry->d_name);
        CLEANUP(mem_free_at) char *target = mem_format("%s/%s", to, entry->d_name);
        CLEANUP(buf_clear) struct buf bytes = {0};
        if (entry->d_name[0] != '.') {
            assert_ok(file_read(source, &bytes));
            assert_ok(file_write(target, buf_span(&bytes), 0644));
        }
    }
    (void)closedir(folder);
}

/* --- a backup --- */

static void put_file(struct json_writer *writer, const char *member, const char *path,
                     const char *name)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    uint8_t hash[DIGEST_MAX];
    assert_ok(file_read(path, &bytes));
    digest_of(DIGEST_SHA256, buf_span(&bytes), hash);
    json_put_text(writer, member, name);
    json_put_integer(writer, "bytes", (int64_t)bytes.len);
    json_put_hex(writer, "sha256", span_of(hash, SHA256_LEN));
}

static void write_manifest(const struct place *place)
{
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(mem_free_at) char *database = mem_format("%s/hsmgate.db", place->backup);
    CLEANUP(mem_free_at) char *log = mem_format("%s/audit", place->backup);
    CLEANUP(mem_free_at) char *path = mem_format("%s/manifest.json", place->backup);
    struct json_writer writer = json_writer_on(&text);
    json_begin_object(&writer, NULL);
    json_put_integer(&writer, "format", 1);
    json_put_text(&writer, "name", "nightly");
    json_put_text(&writer, "taken_at", "2026-06-01T00:00:00Z");
    json_put_text(&writer, "gateway_version", "0.1.0");
    json_begin_object(&writer, "database");
    put_file(&writer, "file", database, "hsmgate.db");
    json_end_object(&writer);
    json_begin_object(&writer, "audit");
    json_put_integer(&writer, "records", (int64_t)place->head.size);
    json_put_bytes(&writer, "root", span_of(place->head.root.bytes, TREE_HASH_LEN));
    json_begin_array(&writer, "files");
    DIR *folder = opendir(log);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] != '.') {
            CLEANUP(mem_free_at) char *file = mem_format("%s/%s", log, entry->d_name);
            json_begin_object(&writer, NULL);
            put_file(&writer, "name", file, entry->d_name);
            json_end_object(&writer);
        }
    }
    (void)closedir(folder);
    json_end_array(&writer);
    json_end_object(&writer);
    json_end_object(&writer);
    assert_ok(json_finish(&writer));
    assert_ok(file_write(path, buf_span(&text), 0600));
}

static const struct record before[] = {
    {"request", "create", "a/b", "ok", 1, NULL},
    {"request", "sign", "a/b", "ok", 1, NULL},
    {"request", "disable", "a/old", "ok", 1, NULL},
};
static const struct record after[] = {
    {"request", "create", "a/c", "ok", 1, NULL},      /* 4 */
    {"request", "sign", "a/b", "ok", 1, NULL},        /* no change */
    {"request", "disable", "a/b", "denied", 1, NULL}, /* nothing came of it */
    {"intent", "rotate", "a/b", "ok", 0, NULL},       /* not done yet */
    {"request", "rotate", "a/b", "ok", 2, NULL},      /* 8 */
    {"system", "destroy", "a/b", "ok", 1, NULL},      /* 9 */
    {"request", "manage-grants", "", "ok", 0, NULL},  /* 10 */
    {"request", "compromise", "a/c", "ok", 1, NULL},  /* 11 */
    {"request", "destroy", "a/c", "ok", 1, "{\"verb\":\"schedule-destroy\"}"},            /* 12 */
    {"request", "disable", "a/b", "ok", 2, NULL},                                         /* 13 */
    {"request", "compromise", "a/b", "ok", 2, NULL},                                      /* 14 */
    {"request", "disable", "a/d", "ok", 1, "{\"verb\":\"enable\",\"reason\":\"CHG-1\"}"}, /* 15 */
    {"request", "destroy", "a/d", "ok", 2, "{\"verb\":\"cancel-destroy\"}"},              /* 16 */
    {"request", "destroy", "a/d", "ok", 3, "{\"verb\":\"confirm-destroy\"}"},             /* 17 */
    {"request", "rotate", "a/d", "ok", 4, "{\"verb\":\"promote\"}"},                      /* 18 */
};

static int make_place(void **state)
{
    struct place *place = mem_alloc(sizeof(*place));
    (void)snprintf(place->folder, sizeof(place->folder), "/tmp/hsmgate-cli-test-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    place->backup = in(place, "backup");
    place->live = in(place, "live");
    place->database = in(place, "new/hsmgate.db");
    place->audit = in(place, "new/audit");
    CLEANUP(mem_free_at) char *log = mem_format("%s/audit", place->backup);
    CLEANUP(mem_free_at) char *database = mem_format("%s/hsmgate.db", place->backup);
    write_records(place->live, before, ARRAY_LEN(before), &place->head);
    assert_ok(file_make_folder(place->backup, 0700));
    copy_folder(place->live, log);
    assert_ok(file_write(database, span_text(DATABASE), 0644));
    write_manifest(place);
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    CLEANUP(mem_free_at) char *command = mem_format("rm -rf %s", place->folder);
    assert_int_equal(system(command), 0);
    mem_free(place->backup);
    mem_free(place->live);
    mem_free(place->database);
    mem_free(place->audit);
    mem_free(place);
    return 0;
}

static struct err restore(const struct place *place, struct restored *out)
{
    const struct restore what = {place->backup, place->database, place->audit};
    *out = (struct restored){0};
    return restore_run(&what, out);
}

static void assert_mode(const char *path, mode_t mode)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, mode);
}

static void assert_content(const char *path, const char *content)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    assert_ok(file_read(path, &bytes));
    assert_span_is(buf_span(&bytes), content);
}

/* Nothing but what stood there before: no copies beside their places. */
static void assert_entries(const char *folder, size_t wanted)
{
    DIR *opened = opendir(folder);
    size_t count = 0;
    while (opened != NULL && readdir(opened) != NULL) {
        count++;
    }
    if (opened != NULL) {
        (void)closedir(opened);
        count -= 2;
    }
    assert_int_equal(count, wanted);
}

static void test_to_an_empty_place(void **state)
{
    const struct place *place = *state;
    static const char *const audits[] = {"new/audit", "two/audit/", "three/audit"};
    for (size_t i = 0; i < ARRAY_LEN(audits); i++) {
        CLEANUP(restored_clear) struct restored restored = {0};
        CLEANUP(mem_free_at) char *audit = in(place, audits[i]);
        CLEANUP(mem_free_at) char *database = mem_format("%s/d%zu/hsmgate.db", place->folder, i);
        CLEANUP(mem_free_at) char *parent = mem_format("%s/d%zu", place->folder, i);
        CLEANUP(mem_free_at) char *line = mem_format("%s/audit-000000000001.jsonl", audit);
        const struct restore what = {place->backup, database, audit};
        if (i == 2) {
            assert_ok(file_make_folder(audit, 0755)); /* there and empty */
        }
        assert_ok(restore_run(&what, &restored));
        assert_false(restored.log_kept);
        assert_int_equal(restored.redo.count, 0);
        assert_content(database, DATABASE);
        assert_mode(database, 0600);
        assert_mode(audit, 0700);
        assert_mode(line, 0600);
        assert_entries(parent, 2); /* with its lock */
        struct tree_head head;
        write_records(audit, NULL, 0, &head); /* a gateway opens it */
        assert_int_equal(head.size, 3);
        assert_true(tree_hash_equal(&head.root, &place->head.root));
    }
}

static void test_the_log_that_survived_goes_on(void **state)
{
    struct place *place = *state;
    CLEANUP(restored_clear) struct restored restored = {0};
    struct tree_head head;
    write_records(place->live, after, ARRAY_LEN(after), &head);
    mem_free(place->audit);
    place->audit = mem_text(place->live);
    assert_ok(restore(place, &restored));
    assert_true(restored.log_kept);
    assert_false(restored.log_torn);
    assert_int_equal(restored.later, ARRAY_LEN(after));
    static const struct {
        uint64_t seq;
        const char *operation, *key;
    } wanted[] = {
        {11, "compromise", "a/c@1"},
        {14, "compromise", "a/b@2"},
        {13, "disable", "a/b@2"},
        {16, "cancel-destroy", "a/d@2"},
        {9, "destroy", "a/b@1"},
        {17, "confirm-destroy", "a/d@3"},
        {12, "schedule-destroy", "a/c@1"},
        {10, "manage-grants", ""},
        {8, "rotate", "a/b@2"},
        {18, "promote", "a/d@4"},
        {4, "create", "a/c@1"},
        {15, "enable", "a/d@1"},
    };
    assert_int_equal(restored.redo.count, ARRAY_LEN(wanted));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        assert_int_equal(restored.redo.entries[i].seq, wanted[i].seq);
        assert_string_equal(restored.redo.entries[i].operation, wanted[i].operation);
        assert_string_equal(restored.redo.entries[i].key, wanted[i].key);
        assert_string_equal(restored.redo.entries[i].principal, "token:admin");
    }
    struct tree_head again;
    write_records(place->live, NULL, 0, &again);
    assert_true(again.size == head.size && tree_hash_equal(&again.root, &head.root));
    assert_content(place->database, DATABASE);
}

/* A run that was killed after it had put the log in its place. */
static void test_a_restore_may_be_repeated(void **state)
{
    const struct place *place = *state;
    CLEANUP(restored_clear) struct restored restored = {0};
    CLEANUP(mem_free_at) char *log = mem_format("%s/audit", place->backup);
    copy_folder(log, place->audit);
    assert_ok(restore(place, &restored));
    assert_true(restored.log_kept);
    assert_int_equal(restored.later, 0);
}

static void test_a_torn_last_line_is_no_reason(void **state)
{
    const struct place *place = *state;
    CLEANUP(restored_clear) struct restored restored = {0};
    CLEANUP(mem_free_at) char *log = mem_format("%s/audit", place->backup);
    CLEANUP(mem_free_at) char *line = mem_format("%s/audit-000000000001.jsonl", place->audit);
    copy_folder(log, place->audit);
    const int fd = open(line, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "{\"seq\":4,\"ti", 12), 12);
    (void)close(fd);
    assert_ok(restore(place, &restored));
    assert_true(restored.log_torn);
}

/* Flips the last byte of a file, or makes it shorter. */
static void damage(const char *path, bool shorter)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    assert_ok(file_read(path, &bytes));
    if (shorter) {
        bytes.len--;
    } else {
        bytes.data[bytes.len / 2] ^= 1;
    }
    assert_ok(file_write(path, buf_span(&bytes), 0600));
}

static void test_damage_is_found_before_anything_is_made(void **state)
{
    const struct place *place = *state;
    static const char *const files[] = {"hsmgate.db", "audit/audit-000000000001.jsonl",
                                        "audit/audit-000000000001.leaves"};
    struct restored restored;
    CLEANUP(mem_free_at) char *made = in(place, "new");
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        CLEANUP(mem_free_at) char *path = mem_format("%s/%s", place->backup, files[i]);
        CLEANUP(buf_clear) struct buf good = {0};
        assert_ok(file_read(path, &good));
        for (int shorter = 0; shorter < 2; shorter++) {
            damage(path, shorter == 1);
            const struct err err = restore(place, &restored);
            assert_code_of(files[i], err, ERR_CORRUPT);
            assert_non_null(strstr(err.detail, shorter == 1 ? "bytes" : "hash"));
            assert_ok(file_write(path, buf_span(&good), 0600));
        }
        assert_int_equal(unlink(path), 0);
        assert_code_of(files[i], restore(place, &restored), ERR_CORRUPT);
        assert_ok(file_write(path, buf_span(&good), 0600));
        assert_entries(made, 0);
    }
    assert_int_equal(access(made, F_OK), -1);
}

/* Hashes that fit, but a log that is not the one of the root. */
static void test_the_log_must_be_that_of_the_root(void **state)
{
    struct place *place = *state;
    struct restored restored;
    place->head.root.bytes[0] ^= 1;
    write_manifest(place);
    const struct err err = restore(place, &restored);
    assert_code(err, ERR_CORRUPT);
    assert_non_null(strstr(err.detail, "contradicts"));
    place->head.root.bytes[0] ^= 1;
    place->head.size++;
    write_manifest(place);
    assert_code(restore(place, &restored), ERR_CORRUPT);
}

static void test_manifests_that_are_none(void **state)
{
    const struct place *place = *state;
    CLEANUP(mem_free_at) char *path = mem_format("%s/manifest.json", place->backup);
    CLEANUP(buf_clear) struct buf text = {0};
    struct restored restored;
    assert_ok(file_read(path, &text));
    assert_ok(buf_append_u8(&text, 0));
    static const struct {
        const char *from, *to;
        enum err_code code;
    } cases[] = {
        {"\"format\":1", "\"format\":2", ERR_NEWER},
        {"\"file\":\"hsmgate.db\"", "\"file\":\"../backup/hsmgate.db\"", ERR_CORRUPT},
        {"\"file\":\"hsmgate.db\"", "\"file\":\".hidden\"", ERR_CORRUPT},
        {"\"file\":", "\"fail\":", ERR_CORRUPT},
        {"\"sha256\":\"", "\"sha256\":\"00", ERR_CORRUPT},
        {"\"root\":\"", "\"root\":\"AAAA", ERR_CORRUPT},
        {"\"records\":3", "\"records\":-3", ERR_CORRUPT},
        {"{", "[", ERR_CORRUPT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *all = (const char *)text.data;
        const char *at = strstr(all, cases[i].from);
        assert_non_null(at);
        CLEANUP(mem_free_at)
        char *bad =
            mem_format("%.*s%s%s", (int)(at - all), all, cases[i].to, at + strlen(cases[i].from));
        assert_ok(file_write(path, span_text(bad), 0600));
        assert_code_of(cases[i].to, restore(place, &restored), cases[i].code);
    }
    (void)unlink(path);
    assert_code(restore(place, &restored), ERR_NOT_FOUND);
}

static void test_nothing_is_overwritten(void **state)
{
    const struct place *place = *state;
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    CLEANUP(mem_free_at) char *parent = in(place, "new");
    struct restored restored;
    assert_ok(file_make_folder(parent, 0700));
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        CLEANUP(mem_free_at) char *path = mem_format("%s%s", place->database, endings[i]);
        assert_ok(file_write(path, span_text("mine"), 0600));
        const struct err err = restore(place, &restored);
        assert_code(err, ERR_CONFLICT);
        assert_non_null(strstr(err.detail, "move it away"));
        assert_content(path, "mine");
        assert_int_equal(unlink(path), 0);
    }
    assert_entries(parent, 0);
}

static void test_a_running_gateway_is_left_alone(void **state)
{
    const struct place *place = *state;
    CLEANUP(mem_free_at) char *lock = mem_format("%s.lock", place->database);
    CLEANUP(mem_free_at) char *parent = in(place, "new");
    struct restored restored;
    assert_ok(file_make_folder(parent, 0700));
    const int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    struct err err = restore(place, &restored);
    assert_code(err, ERR_CONFLICT);
    assert_non_null(strstr(err.detail, "a gateway runs on"));
    (void)close(fd);
    const struct audit_config config = {.folder = place->audit, .queue_max = 16};
    struct audit *audit = NULL;
    assert_ok(audit_open(&config, &audit));
    assert_ok(audit_write(audit, &(struct audit_record){.kind = "system", .outcome = "ok"}));
    err = restore(place, &restored);
    assert_code(err, ERR_CONFLICT);
    assert_non_null(strstr(err.detail, "a gateway writes to"));
    audit_close(audit);
    assert_entries(parent, 2); /* the lock and the log */
}

static void test_a_log_of_something_else_is_refused(void **state)
{
    const struct place *place = *state;
    struct tree_head head;
    struct restored restored;
    write_records(place->audit, after, ARRAY_LEN(after), &head);
    const struct err err = restore(place, &restored);
    assert_code(err, ERR_CONFLICT);
    assert_non_null(strstr(err.detail, "does not go on from the backup"));
    assert_int_equal(access(place->database, F_OK), -1);
}

/* A disk that had lost the newest records: the database would be ahead of it. */
static void test_a_log_that_is_too_short_is_refused(void **state)
{
    const struct place *place = *state;
    struct tree_head head;
    struct restored restored;
    write_records(place->audit, before, 2, &head);
    assert_code(restore(place, &restored), ERR_CONFLICT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define PLACED(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)
        PLACED(test_to_an_empty_place),
        PLACED(test_the_log_that_survived_goes_on),
        PLACED(test_a_restore_may_be_repeated),
        PLACED(test_a_torn_last_line_is_no_reason),
        PLACED(test_damage_is_found_before_anything_is_made),
        PLACED(test_the_log_must_be_that_of_the_root),
        PLACED(test_manifests_that_are_none),
        PLACED(test_nothing_is_overwritten),
        PLACED(test_a_running_gateway_is_left_alone),
        PLACED(test_a_log_of_something_else_is_refused),
        PLACED(test_a_log_that_is_too_short_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
