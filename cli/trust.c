/* Keys are read from text alone; what is not a verifier key is refused, never skipped. */
#include "cli/trust.h"

#include "base/mem.h"
#include "cli/input.h"

const char *key_source_name(enum key_source source)
{
    static const char *const names[KEY_SOURCE_COUNT] = {
        [KEY_NONE] = "none",
        [KEY_GIVEN] = "given",
        [KEY_FOLDER] = "log folder",
        [KEY_GATEWAY] = "gateway",
    };
    return names[source];
}

void trust_clear(struct trust *trust)
{
    checkpoint_verifier_clear(&trust->verifier);
    trust->source = KEY_NONE;
}

struct err trust_text(struct span text, enum key_source source, struct trust *out)
{
    while (text.len > 0 && strchr(" \t\r\n", text.data[text.len - 1]) != NULL) {
        text.len--;
    }
    TRY(checkpoint_verifier_read(text, &out->verifier));
    out->source = source;
    return err_ok();
}

struct err trust_file(const char *path, enum key_source source, struct trust *out)
{
    CLEANUP(buf_clear) struct buf text = {0};
    TRY(input_read_named(path, CHECKPOINT_MAX, &text));
    const struct err err = trust_text(buf_span(&text), source, out);
    ENSURE(err.code == ERR_OK, ERR_CORRUPT, "%s: it holds no verifier key", path);
    return err_ok();
}
