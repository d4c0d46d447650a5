/* What can be done with a member of a statement, by its type. Inner to quorum/. */
#ifndef HSMGATE_QUORUM_FIELD_TYPE_H
#define HSMGATE_QUORUM_FIELD_TYPE_H

#include "quorum/quorum.h"

/* Of an integer, or of a length; other types ignore it. */
struct field_range {
    int64_t least;
    int64_t most;
};

bool field_in_range(const struct field_range *range, int64_t value);

/* Where json_read puts a value before it is converted. */
union field_slot {
    struct span text;
    int64_t integer;
    const struct json_value *object;
};

/* `at` is the member, of the C type that the field type is for. */
struct field_type {
    enum json_kind kind; /* how json_read reads it */
    bool (*is_valid)(const struct field_range *range, const void *at);
    void (*put)(struct json_writer *writer, const char *name, const void *at);
    /* Converts; decoded bytes go behind `bytes`, which has room for them. */
    struct err (*take)(const union field_slot *slot, struct buf *bytes, void *at);
};

extern const struct field_type field_format;    /* a constant */
extern const struct field_type field_kind;      /* enum statement_kind; read beforehand */
extern const struct field_type field_policy;    /* digest of the struct quorum_rule there */
extern const struct field_type field_text;      /* struct span */
extern const struct field_type field_line;      /* the same, without control characters */
extern const struct field_type field_key;       /* a key's name */
extern const struct field_type field_uuid;      /* struct uuid; not nil */
extern const struct field_type field_bytes;     /* struct span, as hex */
extern const struct field_type field_sha256;    /* not zeros */
extern const struct field_type field_nonce;     /* not zeros */
extern const struct field_type field_u32;       /* uint32_t */
extern const struct field_type field_i64;       /* int64_t, or uint64_t */
extern const struct field_type field_time;      /* unix ms, whole seconds */
extern const struct field_type field_rule;      /* struct quorum_rule */
extern const struct field_type field_wanted;    /* its group and m, or none */
extern const struct field_type field_recipient; /* struct recipient */

#endif
