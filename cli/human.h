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

#endif
