/* The verdict comes first, alone on its line; then what it stands on: how much was read, which
 * checkpoint, and whose key. What a verdict does not prove is said with it. */
#include "cli/verdict.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "cli/output.h"

/* A key was given, but there is no checkpoint that it could have signed. */
static bool is_unproved(const struct verdict *verdict)
{
    const struct audit_finding *finding = verdict->finding;
    return verdict->trust->source == KEY_GIVEN && !finding->has_checkpoint &&
           finding->verdict == AUDIT_INTACT;
}

bool verdict_is_good(const struct verdict *verdict)
{
    return verdict->finding->verdict == AUDIT_INTACT && !is_unproved(verdict);
}

void verdict_line(const struct verdict *verdict, char out[VERDICT_MAX])
{
    const struct audit_finding *finding = verdict->finding;
    switch (finding->verdict) {
    case AUDIT_CHANGED:
        (void)snprintf(out, VERDICT_MAX, "record %" PRIu64 " changed", finding->seq);
        return;
    case AUDIT_MISSING_END:
        (void)snprintf(out, VERDICT_MAX, "records missing at the end: %" PRIu64 " to %" PRIu64,
                       finding->seq, finding->checkpoint.size);
        return;
    case AUDIT_CONTRADICTS:
        (void)snprintf(out, VERDICT_MAX, "contradicts the checkpoint");
        return;
    case AUDIT_TORN:
        (void)snprintf(out, VERDICT_MAX, "torn last line after record %" PRIu64, finding->seq);
        return;
    case AUDIT_INTACT:
    case AUDIT_VERDICT_COUNT:
        break;
    }
    (void)snprintf(out, VERDICT_MAX, "%s",
                   is_unproved(verdict) ? "no checkpoint for the key to prove" : "intact");
}

static const char *verdict_word(const struct verdict *verdict)
{
    static const char *const words[AUDIT_VERDICT_COUNT] = {
        [AUDIT_INTACT] = "intact",
        [AUDIT_CHANGED] = "changed",
        [AUDIT_MISSING_END] = "missing_end",
        [AUDIT_CONTRADICTS] = "contradicts",
        [AUDIT_TORN] = "torn",
    };
    if (is_unproved(verdict)) {
        return "no_checkpoint";
    }
    const enum audit_verdict found = verdict->finding->verdict;
    return found < AUDIT_VERDICT_COUNT ? words[found] : "unknown";
}

void verdict_put_head(struct json_writer *writer, const struct tree_head *head)
{
    json_put_integer(writer, "size", (int64_t)head->size);
    json_put_bytes(writer, "root", span_of(head->root.bytes, TREE_HASH_LEN));
}

static struct err print_json(const struct options *options, const struct verdict *verdict)
{
    const struct audit_finding *finding = verdict->finding;
    CLEANUP(buf_clear) struct buf text = {0};
    char line[VERDICT_MAX];
    verdict_line(verdict, line);
    struct json_writer writer = json_writer_on(&text);
    json_begin_object(&writer, NULL);
    json_put_flag(&writer, "intact", verdict_is_good(verdict));
    json_put_text(&writer, "verdict", verdict_word(verdict));
    json_put_text(&writer, "message", line);
    if (finding->verdict != AUDIT_INTACT && finding->verdict != AUDIT_CONTRADICTS) {
        json_put_integer(&writer, "seq", (int64_t)finding->seq);
    }
    json_put_integer(&writer, "records", (int64_t)finding->records);
    json_put_bytes(&writer, "root", span_of(finding->head.root.bytes, TREE_HASH_LEN));
    if (finding->has_checkpoint) {
        json_begin_object(&writer, "checkpoint");
        verdict_put_head(&writer, &finding->checkpoint);
        json_end_object(&writer);
    }
    json_put_flag(&writer, "signature_checked", finding->checkpoint_signed);
    json_put_text(&writer, "key_source", key_source_name(verdict->trust->source));
    if (finding->checkpoint_signed) {
        json_put_text(&writer, "key_name", verdict->trust->verifier.name);
    }
    if (finding->detail[0] != '\0') {
        json_put_text(&writer, "detail", finding->detail);
    }
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return output_line(options, buf_span(&text));
}

static void add_row(struct table *table, const char *name, const char *value)
{
    const char *const cells[] = {name, value};
    table_row(table, ARRAY_LEN(cells), cells);
}

static struct err root_text(const struct tree_head *head, struct buf *out)
{
    TRY(base64_encode(span_of(head->root.bytes, TREE_HASH_LEN), out));
    return buf_append_u8(out, 0);
}

static const char *signature_text(const struct verdict *verdict)
{
    if (!verdict->finding->has_checkpoint) {
        return "no checkpoint";
    }
    if (!verdict->finding->checkpoint_signed) {
        return "not judged: no key (--key FILE)";
    }
    return verdict->trust->source == KEY_GIVEN ? "good, by the key that was given"
                                               : "good, by the key in the log's own folder";
}

/* What the verdict does not prove. */
static const char *caveat(const struct verdict *verdict)
{
    if (!verdict->finding->has_checkpoint) {
        return "without a checkpoint nothing proves that the records are those that were written";
    }
    if (verdict->trust->source == KEY_FOLDER) {
        return "a key from the log's own folder proves nothing against whoever can write there: "
               "keep a copy of key and checkpoint elsewhere";
    }
    return NULL;
}

static struct err print_table(const struct verdict *verdict)
{
    const struct audit_finding *finding = verdict->finding;
    CLEANUP(table_clear) struct table table = {0};
    CLEANUP(buf_clear) struct buf root = {0};
    CLEANUP(mem_free_at) char *records = mem_format("%" PRIu64, finding->records);
    CLEANUP(mem_free_at) char *covered = mem_format("%" PRIu64, finding->checkpoint.size);
    TRY(root_text(&finding->head, &root));
    char line[VERDICT_MAX];
    verdict_line(verdict, line);
    printf("%s\n", line);
    add_row(&table, "records", records);
    add_row(&table, "root", (const char *)root.data);
    add_row(&table, "under the checkpoint", finding->has_checkpoint ? covered : "none");
    add_row(&table, "signature", signature_text(verdict));
    if (finding->checkpoint_signed) {
        add_row(&table, "key", verdict->trust->verifier.name);
    }
    if (finding->detail[0] != '\0') {
        add_row(&table, "where", finding->detail);
    }
    table_print(&table);
    if (caveat(verdict) != NULL) {
        printf("note: %s\n", caveat(verdict));
    }
    return err_ok();
}

struct err verdict_print(const struct options *options, const struct verdict *verdict)
{
    return options_has(options, OPTION_JSON) ? print_json(options, verdict) : print_table(verdict);
}
