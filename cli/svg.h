/* svg: the few elements of SVG 1.1 that a picture needs, written so that no text can break out. */
#ifndef HSMGATE_CLI_SVG_H
#define HSMGATE_CLI_SVG_H

#include "base/buf.h"

/* A picture that is being written. Errors (buf full) stick and come out of svg_end. */
struct svg {
    struct buf *out;
    struct err err;
};

struct svg_box {
    double x;
    double y;
    double width;
    double height;
};

/* Opens the picture, with what a screen reader says of it, on a white ground. */
void svg_begin(struct svg *svg, struct buf *out, double width, double height, const char *title,
               const char *description);
MUST_USE struct err svg_end(struct svg *svg);
/* As it is: for what is written in the source. */
void svg_put(struct svg *svg, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text between tags or in quotes: `&<>"'` as entities, control characters, which XML 1.0 forbids,
 * as `?`. */
void svg_put_escaped(struct svg *svg, struct span text);
/* `more` holds further attributes, or "". `hint` is shown when pointed at, or has len 0. */
void svg_rect(struct svg *svg, const struct svg_box *box, const char *fill, const char *more,
              struct span hint);
void svg_line(struct svg *svg, double x1, double y1, double x2, double y2, const char *more);
/* `more` sets class or anchor. */
void svg_text(struct svg *svg, double x, double y, const char *more, struct span text);

#endif
