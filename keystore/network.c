/* network: blocks of addresses. Everything is held in 16 bytes, IPv4 in its mapped form (RFC 4291
 * §2.5.5.2), so that a dual-stack listener's `::ffff:10.0.0.1` and `10.0.0.1` are one address. A
 * block of IPv6 never takes IPv4 addresses in: `::/0` is all of IPv6 and nothing else. */
#include <arpa/inet.h>

#include "base/mem.h"
#include "keystore/keystore.h"

#define IPV4_BITS 96u

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_mapped(const uint8_t address[16])
{
    return memcmp(address, mapped, sizeof(mapped)) == 0;
}

/* The address's own number of bits comes out: 32 or 128. */
static struct err parse_address(const char *text, uint8_t out[16], unsigned *out_bits)
{
    uint8_t address[16];
    memcpy(address, mapped, sizeof(mapped));
    if (inet_pton(AF_INET, text, address + sizeof(mapped)) == 1) {
        *out_bits = 32;
    } else {
        ENSURE(inet_pton(AF_INET6, text, address) == 1, ERR_INVALID_FIELD,
               "A source must be an address or a block such as 10.0.0.0/8.");
        *out_bits = 128;
    }
    memcpy(out, address, sizeof(address));
    return err_ok();
}

/* Digits without leading zero, at most `most`. */
static struct err parse_prefix(const char *text, unsigned most, unsigned *out)
{
    unsigned value = 0;
    size_t len = strlen(text);
    bool digits = len >= 1 && len <= 3 && strspn(text, "0123456789") == len;
    for (size_t i = 0; digits && i < len; i++) {
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    ENSURE(digits && (len == 1 || text[0] != '0') && value <= most, ERR_INVALID_FIELD,
           "The prefix of a source must be a number from 0 to %u.", most);
    *out = value;
    return err_ok();
}

static bool bit_of(const uint8_t address[16], unsigned bit)
{
    return (address[bit / 8] >> (7 - bit % 8) & 1) != 0;
}

static struct err parse_block(char *text, struct network *out)
{
    char *slash = strchr(text, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    struct network network = {0};
    unsigned bits = 0;
    TRY(parse_address(text, network.address, &bits));
    unsigned prefix = bits;
    if (slash != NULL) {
        TRY(parse_prefix(slash + 1, bits, &prefix));
    }
    network.prefix = bits == 32 ? IPV4_BITS + prefix : prefix;
    ENSURE(!is_mapped(network.address) || network.prefix >= IPV4_BITS, ERR_INVALID_FIELD,
           "A source in ::ffff:0:0/96 must have a prefix of 96 or more.");
    for (unsigned bit = network.prefix; bit < 128; bit++) {
        ENSURE(!bit_of(network.address, bit), ERR_INVALID_FIELD,
               "A source must have no bits behind its prefix: 10.0.0.0/8, not 10.1.2.3/8.");
    }
    *out = network;
    return err_ok();
}

/* What somebody put there by mistake, a token of theirs perhaps, does not stay on the stack. */
struct err network_parse(struct span text, struct network *out)
{
    char copy[64];
    ENSURE(text.len > 0 && text.len < sizeof(copy) && memchr(text.data, 0, text.len) == NULL,
           ERR_INVALID_FIELD, "A source must be an address or a block such as 10.0.0.0/8.");
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    struct err err = parse_block(copy, out);
    mem_wipe(copy, sizeof(copy));
    return err;
}

void network_format(const struct network *network, char out[64])
{
    char text[INET6_ADDRSTRLEN] = "";
    bool ipv4 = is_mapped(network->address) && network->prefix >= IPV4_BITS;
    unsigned bits = ipv4 ? 32 : 128;
    unsigned prefix = ipv4 ? network->prefix - IPV4_BITS : network->prefix;
    (void)inet_ntop(ipv4 ? AF_INET : AF_INET6, network->address + (ipv4 ? sizeof(mapped) : 0), text,
                    sizeof(text));
    if (prefix == bits) {
        (void)snprintf(out, 64, "%s", text);
    } else {
        (void)snprintf(out, 64, "%s/%u", text, prefix);
    }
}

bool network_contains(const struct network *network, const uint8_t address[16])
{
    if (is_mapped(address) != (is_mapped(network->address) && network->prefix >= IPV4_BITS)) {
        return false;
    }
    unsigned bytes = network->prefix / 8, bits = network->prefix % 8;
    if (memcmp(network->address, address, bytes) != 0) {
        return false;
    }
    return bits == 0 || (network->address[bytes] ^ address[bytes]) >> (8 - bits) == 0;
}
