/* Rosters: what parses is written again as the same bytes, and its people and groups are found. */
#include <assert.h>

#include "base/mem.h"
#include "quorum/quorum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_clear) struct buf again = {0};
    CLEANUP(roster_free_at) const struct roster *roster = NULL;
    struct err err = roster_parse(span_of(data, size), &roster);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_INVALID_FIELD && roster == NULL);
        return 0;
    }
    assert(roster_write(roster, &again).code == ERR_OK);
    assert(span_equal(buf_span(&again), span_of(data, size)));
    assert(roster_group(roster, roster->authority) != NULL);
    for (size_t i = 0; i < roster->person_count; i++) {
        assert(roster_person(roster, roster->people[i].id) == &roster->people[i]);
        assert(roster->people[i].key_count > 0);
    }
    for (size_t i = 0; i < roster->group_count; i++) {
        const struct roster_group *group = &roster->groups[i];
        assert(roster_group(roster, group->id) == group);
        assert(group->m >= QUORUM_M_MIN && group->m <= group->eligible_count);
    }
    return 0;
}
