/* fuzz_cli_files: one file as the state of a bulk rewrap and as a chain of rosters.
 * State is taken only of the same run, with numbers that fit each other; a chain that opens
 * under the root that it names opens under no other. */
#include "base/mem.h"
#include "cli/bulk_state.h"
#include "cli/chain_file.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_state(const char *path)
{
    const struct bulk_state asked = {.key = "a/b", .output = "out", .rejects = "bad"};
    struct bulk_state state = asked;
    struct err err = bulk_state_read(path, &state);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_CORRUPT || err.code == ERR_CONFLICT || err.code == ERR_NEWER ||
               err.code == ERR_TOO_LARGE);
        assert(memcmp(&state, &asked, sizeof(state)) == 0);
        return;
    }
    assert(state.mark.check_len <= BULK_CHECK_MAX && state.mark.check_len <= state.mark.bytes);
    assert(state.counts.lines == state.mark.lines && state.counts.bytes == state.mark.bytes);
}

static void check_chain(const char *path)
{
    static const uint8_t other[SHA256_LEN] = {1};
    CLEANUP(chain_file_clear) struct chain_file file = {0};
    CLEANUP(chain_file_clear) struct chain_file wrong = {0};
    assert(chain_file_read(path, other, &wrong).code != ERR_OK && wrong.chain == NULL);
    struct err err = chain_file_read(path, NULL, &file);
    if (err.code != ERR_OK) {
        assert(file.chain == NULL && err.detail[0] != '\0');
        return;
    }
    assert(file.count > 0 && file.chain != NULL);
    for (size_t i = 0; i < file.count; i++) {
        (void)chain_file_added_at(&file, i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(span_of(data, size));
    check_state(path);
    check_chain(path);
    return 0;
}
