/* Draws the calendar: heading and legend, ground and axis, then the rows, then the line for now. */
#include "cli/calendar_svg.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/axis.h"
#include "cli/calendar_paint.h"
#include "cli/calendar_row.h"

#define TICKS       9
#define SWATCH      14.0
#define LEGEND_Y    60.0
#define LEGEND_STEP 7.2 /* a character of the legend */

static void put_style(struct svg *svg)
{
    svg_put(svg, "<defs><pattern id=\"expected\" width=\"6\" height=\"6\" "
                 "patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
                 "<rect width=\"3\" height=\"6\" fill=\"#ffffff\" fill-opacity=\"0.72\"/>"
                 "</pattern></defs>\n");
    svg_put(svg, "<style>text{font-family:'DejaVu Sans',Verdana,Helvetica,Arial,sans-serif;"
                 "font-size:11px;fill:#1d242b}"
                 ".head{font-size:18px;font-weight:bold}.sub{font-size:12px;fill:#4d5965}"
                 ".name{font-family:'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:12px}"
                 ".tick{fill:#4d5965}.bar{font-size:9.5px;font-weight:bold}</style>\n");
}

/* --- ground --- */

static void put_ticks(struct svg *svg, const struct layout *layout)
{
    struct axis axis;
    const double bottom = layout->height - LAYOUT_BOTTOM;
    axis_fill(&axis, layout->start_ms, layout->calendar->to_ms, TICKS);
    for (size_t i = 0; i < axis.count; i++) {
        const double x = layout_x(layout, axis.ticks[i].at_ms);
        const char *anchor = x > LAYOUT_WIDTH - 60 ? "class=\"tick\" text-anchor=\"end\""
                                                   : "class=\"tick\" text-anchor=\"middle\"";
        const struct span label = span_text(axis.ticks[i].label);
        svg_line(svg, x, LAYOUT_TOP - 4, x, bottom + 4, "stroke=\"#d5dbe1\"");
        svg_text(svg, x, LAYOUT_TOP - 10, anchor, label);
        svg_text(svg, x, bottom + 18, anchor, label);
    }
}

static void put_stripes(struct svg *svg, const struct layout *layout)
{
    for (size_t i = 0; i < layout->calendar->key_count; i += 2) {
        const struct svg_box box = {0, layout->rows[i].y, LAYOUT_WIDTH, layout->rows[i].height};
        svg_rect(svg, &box, "#f2f5f8", "", NO_HINT);
    }
}

static void put_now(struct svg *svg, const struct layout *layout)
{
    const double x = layout_x(layout, layout->calendar->now_ms);
    const double bottom = layout->height - LAYOUT_BOTTOM;
    svg_line(svg, x, LAYOUT_TOP - 4, x, bottom + 4, "stroke=\"#1f3fb5\" stroke-width=\"1.5\"");
    const struct svg_box box = {x - 16, bottom + 22, 32, 14};
    svg_rect(svg, &box, "#1f3fb5", "rx=\"3\"", NO_HINT);
    svg_text(svg, x, bottom + 33, "text-anchor=\"middle\" class=\"bar\" style=\"fill:#ffffff\"",
             span_text("now"));
}

/* --- legend and heading --- */

static bool has_state(const struct calendar *calendar, enum calendar_state state, bool *expected)
{
    bool found = false;
    for (size_t i = 0; i < calendar->key_count; i++) {
        for (size_t j = 0; j < calendar->keys[i].phase_count; j++) {
            found = found || calendar->keys[i].phases[j].state == state;
            *expected = *expected || calendar->keys[i].phases[j].expected;
        }
    }
    return found;
}

static bool has_action(const struct calendar *calendar, enum calendar_action action)
{
    for (size_t i = 0; i < calendar->key_count; i++) {
        for (size_t j = 0; j < calendar->keys[i].step_count; j++) {
            if (calendar->keys[i].steps[j].action == action) {
                return true;
            }
        }
    }
    return false;
}

static double put_word(struct svg *svg, double x, const char *word)
{
    svg_text(svg, x + SWATCH + 5, LEGEND_Y + 4, "", span_text(word));
    return x + SWATCH + 20 + LEGEND_STEP * (double)strlen(word);
}

static void put_legend(struct svg *svg, const struct calendar *calendar)
{
    double x = 16;
    bool expected = false;
    for (int i = 0; i < CALENDAR_DESTROYED; i++) {
        const struct paint *paint = paint_of((enum calendar_state)i);
        if (has_state(calendar, (enum calendar_state)i, &expected)) {
            const struct svg_box box = {x, LEGEND_Y - paint->height / 2, SWATCH, paint->height};
            paint_bar(svg, &box, paint, false, NO_HINT);
            x = put_word(svg, x, calendar_state_name((enum calendar_state)i));
        }
    }
    if (expected) {
        const struct svg_box box = {x, LEGEND_Y - LAYOUT_BAR / 2, SWATCH, LAYOUT_BAR};
        paint_bar(svg, &box, paint_of(CALENDAR_ACTIVE), true, NO_HINT);
        x = put_word(svg, x, "expected");
    }
    for (int i = 0; i < CALENDAR_ACTION_COUNT; i++) {
        if (has_action(calendar, (enum calendar_action)i)) {
            paint_mark(svg, x + SWATCH / 2, LEGEND_Y, (enum calendar_action)i, NO_HINT);
            x = put_word(svg, x, calendar_action_name((enum calendar_action)i));
        }
    }
}

static void put_heading(struct svg *svg, const struct layout *layout)
{
    const struct calendar *calendar = layout->calendar;
    char from[CLOCK_TEXT_MAX];
    char to[CLOCK_TEXT_MAX];
    char sub[160];
    clock_format(calendar->now_ms, from);
    clock_format(calendar->to_ms, to);
    (void)snprintf(sub, sizeof sub, "now: %.16sZ, until %.16sZ, times in UTC%s", from, to,
                   calendar->more ? "; there are more keys than these" : "");
    svg_text(svg, 16, 28, "class=\"head\"", span_text("Rotation calendar"));
    svg_text(svg, 16, 45, "class=\"sub\"", span_text(sub));
    if (calendar->key_count == 0) {
        svg_text(svg, 16, LAYOUT_TOP + 12, "", span_text("No key has anything to come."));
    }
}

static void describe(const struct calendar *calendar, char out[256])
{
    size_t steps = 0;
    const struct calendar_step *next = NULL;
    const struct calendar_key *whose = NULL;
    for (size_t i = 0; i < calendar->key_count; i++) {
        const struct calendar_key *key = &calendar->keys[i];
        steps += key->step_count;
        if (key->step_count > 0 && (next == NULL || key->steps[0].at_ms < next->at_ms)) {
            next = &key->steps[0];
            whose = key;
        }
    }
    char at[CLOCK_TEXT_MAX] = "";
    const int len = snprintf(out, 256, "%zu keys, %zu steps to come.", calendar->key_count, steps);
    if (next != NULL && len > 0) {
        clock_format(next->at_ms, at);
        (void)snprintf(out + len, 256 - (size_t)len, " The next: %s %.*s@%" PRId64 " at %.19sZ.",
                       calendar_action_name(next->action),
                       (int)(whose->name.len < 120 ? whose->name.len : 120),
                       (const char *)whose->name.data, next->version, at);
    }
}

struct err calendar_svg(const struct calendar *calendar, struct buf *out)
{
    CLEANUP(layout_clear) struct layout layout;
    struct svg svg;
    char description[256];
    layout_make(calendar, &layout);
    describe(calendar, description);
    svg_begin(&svg, out, LAYOUT_WIDTH, layout.height + (calendar->key_count == 0 ? 24 : 0),
              "Rotation calendar", description);
    put_style(&svg);
    put_heading(&svg, &layout);
    put_legend(&svg, calendar);
    put_stripes(&svg, &layout);
    put_ticks(&svg, &layout);
    for (size_t i = 0; i < calendar->key_count; i++) {
        calendar_row_put(&svg, &layout, i);
    }
    put_now(&svg, &layout);
    return svg_end(&svg);
}
