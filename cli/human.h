/* human: times and sizes as people say them. */
#ifndef HSMGATE_CLI_HUMAN_H
#define HSMGATE_CLI_HUMAN_H

#include "base/buf.h"

#define HUMAN_MAX 48
/* The two largest units: `45s`, `1m 20s`, `3d 4h`, `2d`; negative ones as `-3d 4h`. */
void human_span(int64_t seconds, char out[HUMAN_MAX]);
/* `900 bytes`, `1.4 KiB`, `23.0 MiB`, `1.1 GiB`. */
void human_bytes(uint64_t bytes, char out[HUMAN_MAX]);

/* A time of the API without its milliseconds: `2026-01-02T03:04:05Z`; other text as it is, cut. */
void human_time(struct span time, char out[HUMAN_MAX]);
/* How far from `now_ms` a time is: `in 3d 4h`, `now`, `5m ago`. */
void human_distance(int64_t now_ms, int64_t time_ms, char out[HUMAN_MAX]);

/* Lower-case hex; `out` has 2 * bytes.len + 1 bytes. */
void human_hex(struct span bytes, char *out);
/* A SHA-256 in hex, for reading out and comparing: four lines of four groups of four. `out` has
 * HUMAN_DIGEST_MAX bytes. */
#define HUMAN_DIGEST_MAX 112
void human_digest(const char *hex, char out[HUMAN_DIGEST_MAX]);

#endif
