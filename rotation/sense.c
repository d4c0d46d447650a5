/* sense: three readings of time, from two clocks and what was stored.
 *
 * `lived` counts what the monotonic clock counts, over all starts: what must last a while (that a
 * version is published, that it still verifies) is measured on it, so no leap cuts it short.
 * `calm` is the calendar that schedules follow: it goes on with the monotonic clock, takes leaps of
 * a day at most from the wall clock, larger ones when they have lasted a day, and never goes back.
 * `now` is the later of wall clock and calm: what has expired by either has expired. */
#include "rotation/sense.h"

#define NS_PER_MS 1000000

void sense_start(const struct lived_clock *stored, const struct sense_clocks *clocks,
                 struct sense *out)
{
    *out = (struct sense){.lived = stored->lived,
                          .calm = stored->high_water != 0 ? stored->high_water : clocks->wall,
                          .anchor_ns = clocks->mono_ns,
                          .leapt = -1};
}

static int64_t elapsed(const struct sense *sense, const struct sense_clocks *clocks)
{
    int64_t ns = clocks->mono_ns - sense->anchor_ns;
    return ns > 0 ? ns / NS_PER_MS : 0;
}

void sense_read(struct sense *sense, const struct sense_clocks *clocks, struct moment *out)
{
    int64_t since = elapsed(sense, clocks);
    int64_t lived = sense->lived + since;
    int64_t gap = clocks->wall - (sense->calm + since);
    bool leap = gap > SENSE_LEAP_MS;
    if (!leap) {
        sense->leapt = -1;
    } else if (sense->leapt < 0) {
        sense->leapt = lived;
    }
    bool lasted = leap && lived - sense->leapt >= SENSE_LEAP_MS;
    if ((gap > 0 && !leap) || lasted) {
        sense->calm += gap;
        sense->leapt = -1;
        leap = false;
    }
    int64_t calm = sense->calm + since;
    *out = (struct moment){.now = clocks->wall > calm ? clocks->wall : calm,
                           .calm = calm,
                           .lived = lived,
                           .behind = clocks->wall - calm,
                           .leapt = leap || gap < -SENSE_LEAP_MS};
}

void sense_accept(struct sense *sense, const struct sense_clocks *clocks)
{
    sense->calm = clocks->wall - elapsed(sense, clocks);
    sense->leapt = -1;
}

struct lived_clock sense_stored(const struct sense *sense, const struct sense_clocks *clocks)
{
    int64_t since = elapsed(sense, clocks);
    return (struct lived_clock){.lived = sense->lived + since, .high_water = sense->calm + since};
}
