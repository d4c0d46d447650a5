/* fuzz_grant: a grant as a client writes it. What is read is within its limits, and written and
 * read again it is the same grant, which differs in no member. */
#include <assert.h>

#include "base/mem.h"
#include "gateway/ops/grant_facts.h"
#include "gateway/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_limits(const struct grant *grant)
{
    assert(grant->operations != 0 && grant->context_count <= GRANT_PAIRS_MAX);
    assert(grant->source_count <= GRANT_SOURCES_MAX);
    assert(policy_check_pattern(span_text(grant->keys)).code == ERR_OK);
    assert(grant_check_id(span_text(grant->id)).code == ERR_OK);
    assert(grant->principal[0] != '\0' && grant->justification[0] != '\0');
    for (size_t i = 1; i < grant->context_count; i++) {
        assert(strcmp(grant->context[i - 1].name, grant->context[i].name) < 0);
    }
}

static void check_again(const struct grant *grant)
{
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(buf_clear) struct buf members = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct grant_draft *again = mem_alloc(sizeof(*again));
    struct json_writer writer = json_writer_on(&text);
    grant_put_content(&writer, NULL, grant);
    assert(json_finish(&writer).code == ERR_OK);
    assert(json_parse(buf_span(&text), &json).code == ERR_OK);
    assert(grant_read(json.root, span_of(NULL, 0), again).code == ERR_OK);
    assert(grant_is_same(grant, &again->grant));
    writer = json_writer_on(&members);
    assert(grant_put_difference(&writer, NULL, grant, &again->grant) == 0);
    assert(json_finish(&writer).code == ERR_OK);
    mem_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(json_clear) struct json json = {0};
    if (json_parse(span_of(data, size), &json).code != ERR_OK || !json_is(json.root, JSON_OBJECT)) {
        return 0;
    }
    struct grant_draft *draft = mem_alloc(sizeof(*draft));
    struct err err = grant_read(json.root, span_of(NULL, 0), draft);
    assert(err.code == ERR_OK || err.code == ERR_INVALID_FIELD || err.code == ERR_UNKNOWN_FIELD ||
           err.code == ERR_TOO_LARGE || err.code == ERR_INVALID_NAME);
    if (err.code == ERR_OK) {
        check_limits(&draft->grant);
        check_again(&draft->grant);
    }
    mem_free(draft);
    return 0;
}
