/* Connections by client address: a hash table of chains, an entry lives while its address has a
 * connection, so that there are never more entries than connections. The hash has a random part: a
 * client with many networks must not be able to choose which chain its entries share. */
#include "gateway/address_count.h"

#include <netinet/in.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/sync.h"

#define CHAINS 4096

struct entry {
    struct entry *next;
    struct address_key key;
    unsigned open;
};

struct address_count {
    pthread_mutex_t mutex; /* guards the chains */
    unsigned limit;
    uint64_t seed[2];
    struct entry *chains[CHAINS];
};

/* `len` bytes, at most 8, as one number. */
static uint64_t number_of(const uint8_t *bytes, size_t len)
{
    uint64_t number = 0;
    for (size_t i = 0; i < len; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

struct address_key address_key_of(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, address, sizeof(four));
        return (struct address_key){.network = ntohl(four.sin_addr.s_addr), .family = AF_INET};
    }
    if (address->sa_family != AF_INET6) {
        return (struct address_key){.family = AF_UNSPEC};
    }
    struct sockaddr_in6 six;
    memcpy(&six, address, sizeof(six));
    const uint8_t *bytes = six.sin6_addr.s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) {
        return (struct address_key){.network = number_of(bytes + 12, 4), .family = AF_INET};
    }
    return (struct address_key){.network = number_of(bytes, 8), .family = AF_INET6};
}

struct address_count *address_count_open(unsigned limit)
{
    struct address_count *count = mem_alloc(sizeof(*count));
    sync_init(&count->mutex, NULL);
    count->limit = limit;
    random_bytes(count->seed, sizeof(count->seed));
    count->seed[0] |= 1;
    return count;
}

void address_count_close(struct address_count *count)
{
    if (count == NULL) {
        return;
    }
    for (size_t i = 0; i < CHAINS; i++) {
        while (count->chains[i] != NULL) {
            struct entry *next = count->chains[i]->next;
            mem_free(count->chains[i]);
            count->chains[i] = next;
        }
    }
    sync_destroy(&count->mutex, NULL);
    mem_free(count);
}

/* Where the entry of a key hangs, or would. */
static struct entry **find(struct address_count *count, struct address_key key)
{
    uint64_t mixed = (key.network ^ count->seed[1]) * count->seed[0];
    mixed = (mixed ^ mixed >> 32) * count->seed[0];
    struct entry **at = &count->chains[(mixed >> 40) % CHAINS];
    while (*at != NULL && ((*at)->key.network != key.network || (*at)->key.family != key.family)) {
        at = &(*at)->next;
    }
    return at;
}

static bool counts(const struct address_count *count, struct address_key key)
{
    return count->limit > 0 && key.family != AF_UNSPEC;
}

bool address_count_fits(struct address_count *count, struct address_key key)
{
    if (!counts(count, key)) {
        return true;
    }
    sync_lock(&count->mutex);
    struct entry *entry = *find(count, key);
    bool fits = entry == NULL || entry->open < count->limit;
    sync_unlock(&count->mutex);
    return fits;
}

void address_count_enter(struct address_count *count, struct address_key key)
{
    if (!counts(count, key)) {
        return;
    }
    sync_lock(&count->mutex);
    struct entry **at = find(count, key);
    if (*at == NULL) {
        *at = mem_alloc(sizeof(**at));
        (*at)->key = key;
    }
    (*at)->open++;
    sync_unlock(&count->mutex);
}

void address_count_leave(struct address_count *count, struct address_key key)
{
    if (!counts(count, key)) {
        return;
    }
    sync_lock(&count->mutex);
    struct entry **at = find(count, key);
    struct entry *entry = *at;
    if (entry != NULL && --entry->open == 0) {
        *at = entry->next;
        mem_free(entry);
    }
    sync_unlock(&count->mutex);
}
