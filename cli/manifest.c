/* Trusts nothing that it reads: names are those of files in one folder, sizes and hashes are
 * compared with what lies there, and the audit log is walked from its first record on. */
#include "cli/manifest.h"

#include <string.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/input.h"
#include "cli/output.h"

#define FORMAT       1
#define MANIFEST_MAX ((size_t)16 << 20)
#define AUDIT_FOLDER "audit"

void manifest_clear(struct manifest *manifest)
{
    for (size_t i = 0; i < manifest->count; i++) {
        mem_free(manifest->files[i].path);
    }
    mem_free(manifest->files);
    mem_free(manifest->folder);
    mem_free(manifest->name);
    mem_free(manifest->taken_at);
    mem_free(manifest->gateway_version);
    *manifest = (struct manifest){0};
}

char *manifest_path(const struct manifest *manifest, size_t file)
{
    return mem_format("%s/%s", manifest->folder, manifest->files[file].path);
}

/* --- reading --- */

static bool is_file_name(struct span name)
{
    return name.len > 0 && name.len < 200 && name.data[0] != '.' &&
           memchr(name.data, '/', name.len) == NULL && memchr(name.data, '\n', name.len) == NULL;
}

/* `name` is the member that holds the file's name. */
static struct err add_file(struct manifest *manifest, const char *folder,
                           const struct json_value *file, const char *name)
{
    CLEANUP(buf_clear) struct buf hash = {0};
    const struct span text = member_text(file, name);
    const int64_t bytes = member_integer(file, "bytes");
    ENSURE(is_file_name(text), ERR_CORRUPT, "a file in it has no name that a file can have");
    const struct err err = hex_decode(member_text(file, "sha256"), &hash);
    ENSURE(err.code == ERR_OK && hash.len == SHA256_LEN && bytes >= 0, ERR_CORRUPT,
           "%.*s has no size or hash in it", (int)text.len, (const char *)text.data);
    manifest->files = mem_resize(manifest->files, manifest->count + 1, sizeof *manifest->files);
    struct manifest_file *added = &manifest->files[manifest->count++];
    added->path = mem_format("%s%.*s", folder, (int)text.len, (const char *)text.data);
    added->bytes = (uint64_t)bytes;
    memcpy(added->sha256, hash.data, SHA256_LEN);
    return err_ok();
}

static struct err read_head(const struct json_value *audit, struct tree_head *out)
{
    CLEANUP(buf_clear) struct buf root = {0};
    const int64_t records = member_integer(audit, "records");
    const struct err err = base64_decode(member_text(audit, "root"), &root);
    ENSURE(err.code == ERR_OK && root.len == TREE_HASH_LEN && records >= 0, ERR_CORRUPT,
           "it does not say how the audit log ends");
    out->size = (uint64_t)records;
    memcpy(out->root.bytes, root.data, TREE_HASH_LEN);
    return err_ok();
}

static struct err take(const struct json_value *root, struct manifest *manifest)
{
    const struct json_value *audit = json_member(root, "audit");
    ENSURE(json_is(root, JSON_OBJECT), ERR_CORRUPT, "it is no manifest");
    ENSURE(member_integer(root, "format") == FORMAT, ERR_NEWER, "its format is not known");
    manifest->name = span_to_text(member_text(root, "name"));
    manifest->taken_at = span_to_text(member_text(root, "taken_at"));
    manifest->gateway_version = span_to_text(member_text(root, "gateway_version"));
    TRY(add_file(manifest, "", json_member(root, "database"), "file"));
    TRY(read_head(audit, &manifest->head));
    for (const struct json_value *file = json_first(json_member(audit, "files")); file != NULL;
         file = json_next(file)) {
        TRY(add_file(manifest, AUDIT_FOLDER "/", file, "name"));
    }
    return err_ok();
}

struct err manifest_read(const char *folder, struct manifest *out)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/manifest.json", folder);
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(manifest_clear) struct manifest manifest = {.folder = mem_text(folder)};
    TRY(input_read_named(path, MANIFEST_MAX, &text));
    struct err err = json_parse(buf_span(&text), &json);
    if (err.code == ERR_OK) {
        err = take(json.root, &manifest);
    }
    ENSURE(err.code == ERR_OK, err.code == ERR_NEWER ? ERR_NEWER : ERR_CORRUPT, "%s: %s", path,
           err.detail);
    *out = manifest;
    manifest = (struct manifest){0};
    return err_ok();
}

/* --- checking --- */

static struct err sum_file(const char *path, uint64_t *out_bytes, uint8_t out[SHA256_LEN])
{
    const struct err err = digest_sha256_file(path, out, out_bytes);
    const enum err_code code = err.code == ERR_NOT_FOUND ? ERR_CORRUPT : err.code;
    ENSURE(err.code == ERR_OK, code, "%s: %s", path, err.detail);
    return err_ok();
}

static struct err check_file(const struct manifest *manifest, size_t file)
{
    const struct manifest_file *wanted = &manifest->files[file];
    CLEANUP(mem_free_at) char *path = manifest_path(manifest, file);
    uint64_t bytes = 0;
    uint8_t sha256[SHA256_LEN];
    TRY(sum_file(path, &bytes, sha256));
    ENSURE(bytes == wanted->bytes, ERR_CORRUPT, "%s has %llu bytes, the manifest says %llu", path,
           (unsigned long long)bytes, (unsigned long long)wanted->bytes);
    ENSURE(memcmp(sha256, wanted->sha256, SHA256_LEN) == 0, ERR_CORRUPT,
           "%s is not the file that was backed up: its hash differs", path);
    return err_ok();
}

/* The manifest's head as the note of a checkpoint, for what judges by checkpoints. Its signature is
 * none, and nobody looks at it. */
static struct err write_note(const struct tree_head *head, struct buf *out)
{
    static const uint8_t nothing[8] = {0};
    TRY(checkpoint_body("backup", head, out));
    TRY(buf_append_text(out, "\n\xe2\x80\x94 backup "));
    TRY(base64_encode(span_of(nothing, sizeof nothing), out));
    return buf_append_u8(out, '\n');
}

struct err manifest_compare_log(const struct manifest *manifest, const char *log,
                                struct audit_finding *out)
{
    CLEANUP(buf_clear) struct buf note = {0};
    TRY(write_note(&manifest->head, &note));
    const struct audit_verify what = {.folder = log, .checkpoint = buf_span(&note)};
    return audit_verify(&what, out);
}

static struct err check_log(const struct manifest *manifest)
{
    CLEANUP(mem_free_at) char *log = mem_format("%s/" AUDIT_FOLDER, manifest->folder);
    struct audit_finding finding = {0};
    if (manifest->head.size == 0) {
        return err_ok();
    }
    TRY(manifest_compare_log(manifest, log, &finding));
    ENSURE(finding.verdict == AUDIT_INTACT && finding.head.size == manifest->head.size, ERR_CORRUPT,
           "%s: %s: %s", log, audit_verdict_name(finding.verdict), finding.detail);
    return err_ok();
}

struct err manifest_check(const struct manifest *manifest)
{
    for (size_t i = 0; i < manifest->count; i++) {
        TRY(check_file(manifest, i));
    }
    return check_log(manifest);
}
