/* operation: the words of a grant's operations, as API and database have them. Bits exist in memory
 * only, so words may be added anywhere. */
#include "base/mem.h"
#include "keystore/keystore.h"

static const char *const names[OPERATION_COUNT] = {
    [OPERATION_ENCRYPT] = "encrypt",
    [OPERATION_DECRYPT] = "decrypt",
    [OPERATION_DATA_KEY] = "data-key",
    [OPERATION_UNWRAP] = "unwrap",
    [OPERATION_REWRAP] = "rewrap",
    [OPERATION_SIGN] = "sign",
    [OPERATION_VERIFY] = "verify",
    [OPERATION_MAC] = "mac",
    [OPERATION_JWT] = "jwt",
    [OPERATION_RANDOM] = "random",
    [OPERATION_READ] = "read",
    [OPERATION_CREATE] = "create",
    [OPERATION_UPDATE] = "update",
    [OPERATION_ROTATE] = "rotate",
    [OPERATION_RETIRE] = "retire",
    [OPERATION_DISABLE] = "disable",
    [OPERATION_COMPROMISE] = "compromise",
    [OPERATION_DESTROY] = "destroy",
    [OPERATION_REQUEST_BREAK_GLASS] = "request-break-glass",
    [OPERATION_OPEN_BREAK_GLASS] = "open-break-glass",
    [OPERATION_MANAGE_TOKENS] = "manage-tokens",
    [OPERATION_MANAGE_GRANTS] = "manage-grants",
    [OPERATION_READ_AUDIT] = "read-audit",
    [OPERATION_MANAGE_GATEWAY] = "manage-gateway",
};
_Static_assert(OPERATION_COUNT <= 32, "one bit each");

const char *operation_name(enum operation operation)
{
    return names[operation];
}

bool operation_by_name(struct span name, enum operation *out)
{
    for (unsigned i = 0; i < OPERATION_COUNT; i++) {
        if (span_is(name, names[i])) {
            *out = (enum operation)i;
            return true;
        }
    }
    return false;
}
