/* Colours are for a white ground, which the picture brings along, and differ in brightness too;
 * what is expected is hatched and marks have shapes, so that nothing hangs on colour alone. */
#include "cli/calendar_paint.h"

#define THIN_BAR 5.0

/* What protects or is published stands out; what only opens old data is thin. */
static const struct paint paints[CALENDAR_STATE_COUNT] = {
    [CALENDAR_PENDING] = {"#8ec5ec", "#10283b", LAYOUT_BAR},
    [CALENDAR_ACTIVE] = {"#1b7a48", "#ffffff", LAYOUT_BAR},
    [CALENDAR_RETIRING] = {"#e5a33a", "#33230a", LAYOUT_BAR},
    [CALENDAR_RETIRED] = {"#98a2ad", "#1d242b", THIN_BAR},
    [CALENDAR_DISABLED] = {"#a67fb8", "#2a1733", LAYOUT_BAR},
    [CALENDAR_COMPROMISED] = {"#c8382d", "#ffffff", LAYOUT_BAR},
    [CALENDAR_DESTROY_SCHEDULED] = {"#5b4a47", "#ffffff", THIN_BAR},
    [CALENDAR_DESTROYED] = {"#ffffff", "#1d242b", THIN_BAR},
};

/* Around the middle of a mark. */
static const struct {
    const char *path;
    const char *fill;
} marks[CALENDAR_ACTION_COUNT] = {
    [CALENDAR_MAKE] = {"M-4,0 L0,-4 L4,0 L0,4 Z", "#2f7fb8"},
    [CALENDAR_PROMOTE] = {"M-5,4 L0,-5 L5,4 Z", "#0f5c34"},
    [CALENDAR_RETIRE] = {"M-5,-4 L0,5 L5,-4 Z", "#a86a08"},
    [CALENDAR_DESTROY] = {"M-5,-3 L-3,-5 L0,-2 L3,-5 L5,-3 L2,0 L5,3 L3,5 L0,2 L-3,5 L-5,3 L-2,0 Z",
                          "#a3201a"},
};

const struct paint *paint_of(enum calendar_state state)
{
    return &paints[state];
}

void paint_bar(struct svg *svg, const struct svg_box *box, const struct paint *paint, bool expected,
               struct span hint)
{
    svg_rect(svg, box, paint->fill, "rx=\"1.5\"", hint);
    if (expected) {
        svg_rect(svg, box, "url(#expected)", "rx=\"1.5\" pointer-events=\"none\"", NO_HINT);
    }
}

void paint_mark(struct svg *svg, double x, double y, enum calendar_action action, struct span hint)
{
    svg_put(svg,
            "<path d=\"%s\" transform=\"translate(%.1f %.1f)\" fill=\"%s\" stroke=\"#ffffff\" "
            "stroke-width=\"1.2\" paint-order=\"stroke\">",
            marks[action].path, x, y, marks[action].fill);
    if (hint.len > 0) {
        svg_put(svg, "<title>");
        svg_put_escaped(svg, hint);
        svg_put(svg, "</title>");
    }
    svg_put(svg, "</path>\n");
}
