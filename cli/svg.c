/* Numbers have one digit behind the point, so that the same picture is the same bytes. No scripts,
 * no links, nothing from elsewhere. */
#include "cli/svg.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

static void keep(struct svg *svg, struct err err)
{
    if (svg->err.code == ERR_OK) {
        svg->err = err;
    }
}

void svg_put(struct svg *svg, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    keep(svg, len < 0 || (size_t)len >= sizeof text
                  ? err_new(ERR_INTERNAL, __func__, "a part of the picture is too long")
                  : buf_append(svg->out, span_of(text, (size_t)len)));
}

/* How a byte is written when it is not itself; NULL else. */
static const char *replacement(uint8_t byte)
{
    static const char *const entities[] = {
        ['"'] = "&quot;", ['&'] = "&amp;", ['\''] = "&#39;", ['<'] = "&lt;", ['>'] = "&gt;"};
    if (byte < 0x20 && byte != '\n') {
        return "?";
    }
    return byte < ARRAY_LEN(entities) ? entities[byte] : NULL;
}

void svg_put_escaped(struct svg *svg, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char *other = replacement(text.data[i]);
        keep(svg, other != NULL ? buf_append_text(svg->out, other)
                                : buf_append_u8(svg->out, text.data[i]));
    }
}

static void put_titled(struct svg *svg, const char *tag, const char *id, const char *text)
{
    svg_put(svg, "<%s id=\"%s\">", tag, id);
    svg_put_escaped(svg, span_text(text));
    svg_put(svg, "</%s>\n", tag);
}

void svg_begin(struct svg *svg, struct buf *out, double width, double height, const char *title,
               const char *description)
{
    *svg = (struct svg){.out = out};
    svg_put(svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
            "viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-labelledby=\"title desc\">\n",
            width, height, width, height);
    put_titled(svg, "title", "title", title);
    put_titled(svg, "desc", "desc", description);
    svg_put(svg, "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n");
}

struct err svg_end(struct svg *svg)
{
    svg_put(svg, "</svg>\n");
    return svg->err;
}

void svg_rect(struct svg *svg, const struct svg_box *box, const char *fill, const char *more,
              struct span hint)
{
    svg_put(svg, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\" %s",
            box->x, box->y, box->width, box->height, fill, more);
    if (hint.len == 0) {
        svg_put(svg, "/>\n");
        return;
    }
    svg_put(svg, "><title>");
    svg_put_escaped(svg, hint);
    svg_put(svg, "</title></rect>\n");
}

void svg_line(struct svg *svg, double x1, double y1, double x2, double y2, const char *more)
{
    svg_put(svg, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x1, y1, x2, y2,
            more);
}

void svg_text(struct svg *svg, double x, double y, const char *more, struct span text)
{
    svg_put(svg, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, more);
    svg_put_escaped(svg, text);
    svg_put(svg, "</text>\n");
}
