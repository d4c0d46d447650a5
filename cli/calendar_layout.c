/* A row has a lane for each version that is there at the same time; one that begins when another
 * has ended takes its lane. Old versions that nobody destroys pile up: the newest are drawn. */
#include "cli/calendar_layout.h"

#include "base/mem.h"

#define NAME_CHARACTER 7.3 /* wide */
#define NAME_MARGIN    30.0
#define LEFT_MIN       150.0
#define PAST_PART      50 /* of the time before now that is left blank at the start: one in */

/* When a version is to be seen. */
struct extent {
    int64_t version;
    int64_t from_ms;
    int64_t to_ms;
};

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t find_start(const struct calendar *calendar)
{
    const int64_t ahead_ms = calendar->to_ms - calendar->now_ms;
    int64_t first_ms = calendar->now_ms;
    for (size_t i = 0; i < calendar->key_count; i++) {
        for (size_t j = 0; j < calendar->keys[i].phase_count; j++) {
            const int64_t from_ms = calendar->keys[i].phases[j].from_ms;
            first_ms = from_ms < first_ms ? from_ms : first_ms;
        }
    }
    return later(first_ms - ahead_ms / PAST_PART, calendar->now_ms - ahead_ms);
}

/* The extents of a key's versions, by version; phases are in that order. Returns how many. */
static size_t find_extents(const struct calendar_key *key, int64_t start_ms, struct extent *out)
{
    size_t count = 0;
    for (size_t i = 0; i < key->phase_count; i++) {
        const struct calendar_phase *phase = &key->phases[i];
        if (phase->to_ms <= start_ms) {
            continue;
        }
        if (count == 0 || out[count - 1].version != phase->version) {
            out[count++] = (struct extent){phase->version, phase->from_ms, phase->to_ms};
        }
        out[count - 1].to_ms = later(out[count - 1].to_ms, phase->to_ms);
    }
    return count;
}

/* The first lane that is free when the extent begins; ends[] says when each is. */
static size_t find_lane(int64_t ends[LAYOUT_LANES_MAX], size_t *lanes, const struct extent *extent)
{
    size_t lane = 0;
    while (lane < *lanes && ends[lane] > extent->from_ms) {
        lane++;
    }
    *lanes = lane == *lanes ? lane + 1 : *lanes;
    ends[lane] = extent->to_ms;
    return lane;
}

static void place_row(const struct calendar_key *key, int64_t start_ms, struct layout_row *row)
{
    CLEANUP(mem_free_at)
    struct extent *extents = mem_array(key->phase_count, sizeof *extents);
    const size_t count = find_extents(key, start_ms, extents);
    row->left_out = count > LAYOUT_LANES_MAX ? count - LAYOUT_LANES_MAX : 0;
    row->count = count - row->left_out;
    row->versions = mem_array(row->count, sizeof *row->versions);
    int64_t ends[LAYOUT_LANES_MAX] = {0};
    size_t lanes = 0;
    for (size_t i = 0; i < row->count; i++) {
        const struct extent *extent = &extents[row->left_out + i];
        row->versions[i] = (struct layout_lane){extent->version, find_lane(ends, &lanes, extent)};
    }
    row->height = 2 * LAYOUT_PADDING + LAYOUT_LANE * (double)(lanes > 0 ? lanes : 1);
}

static double left_of(const struct calendar *calendar)
{
    size_t longest = 0;
    for (size_t i = 0; i < calendar->key_count; i++) {
        const size_t len = calendar->keys[i].name.len;
        longest = len > longest ? len : longest;
    }
    longest = longest < LAYOUT_NAME_MAX ? longest : LAYOUT_NAME_MAX;
    const double left = NAME_MARGIN + NAME_CHARACTER * (double)longest;
    return left > LEFT_MIN ? left : LEFT_MIN;
}

void layout_make(const struct calendar *calendar, struct layout *out)
{
    double y = LAYOUT_TOP;
    *out = (struct layout){.calendar = calendar,
                           .start_ms = find_start(calendar),
                           .left = left_of(calendar),
                           .rows = mem_array(calendar->key_count, sizeof *out->rows)};
    out->width = LAYOUT_WIDTH - LAYOUT_RIGHT - out->left;
    for (size_t i = 0; i < calendar->key_count; i++) {
        out->rows[i].y = y;
        place_row(&calendar->keys[i], out->start_ms, &out->rows[i]);
        y += out->rows[i].height;
    }
    out->height = y + LAYOUT_BOTTOM;
}

void layout_clear(struct layout *layout)
{
    for (size_t i = 0; layout->rows != NULL && i < layout->calendar->key_count; i++) {
        mem_free(layout->rows[i].versions);
    }
    mem_free(layout->rows);
    layout->rows = NULL;
}

double layout_x(const struct layout *layout, int64_t at_ms)
{
    const int64_t end_ms = layout->calendar->to_ms;
    const int64_t inside_ms = at_ms < layout->start_ms ? layout->start_ms
                              : at_ms > end_ms         ? end_ms
                                                       : at_ms;
    return layout->left + layout->width * (double)(inside_ms - layout->start_ms) /
                              (double)(end_ms - layout->start_ms);
}

bool layout_lane_y(const struct layout *layout, size_t row, int64_t version, double *out)
{
    const struct layout_row *at = &layout->rows[row];
    for (size_t i = 0; i < at->count; i++) {
        if (at->versions[i].version == version) {
            *out = at->y + LAYOUT_PADDING + LAYOUT_LANE * ((double)at->versions[i].lane + 0.5);
            return true;
        }
    }
    return false;
}

char *layout_name(struct span name)
{
    if (name.len <= LAYOUT_NAME_MAX) {
        return span_to_text(name);
    }
    const size_t tail = LAYOUT_NAME_MAX / 2;
    const size_t head = LAYOUT_NAME_MAX - tail - 1;
    return mem_format("%.*s\xe2\x80\xa6%.*s", (int)head, (const char *)name.data, (int)tail,
                      (const char *)name.data + name.len - tail);
}
