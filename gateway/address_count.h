/* address_count: how many connections each client address has open. */
#ifndef HSMGATE_GATEWAY_ADDRESS_COUNT_H
#define HSMGATE_GATEWAY_ADDRESS_COUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct address_count;

/* Whose connections count together: an IPv4 address, or an IPv6 network of 64 bits, because a
 * client owns all addresses of such a network. An IPv4 address inside of IPv6 is an IPv4 one. */
struct address_key {
    uint64_t network;
    sa_family_t family; /* AF_UNSPEC: not counted */
};

struct address_key address_key_of(const struct sockaddr *address);
/* limit 0: everything fits, nothing is counted. */
struct address_count *address_count_open(unsigned limit);
/* Takes NULL. */
void address_count_close(struct address_count *count);
/* Whether one more fits. */
bool address_count_fits(struct address_count *count, struct address_key key);
void address_count_enter(struct address_count *count, struct address_key key);
void address_count_leave(struct address_count *count, struct address_key key);

#endif
