/* The names of the methods that any route has. exchange_send stands in server.c, which alone knows
 * how a reply leaves. */
#include "gateway/exchange.h"

#include <assert.h>

static const char *const names[METHOD_COUNT] = {
    [METHOD_GET] = "GET",       [METHOD_POST] = "POST",
    [METHOD_PUT] = "PUT",       [METHOD_PATCH] = "PATCH",
    [METHOD_DELETE] = "DELETE", [METHOD_LIST] = "LIST", /* Vault's clients */
};

const char *method_name(enum method method)
{
    assert(method < METHOD_COUNT);
    return names[method];
}
