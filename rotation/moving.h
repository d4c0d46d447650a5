/* moving: versions from state to state, one step at a time. */
#ifndef HSMGATE_ROTATION_MOVING_H
#define HSMGATE_ROTATION_MOVING_H

#include "rotation/rotation.h"

/* The version becomes the primary, the old primary retiring, in one transaction. `reason` or NULL.
 */
MUST_USE struct err moving_promote(const struct rotation *rotation, const struct key *key,
                                   const struct version *version, const char *reason,
                                   const struct moment *moment);
/* A retiring version leaves the key sets. */
MUST_USE struct err moving_retire(const struct rotation *rotation, const struct key *key,
                                  const struct version *version, const struct moment *moment);
/* Marks, destroys on the token with proof that nothing is left, and says so in the row. The
 * material may be gone already: then only the row is missing. ERR_TOKEN_UNAVAILABLE. */
MUST_USE struct err moving_destroy(const struct rotation *rotation, const struct key *key,
                                   const struct version *version, const char *reason,
                                   const struct moment *moment, int64_t deadline_ns);

#endif
