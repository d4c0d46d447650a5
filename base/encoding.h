/* Base64, base64url, hex and decimal numbers, strict in both directions (RFC 4648 §4, §5, §8). */
#ifndef HSMGATE_BASE_ENCODING_H
#define HSMGATE_BASE_ENCODING_H

#include "base/buf.h"

/* Standard alphabet, with padding. Decoding refuses blanks, missing padding, and bits that are not
 * zero at the end: ERR_INVALID_BASE64. */
MUST_USE struct err base64_encode(struct span bytes, struct buf *out);
MUST_USE struct err base64_decode(struct span text, struct buf *out);
/* URL alphabet, without padding (RFC 7515 §2). */
MUST_USE struct err base64url_encode(struct span bytes, struct buf *out);
MUST_USE struct err base64url_decode(struct span text, struct buf *out);
/* Lower case; decoding takes both cases: ERR_INVALID_FIELD. */
MUST_USE struct err hex_encode(struct span bytes, struct buf *out);
/* Two digits for each byte, without an end. */
void hex_write(struct span bytes, uint8_t *out);
/* Of a digit in either case: 0 to 15; 16 for any other byte. */
unsigned hex_value(uint8_t c);
MUST_USE struct err hex_decode(struct span text, struct buf *out);
#define NUMBER_TEXT_MAX 20
/* Decimal digits, with a minus where it is due and without an end; how many bytes they are. */
size_t natural_write(uint64_t value, char out[NUMBER_TEXT_MAX]);
size_t number_write(int64_t value, char out[NUMBER_TEXT_MAX]);
/* Length of the standard encoding of len bytes. */
size_t base64_encoded_len(size_t len);

#endif
