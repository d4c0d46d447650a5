/* patience: how long to go on asking a gateway that cannot serve now, and when to ask next. */
#ifndef HSMGATE_CLI_PATIENCE_H
#define HSMGATE_CLI_PATIENCE_H

#include "cli/client.h"
#include "cli/stop.h"

#define PATIENCE_DEFAULT "5m"

struct patience {
    struct stop *stop;
    int64_t limit_ms; /* of one outage */
    int64_t end_ns;   /* of the outage at hand; 0: none */
    unsigned tries;   /* in it */
};

/* Whether asking again may help: 429, 502, 503, 504, or no answer at all (`err` is ERR_IO). */
bool patience_helps(const struct err *err, const struct response *response);
/* Likewise by the code of one item of a batch. */
bool patience_helps_item(enum err_code code);

enum patience_next {
    PATIENCE_AGAIN,
    PATIENCE_STOP, /* a signal came */
    PATIENCE_OVER, /* the outage has lasted as long as the limit */
};
/* Waits before the next try: 250 ms, then twice as long each time up to 10 s, never shorter than
 * the server asked for (0: it did not); the last try is at the limit. */
enum patience_next patience_pause(struct patience *patience, int64_t retry_after_s);
/* It served: the next outage has the whole limit again. */
void patience_served(struct patience *patience);

#endif
