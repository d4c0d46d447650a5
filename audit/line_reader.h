/* line_reader: the lines of a log file, one after the other, each with its place. */
#ifndef HSMGATE_AUDIT_LINE_READER_H
#define HSMGATE_AUDIT_LINE_READER_H

#include "audit/record.h"

struct line_reader {
    int fd;          /* borrowed */
    uint64_t offset; /* in the file, of the next line */
    size_t used;     /* bytes of `window` that lie before it */
    bool at_end;     /* nothing more to read from the file */
    struct buf window;
};

struct line {
    struct span bytes; /* with its newline; valid until the next call */
    uint64_t offset;   /* of its first byte */
    bool whole;        /* false: the rest of the file has no newline within RECORD_LINE_MAX */
    bool is_record;    /* `seq` is set */
    uint64_t seq;
};

/* Starts at a byte offset. */
void line_reader_init(struct line_reader *reader, int fd, uint64_t offset);
void line_reader_clear(struct line_reader *reader);
/* *out_more is false at the end of the file, or after a line that is not whole. ERR_IO. */
MUST_USE struct err line_reader_next(struct line_reader *reader, struct line *out, bool *out_more);
/* Gives the last `len` bytes of the line just read back: the next one starts with them. */
void line_reader_unread(struct line_reader *reader, size_t len);
/* The offset of the first record with a sequence over `after`, by halving; the end of the file when
 * there is none. Lines must be whole and in order. ERR_IO, ERR_CORRUPT. */
MUST_USE struct err line_reader_find(int fd, uint64_t after, uint64_t *out_offset);

#endif
