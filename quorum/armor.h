/* armor: bytes as lines of base64 between a line that begins and one that ends them (RFC 7468 §2).
 * Inner to quorum/. */
#ifndef HSMGATE_QUORUM_ARMOR_H
#define HSMGATE_QUORUM_ARMOR_H

#include "base/buf.h"

/* Whether the text looks as if it were armoured, whatever is in it. */
bool armor_begins(struct span text);
/* Appends what stands between `-----BEGIN label-----` and `-----END label-----`. Lines end with \n
 * or \r\n, after the last one that is optional; all lines of base64 but the last are equally long;
 * nothing else is around. False for anything else, and then nothing was appended. */
bool armor_read(struct span text, const char *label, struct buf *out);

#endif
