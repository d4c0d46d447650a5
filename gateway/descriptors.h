/* descriptors: how many connections there is room for below the limit of open files. What the
 * gateway itself opens, a worker that starts again and the next file of the log among it, must find
 * a descriptor, whoever connects. */
#ifndef HSMGATE_GATEWAY_DESCRIPTORS_H
#define HSMGATE_GATEWAY_DESCRIPTORS_H

#include <stddef.h>

/* Descriptors that are open now, without looking beyond the first few thousand. */
size_t descriptors_open(void);
/* How many connections fit beside `own` descriptors under the limit as it is now. */
size_t descriptors_room(size_t own);

#endif
