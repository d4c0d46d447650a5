/* drill_quorum: the people of a drill: their keys, or the wait for them. */
#ifndef HSMGATE_CLI_DRILL_QUORUM_H
#define HSMGATE_CLI_DRILL_QUORUM_H

#include "cli/asked.h"
#include "cli/chain_file.h"
#include "cli/options.h"
#include "cli/signing_key.h"

struct drill_quorum {
    struct client *client;
    const struct repeated *keys; /* paths of PEM files */
    struct signing_key *signers; /* one for each key */
    char **voters;               /* ids, likewise */
    struct chain_file chain;
    bool waits; /* for people instead */
};
/* Reads the roster and finds whose keys they are. */
MUST_USE struct err drill_quorum_open(struct client *client, const struct options *options,
                                      struct drill_quorum *out);
void drill_quorum_clear(struct drill_quorum *quorum);
/* Appends `,"approval":{…}`: by --approval, or of the first group that these keys can satisfy. */
MUST_USE struct err drill_quorum_approval(const struct drill_quorum *quorum,
                                          const struct options *options, struct buf *out);
/* Makes a request; its id comes out, free it with mem_free. */
MUST_USE struct err drill_quorum_ask(struct drill_quorum *quorum, struct span body, char **out_id);
/* Votes with one key after the other until it is approved. */
MUST_USE struct err drill_quorum_vote(struct drill_quorum *quorum, const char *id);
/* Tells people on standard error what to do, and waits until they have decided. */
MUST_USE struct err drill_quorum_wait(struct drill_quorum *quorum, const char *id);

#endif
