/* Inner to quorum/. */
#ifndef HSMGATE_QUORUM_RECIPIENT_H
#define HSMGATE_QUORUM_RECIPIENT_H

#include "quorum/quorum.h"

/* Whether it is a point on its curve. */
bool recipient_is_valid(const struct recipient *recipient);

#endif
