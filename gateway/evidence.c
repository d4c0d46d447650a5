/* Evidence is gathered when it is asked for, from what is on disk: the rows of the request, the
 * rosters, and the record of the audit log with its way to a signed checkpoint. Nothing here is
 * believed by who checks it; a file that was put together wrongly only fails. */
#include "gateway/evidence.h"

#include "audit/checkpoint.h"
#include "audit/proof.h"
#include "base/encoding.h"
#include "base/mem.h"
#include "gateway/witness.h"

#define CHUNK      ((size_t)256) /* records that are read at a time */
#define SEARCH_MAX ((uint64_t)65536)
#define PROOF_MAX  ((size_t)64 << 10)
#define OPERATION  "open-break-glass"

static bool text_is(const struct json_value *object, const char *name, const char *text)
{
    struct span value = {0};
    const struct json_value *member = json_member(object, name);
    return member != NULL && json_as_text(member, &value) && span_is(value, text);
}

/* The record of the request having been carried out. */
struct found {
    uint64_t seq;               /* 0: not found */
    uint8_t roster[SHA256_LEN]; /* digest of the roster that was the newest then */
};

static bool read_roster(const struct json_value *detail, uint8_t out[SHA256_LEN])
{
    CLEANUP(buf_clear) struct buf digest = {.max = SHA256_LEN};
    struct span hex = {0};
    const struct json_value *member = json_member(detail, "roster_sha256");
    if (member == NULL || !json_as_text(member, &hex) || hex_decode(hex, &digest).code != ERR_OK ||
        digest.len != SHA256_LEN) {
        return false;
    }
    memcpy(out, digest.data, SHA256_LEN);
    return true;
}

static bool is_the_record(struct span line, const char *id, struct found *out)
{
    CLEANUP(json_clear) struct json json = {0};
    int64_t seq = 0;
    if (memmem(line.data, line.len, id, UUID_TEXT_LEN) == NULL ||
        json_parse(line, &json).code != ERR_OK) {
        return false;
    }
    const struct json_value *detail = json_member(json.root, "detail");
    const struct json_value *number = json_member(json.root, "seq");
    bool fits = text_is(json.root, "kind", "request") && text_is(json.root, "outcome", "ok") &&
                text_is(json.root, "operation", OPERATION) && detail != NULL &&
                text_is(detail, "request", id) && number != NULL && json_as_integer(number, &seq) &&
                seq > 0 && read_roster(detail, out->roster);
    out->seq = fits ? (uint64_t)seq : 0;
    return fits;
}

/* Among whole lines. */
static bool search_lines(struct span lines, const char *id, struct found *out)
{
    while (lines.len > 0) {
        const uint8_t *end = memchr(lines.data, '\n', lines.len);
        size_t len = end != NULL ? (size_t)(end - lines.data) : lines.len;
        if (is_the_record(span_of(lines.data, len), id, out)) {
            return true;
        }
        size_t step = end != NULL ? len + 1 : len;
        lines = span_of(lines.data + step, lines.len - step);
    }
    return false;
}

/* The log is read from where it stood right before the request was spent. */
static struct err find_record(const struct gateway *gateway, const struct quorum_request *request,
                              struct found *out)
{
    char id[UUID_TEXT_LEN + 1];
    uint64_t after = request->audit_seq > 0 ? request->audit_seq - 1 : 0;
    uint64_t end = after + SEARCH_MAX;
    uuid_format(request->id, id);
    while (after < end) {
        CLEANUP(buf_clear) struct buf lines = {.max = (size_t)16 << 20};
        uint64_t last = after;
        TRY(audit_read(gateway->audit, after, CHUNK, &lines, &last));
        if (search_lines(buf_span(&lines), id, out)) {
            return err_ok();
        }
        ENSURE(last > after, ERR_NOT_FOUND, "The audit log has no record of it yet.");
        after = last;
    }
    return err_new(ERR_NOT_FOUND, __func__, "The audit log has no record of it.");
}

/* A checkpoint over at least `seq` records: the newest, or one that is made for it. */
static struct err await_checkpoint(struct gateway *gateway, uint64_t seq, int64_t deadline_ns,
                                   struct buf *out)
{
    ENSURE(gateway->witness != NULL && witness_await(gateway->witness, seq, deadline_ns),
           ERR_DEADLINE, "no checkpoint covers the record yet");
    return audit_get_checkpoint(gateway->audit, out);
}

static struct err put_proof(struct gateway *gateway, uint64_t seq, int64_t deadline_ns,
                            struct json_writer *writer)
{
    CLEANUP(buf_clear) struct buf checkpoint = {0};
    CLEANUP(buf_clear) struct buf proof = {.max = PROOF_MAX};
    TRY(await_checkpoint(gateway, seq, deadline_ns, &checkpoint));
    TRY(audit_prove(gateway->config->audit.folder, seq, buf_span(&checkpoint), &proof));
    json_put_span(writer, NULL, buf_span(&proof));
    return err_ok();
}

/* The rosters up to the one with this digest: who came and went later has nothing to do with it. */
static struct err cut_rosters(const struct roster_view *view, const uint8_t digest[SHA256_LEN],
                              struct roster_view *out)
{
    const struct roster *last = roster_chain_find(view->chain, digest);
    ENSURE(last != NULL, ERR_NOT_FOUND, "The record names a roster that is not in the chain.");
    *out = *view;
    out->count = (size_t)last->number;
    return err_ok();
}

struct err evidence_write(struct gateway *gateway, const struct quorum_request *request,
                          int64_t deadline_ns, struct buf *out)
{
    CLEANUP(roster_view_release_at) const struct roster_view *view = NULL;
    CLEANUP(buf_clear) struct buf bundle = {.max = BUNDLE_MAX};
    struct found found = {0};
    TRY(roster_book_view(gateway->rotation.rosters, &view));
    struct roster_view until = *view;
    if (request->state == REQUEST_OPENED) {
        TRY(find_record(gateway, request, &found));
        TRY(cut_rosters(view, found.roster, &until));
    }
    TRY(docket_bundle(&until, request, &bundle));
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "format", "hsmgate/v1/evidence");
    json_put_raw(&writer, "bundle", buf_span(&bundle));
    json_begin_array(&writer, "records");
    if (found.seq != 0) {
        TRY(put_proof(gateway, found.seq, deadline_ns, &writer));
    }
    json_end_array(&writer);
    json_end_object(&writer);
    return json_finish(&writer);
}
