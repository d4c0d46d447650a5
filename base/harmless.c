/* A small table of ranges: terminals differ in what they do with these, and people cannot see them.
 */
#include "base/harmless.h"

#include "base/mem.h"

static const struct {
    uint32_t first;
    uint32_t last;
} harmful[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},       {0x61c, 0x61c},
    {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},
    {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0000, 0xe007f},
};

/* The first character and its length; a byte that begins none stands for itself. */
static uint32_t first_character(struct span text, size_t *out_len)
{
    uint8_t lead = text.data[0];
    size_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1;
    uint32_t character = len == 1 ? lead : lead & (0x7fu >> len);
    *out_len = 1;
    for (size_t i = 1; i < len; i++) {
        if (i >= text.len || (text.data[i] & 0xc0) != 0x80) {
            return lead;
        }
        character = character << 6 | (text.data[i] & 0x3fu);
    }
    *out_len = len;
    return character;
}

size_t harmful_len(struct span text)
{
    size_t len = 1;
    uint32_t character = first_character(text, &len);
    bool stray = len == 1 && character >= 0x80; /* a C1 control in another encoding */
    for (size_t i = 0; i < ARRAY_LEN(harmful) && !stray; i++) {
        if (character >= harmful[i].first && character <= harmful[i].last) {
            return len;
        }
    }
    return 0;
}
