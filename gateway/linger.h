/* linger: reads away what a refused client still sends, so that it can read its answer. Closing a
 * socket with unread bytes makes the kernel send a reset, which can overtake the answer. */
#ifndef HSMGATE_GATEWAY_LINGER_H
#define HSMGATE_GATEWAY_LINGER_H

struct linger_pool;

struct linger_pool *linger_open(void);
/* Closes what is left, joins the thread, frees. Takes NULL. */
void linger_close(struct linger_pool *pool);
/* Ends our side of the connection and keeps a copy of the descriptor until the client ends, two
 * seconds pass or it sent too much. The caller closes its own descriptor. */
void linger_add(struct linger_pool *pool, int fd);

#endif
