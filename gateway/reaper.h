/* reaper: absolute deadlines for connections. The library's own time-out counts inactivity, so a
 * client that sends a byte now and then would live for ever. */
#ifndef HSMGATE_GATEWAY_REAPER_H
#define HSMGATE_GATEWAY_REAPER_H

#include <stdbool.h>
#include <stdint.h>

struct reaper;

/* Lives in the connection's own struct; zeroed by its owner before reaper_add. */
struct reaper_entry {
    struct reaper_entry *previous;
    struct reaper_entry *next;
    int64_t deadline_ns;
    int fd;
    bool armed;
    bool reaped;
};

/* Every armed connection has `timeout_ms` from the call that armed it. */
struct reaper *reaper_open(int64_t timeout_ms);
/* Joins the thread and frees; no entry may be armed any more. Takes NULL. */
void reaper_close(struct reaper *reaper);
/* Starts the time anew. When it runs out the descriptor is shut down, not closed: the library
 * notices and closes. */
void reaper_arm(struct reaper *reaper, struct reaper_entry *entry);
/* From here on, and until armed again, the descriptor is not touched: call it before it closes. */
void reaper_disarm(struct reaper *reaper, struct reaper_entry *entry);
/* Connections shut down so far. */
uint64_t reaper_count(struct reaper *reaper);

#endif
