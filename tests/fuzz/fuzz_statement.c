/* Statements: what parses is written again as the same bytes, and can be said in words that keep to
 * the screen's lines. */
#include <assert.h>

#include "base/mem.h"
#include "quorum/quorum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_clear) struct buf again = {0};
    CLEANUP(buf_clear) struct buf words = {0};
    CLEANUP(statement_clear) struct statement_read statement = {0};
    struct err err = statement_parse(span_of(data, size), &statement);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_INVALID_FIELD && statement.json.root == NULL);
        return 0;
    }
    assert(statement.is.kind < STATEMENT_KIND_COUNT && statement.is.rule.m >= QUORUM_M_MIN);
    assert(statement_write(&statement.is, &again).code == ERR_OK);
    assert(span_equal(buf_span(&again), span_of(data, size)));
    assert(statement_describe(&statement.is, &words).code == ERR_OK);
    for (size_t i = 0; i < words.len; i++) {
        assert((words.data[i] >= ' ' || words.data[i] == '\n') && words.data[i] != 0x7f);
    }
    return 0;
}
