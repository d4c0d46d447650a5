/* fuzz_route: a request's target as the server takes it, behind a letter for the method. What is
 * routed is what the path says, to a name that may be asked for, and the query's parameters come
 * out printable and within their room. */
#include <assert.h>

#include "base/mem.h"
#include "gateway/http_shape.h"
#include "gateway/pipeline.h"
#include "gateway/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_within(struct span inner, struct span outer)
{
    return inner.len == 0 ||
           (inner.data >= outer.data && inner.data + inner.len <= outer.data + outer.len);
}

static void check_found(const struct request *request, const struct route *route,
                        struct span target, uint32_t version)
{
    assert(route >= routes && route < routes + route_count);
    assert(route->method == request->method && is_within(target, request->path));
    assert(span_starts(request->path, route->path));
    assert(route->target == TARGET_KEY || version == 0);
    if (route->target == TARGET_KEY) {
        assert(name_check(target).code == ERR_OK);
    } else if (route->target == TARGET_ITEM) {
        assert(target.len > 0 && memchr(target.data, '/', target.len) == NULL);
    } else if (route->target == TARGET_REST) {
        assert(strlen(route->path) + target.len == request->path.len && target.len > 0);
    } else {
        assert(span_is(request->path, route->path) && target.len == 0);
    }
}

static void check_route(const struct request *request)
{
    const struct route *route = NULL;
    const char *allow = NULL;
    struct span target = {0};
    uint32_t version = 0;
    struct err err = route_find(request, &route, &target, &version, &allow);
    if (err.code == ERR_OK) {
        check_found(request, route, target, version);
        return;
    }
    assert(route == NULL && target.len == 0 && version == 0);
    assert((err.code == ERR_METHOD_NOT_ALLOWED) == (allow != NULL));
    assert(err.code == ERR_METHOD_NOT_ALLOWED || err.code == ERR_NOT_FOUND ||
           err.code == ERR_INVALID_NAME || err.code == ERR_INVALID_PATH);
    assert(!route_is_urgent(request));
}

static void check_query(struct span query)
{
    char limit[8] = "", after[32] = "";
    int64_t number = 5;
    const struct query_field fields[] = {{"limit", limit, sizeof(limit)},
                                         {"after", after, sizeof(after)}};
    struct err err = query_read(query, fields, ARRAY_LEN(fields));
    assert(err.code == ERR_OK || err.code == ERR_UNKNOWN_FIELD || err.code == ERR_DUPLICATE_FIELD ||
           err.code == ERR_INVALID_FIELD);
    if (err.code != ERR_OK) {
        return;
    }
    for (size_t i = 0; after[i] != '\0'; i++) {
        assert(after[i] >= ' ' && after[i] <= '~');
    }
    err = query_integer("limit", limit, 1, 1000, &number);
    assert(err.code == ERR_OK || err.code == ERR_INVALID_FIELD);
    assert(number >= 1 && number <= 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request request = {0};
    if (size < 2) {
        return 0;
    }
    request.method = (enum method)(data[0] % METHOD_COUNT);
    struct err err = http_shape_target(span_of(data + 1, size - 1), &request.path, &request.query);
    assert(err.code == ERR_OK || err.code == ERR_INVALID_PATH || err.code == ERR_INVALID_FIELD);
    if (err.code == ERR_OK) {
        check_route(&request);
        check_query(request.query);
    }
    return 0;
}
