/* harmless: which characters of a stranger's text must not reach a person's screen as they are. */
#ifndef HSMGATE_BASE_HARMLESS_H
#define HSMGATE_BASE_HARMLESS_H

#include "base/buf.h"

/* 0 when the text's first character may be shown, else its length in bytes: controls (C0, DEL, C1),
 * line and paragraph separators, and what is not seen but changes what is: marks that turn the
 * writing direction, zero-width characters, tags (Unicode 15, categories Cc, Cf, Zl, Zp). Bytes
 * that are no UTF-8 count one by one as shown. `text` is not empty. */
size_t harmful_len(struct span text);

#endif
