/* What the canonical texts of quorum/ share. Inner to quorum/. */
#ifndef HSMGATE_QUORUM_CANONICAL_H
#define HSMGATE_QUORUM_CANONICAL_H

#include "base/clock.h"
#include "quorum/quorum.h"

#define QUORUM_SECONDS_MAX ((int64_t)36500 * 86400)
#define QUORUM_INTEGER_MAX ((int64_t)1 << 53) /* what JSON carries exactly */
#define QUORUM_MS_PER_S    1000

/* Every failure of a reader as ERR_INVALID_FIELD with its detail; ok stays ok. */
MUST_USE struct err canonical_err(struct err err);
/* Whether the text comes back from JSON as it went in: valid UTF-8 without NUL. */
bool canonical_is_text(struct span text);
/* The same, and no control characters: it stays on one line. */
bool canonical_is_line(struct span text);
bool canonical_is_zero(struct span bytes);
/* RFC 3339 UTC, milliseconds cut when 0: as json_put_time writes it. */
void canonical_time(int64_t unix_ms, char out[CLOCK_TEXT_MAX]);
/* Decodes hex or base64 of exactly `len` bytes. ERR_INVALID_FIELD. */
MUST_USE struct err canonical_hex(struct span text, size_t len, uint8_t *out);
MUST_USE struct err canonical_base64(struct span text, size_t len, uint8_t *out);
/* Gives an empty buf room for `len` bytes and no more, so that appending never moves what spans
 * point to. */
void canonical_reserve(struct buf *buf, size_t len);

#endif
