/* Bundles: a statement, its votes and the chain of rosters in one text, for whoever judges alone:
 * the worker beside the token, and an auditor years later.
 *
 * A bundle carries claims and no conclusions. It has one spelling, too, so that no byte of it can
 * be changed without notice. */
#include "quorum/quorum.h"

#include "base/encoding.h"
#include "base/mem.h"
#include "quorum/canonical.h"

#define BUNDLE_FORMAT "hsmgate/v1/bundle"

/* --- out --- */

static void put_votes(struct json_writer *writer, const struct vote *votes, size_t count)
{
    json_begin_array(writer, "votes");
    for (size_t i = 0; i < count; i++) {
        vote_put(writer, NULL, &votes[i]);
    }
    json_end_array(writer);
}

static void put_link(struct json_writer *writer, const struct roster_link *link, bool is_root)
{
    json_begin_object(writer, NULL);
    json_put_bytes(writer, "roster", link->roster);
    if (!is_root) {
        json_put_bytes(writer, "statement", link->statement);
        put_votes(writer, link->votes, link->vote_count);
    }
    json_end_object(writer);
}

struct err bundle_write(const struct bundle *bundle, struct buf *out)
{
    CLEANUP(buf_clear) struct buf text = {.max = BUNDLE_MAX};
    struct json_writer writer = json_writer_on(&text);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "format", BUNDLE_FORMAT);
    json_put_bytes(&writer, "statement", bundle->statement);
    put_votes(&writer, bundle->votes, bundle->vote_count);
    json_begin_array(&writer, "rosters");
    for (size_t i = 0; i < bundle->roster_count; i++) {
        put_link(&writer, &bundle->rosters[i], i == 0);
    }
    json_end_array(&writer);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return buf_append(out, buf_span(&text));
}

/* --- in --- */

/* Where the next decoded bytes and votes go; there is room for all of them. */
struct filling {
    struct bundle_read *read;
    struct vote *votes;
};

static struct err read_bytes(struct filling *fill, struct span text, size_t max, struct span *out)
{
    struct buf *bytes = &fill->read->bytes[fill->read->byte_count++];
    bytes->max = max;
    TRY(base64_decode(text, bytes));
    *out = buf_span(bytes);
    return err_ok();
}

static struct err read_votes(struct filling *fill, const struct json_value *array,
                             const struct vote **out, size_t *out_count)
{
    *out = fill->votes;
    *out_count = json_count(array);
    for (const struct json_value *at = json_first(array); at != NULL; at = json_next(at)) {
        struct buf *signature = &fill->read->bytes[fill->read->byte_count++];
        TRY(vote_read(at, signature, fill->votes));
        fill->votes++;
    }
    return err_ok();
}

static struct err read_link(struct filling *fill, const struct json_value *object, bool is_root,
                            struct roster_link *out)
{
    struct span roster = {0};
    struct span statement = {0};
    const struct json_value *votes = NULL;
    const struct json_field fields[] = {
        {"roster", JSON_TEXT, JSON_REQUIRED, 0, &roster, NULL},
        {"statement", JSON_TEXT, JSON_REQUIRED, 0, &statement, NULL},
        {"votes", JSON_ARRAY, JSON_REQUIRED, QUORUM_VOTES_MAX, &votes, NULL},
    };
    TRY(json_read(object, fields, is_root ? 1 : ARRAY_LEN(fields)));
    TRY(read_bytes(fill, roster, ROSTER_MAX, &out->roster));
    if (is_root) {
        return err_ok();
    }
    TRY(read_bytes(fill, statement, STATEMENT_MAX, &out->statement));
    return read_votes(fill, votes, &out->votes, &out->vote_count);
}

/* Makes room for what follows: `votes` of the statement, then those of each roster. */
static struct err make_room(struct bundle_read *read, const struct json_value *votes,
                            const struct json_value *rosters, struct vote **out)
{
    size_t vote_count = json_count(votes);
    for (const struct json_value *at = json_first(rosters); at != NULL; at = json_next(at)) {
        size_t count = json_count(json_member(at, "votes"));
        ENSURE(count <= QUORUM_VOTES_MAX, ERR_INVALID_FIELD, "a roster has more than %d votes",
               QUORUM_VOTES_MAX);
        vote_count += count;
    }
    size_t links = json_count(rosters);
    read->bytes = mem_array(1 + 2 * links + vote_count, sizeof(*read->bytes));
    *out = mem_array(vote_count, sizeof(**out));
    return err_ok();
}

static struct err read_links(struct filling *fill, const struct json_value *array)
{
    struct bundle *bundle = &fill->read->is;
    struct roster_link *links = mem_array(json_count(array), sizeof(*links));
    bundle->rosters = links;
    for (const struct json_value *at = json_first(array); at != NULL; at = json_next(at)) {
        struct roster_link *link = &links[bundle->roster_count];
        TRY(read_link(fill, at, bundle->roster_count == 0, link));
        bundle->roster_count++;
    }
    return err_ok();
}

static struct err read_bundle(struct bundle_read *read)
{
    struct span format = {0};
    struct span statement = {0};
    const struct json_value *votes = NULL;
    const struct json_value *rosters = NULL;
    const struct json_field fields[] = {
        {"format", JSON_TEXT, JSON_REQUIRED, 0, &format, NULL},
        {"statement", JSON_TEXT, JSON_REQUIRED, 0, &statement, NULL},
        {"votes", JSON_ARRAY, JSON_REQUIRED, QUORUM_VOTES_MAX, &votes, NULL},
        {"rosters", JSON_ARRAY, JSON_REQUIRED, QUORUM_CHAIN_MAX, &rosters, NULL},
    };
    TRY(json_read(read->json.root, fields, ARRAY_LEN(fields)));
    struct filling fill = {.read = read};
    TRY(make_room(read, votes, rosters, &fill.votes));
    read->is.votes = fill.votes;
    TRY(read_bytes(&fill, statement, STATEMENT_MAX, &read->is.statement));
    TRY(read_votes(&fill, votes, &read->is.votes, &read->is.vote_count));
    return read_links(&fill, rosters);
}

static struct err check_spelling(const struct bundle *bundle, struct span text)
{
    CLEANUP(buf_clear) struct buf again = {0};
    TRY(canonical_err(bundle_write(bundle, &again)));
    ENSURE(span_equal(text, buf_span(&again)), ERR_INVALID_FIELD,
           "the bundle is not spelled canonically");
    return err_ok();
}

struct err bundle_parse(struct span text, struct bundle_read *out)
{
    ENSURE(text.len <= BUNDLE_MAX, ERR_INVALID_FIELD, "the bundle has more than %zu bytes",
           BUNDLE_MAX);
    CLEANUP(bundle_clear) struct bundle_read read = {0};
    TRY(json_parse(text, &read.json));
    TRY(canonical_err(read_bundle(&read)));
    TRY(check_spelling(&read.is, text));
    *out = read;
    read = (struct bundle_read){0};
    return err_ok();
}

void bundle_clear(struct bundle_read *bundle)
{
    for (size_t i = 0; i < bundle->byte_count; i++) {
        buf_clear(&bundle->bytes[i]);
    }
    mem_free(bundle->bytes);
    /* one array holds all votes; those of the statement stand first */
    mem_free_at(&bundle->is.votes);
    mem_free_at(&bundle->is.rosters);
    json_clear(&bundle->json);
    *bundle = (struct bundle_read){0};
}

/* --- judged --- */

static struct err judge(const struct bundle *bundle, int64_t now_ms, struct bundle_verdict *verdict)
{
    const struct statement *says = &verdict->statement.is;
    const struct roster *then = roster_chain_find(verdict->chain, says->roster_sha256);
    ENSURE(then != NULL, ERR_FORBIDDEN, "the statement names a roster that is not in the chain");
    ENSURE(says->kind != STATEMENT_ROSTER || span_equal(says->rule.group, then->authority),
           ERR_FORBIDDEN, "a roster is changed by its authority alone");
    const struct quorum_case about = {.statement = bundle->statement,
                                      .says = says,
                                      .votes = bundle->votes,
                                      .vote_count = bundle->vote_count,
                                      .then = then,
                                      .now = roster_chain_newest(verdict->chain),
                                      .rule_now = says->rule};
    quorum_decide(&about, now_ms, &verdict->decision, NULL);
    return err_ok();
}

struct err bundle_judge(const struct bundle *bundle, const uint8_t root[SHA256_LEN], int64_t now_ms,
                        struct bundle_verdict *out)
{
    CLEANUP(bundle_verdict_clear) struct bundle_verdict verdict = {0};
    TRY(roster_chain_open(bundle->rosters, bundle->roster_count, root, &verdict.chain));
    TRY(statement_parse(bundle->statement, &verdict.statement));
    TRY(judge(bundle, now_ms, &verdict));
    *out = verdict;
    verdict = (struct bundle_verdict){0};
    return err_ok();
}

void bundle_verdict_clear(struct bundle_verdict *verdict)
{
    statement_clear(&verdict->statement);
    roster_chain_free_at(&verdict->chain);
    verdict->decision = (struct decision){0};
}
