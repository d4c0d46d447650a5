/* One key: its name, a bar for each phase of each version, and the steps to come. Everything that
 * is shown is said in words too, when it is pointed at or read aloud. */
#include "cli/calendar_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/calendar_paint.h"

#define LABEL_ROOM 22.0 /* a bar at least this wide says its version */

static void put_phase(struct svg *svg, const struct layout *layout, size_t row,
                      const struct calendar_phase *phase)
{
    double y = 0;
    if (phase->to_ms <= layout->start_ms || !layout_lane_y(layout, row, phase->version, &y)) {
        return;
    }
    const struct paint *paint = paint_of(phase->state);
    const double x = layout_x(layout, phase->from_ms);
    const double width = layout_x(layout, phase->to_ms) - x;
    const struct svg_box box = {x, y - paint->height / 2, width > 1 ? width : 1, paint->height};
    char from[CLOCK_TEXT_MAX];
    char to[CLOCK_TEXT_MAX];
    clock_format(phase->from_ms, from);
    clock_format(phase->to_ms, to);
    CLEANUP(mem_free_at)
    char *hint = mem_format(
        "%.*s@%" PRId64 ": %s%s, %.19sZ to %.19sZ", (int)layout->calendar->keys[row].name.len,
        (const char *)layout->calendar->keys[row].name.data, phase->version,
        calendar_state_name(phase->state), phase->expected ? " (expected)" : "", from, to);
    paint_bar(svg, &box, paint, phase->expected, span_text(hint));
}

/* The version's number on its widest bar, or on none when all are narrow. */
static void put_number(struct svg *svg, const struct layout *layout, size_t row, int64_t version)
{
    const struct calendar_key *key = &layout->calendar->keys[row];
    const struct calendar_phase *widest = NULL;
    double room = LABEL_ROOM;
    double y = 0;
    for (size_t i = 0; i < key->phase_count; i++) {
        const struct calendar_phase *phase = &key->phases[i];
        const double width = layout_x(layout, phase->to_ms) - layout_x(layout, phase->from_ms);
        const bool tall = paint_of(phase->state)->height >= LAYOUT_BAR && !phase->expected;
        if (phase->version == version && width >= room && (tall || widest == NULL)) {
            room = tall ? width : room;
            widest = phase;
        }
    }
    if (widest == NULL || !layout_lane_y(layout, row, version, &y)) {
        return;
    }
    CLEANUP(mem_free_at) char *label = mem_format("v%" PRId64, version);
    const struct paint *paint = paint_of(widest->state);
    const bool plain = paint->height < LAYOUT_BAR || widest->expected;
    char more[64];
    (void)snprintf(more, sizeof more, "class=\"bar\" style=\"fill:%s\"",
                   plain ? "#1d242b" : paint->label);
    const double x = layout_x(layout, widest->from_ms) + 4;
    if (plain) { /* on white, to be read on hatching and beside a thin bar */
        const struct svg_box ground = {x - 2, y - 5, 6.5 * (double)strlen(label) + 3, 10};
        svg_rect(svg, &ground, "#ffffff", "rx=\"2\" fill-opacity=\"0.9\"", NO_HINT);
    }
    svg_text(svg, x, y + 3.5, more, span_text(label));
}

static void put_step(struct svg *svg, const struct layout *layout, size_t row,
                     const struct calendar_step *step)
{
    double y = 0;
    char at[CLOCK_TEXT_MAX];
    if (step->at_ms > layout->calendar->to_ms || !layout_lane_y(layout, row, step->version, &y)) {
        return;
    }
    clock_format(step->at_ms, at);
    CLEANUP(mem_free_at)
    char *hint =
        mem_format("%s version %" PRId64 " at %.19sZ%s%.*s", calendar_action_name(step->action),
                   step->version, at, step->why.len > 0 ? ": " : "", (int)step->why.len,
                   step->why.len > 0 ? (const char *)step->why.data : "");
    paint_mark(svg, layout_x(layout, step->at_ms), y, step->action, span_text(hint));
}

static void put_name(struct svg *svg, const struct layout *layout, size_t row)
{
    const struct span name = layout->calendar->keys[row].name;
    const struct layout_row *at = &layout->rows[row];
    CLEANUP(mem_free_at) char *shown = layout_name(name);
    const double y = at->y + LAYOUT_PADDING + LAYOUT_LANE / 2 + 4;
    svg_put(svg, "<text x=\"16\" y=\"%.1f\" class=\"name\">", y);
    svg_put_escaped(svg, span_text(shown));
    svg_put(svg, "<title>");
    svg_put_escaped(svg, name);
    svg_put(svg, "</title></text>\n");
    if (at->left_out > 0) {
        CLEANUP(mem_free_at)
        char *note =
            mem_format("and %zu older version%s", at->left_out, at->left_out == 1 ? "" : "s");
        svg_text(svg, 16, y + LAYOUT_LANE, "class=\"tick\"", span_text(note));
    }
}

void calendar_row_put(struct svg *svg, const struct layout *layout, size_t row)
{
    const struct calendar_key *key = &layout->calendar->keys[row];
    svg_put(svg, "<g>\n");
    put_name(svg, layout, row);
    for (size_t i = 0; i < key->phase_count; i++) {
        put_phase(svg, layout, row, &key->phases[i]);
    }
    for (size_t i = 0; i < layout->rows[row].count; i++) {
        put_number(svg, layout, row, layout->rows[row].versions[i].version);
    }
    for (size_t i = 0; i < key->step_count; i++) {
        put_step(svg, layout, row, &key->steps[i]);
    }
    svg_put(svg, "</g>\n");
}
