/* fuzz_aws_shape: a body as the input of every operation of AWS KMS. An input of the right shape
 * has each of its members in the right shape when it is asked for alone, and the answer does not
 * change when the body is written anew. */
#include <assert.h>

#include "base/mem.h"
#include "gateway/aws/aws.h"
#include "gateway/aws/aws_shape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_code(struct err err)
{
    assert(err.code == ERR_OK || err.code == ERR_INVALID_FIELD || err.code == ERR_INVALID_JSON ||
           err.code == ERR_INVALID_BASE64 || err.code == ERR_UNSUPPORTED_BY_TOKEN);
}

static void check_members(const struct route *route, const struct json_value *input, bool is_good)
{
    for (const struct json_value *at = json_first(input); at != NULL; at = json_next(at)) {
        struct err err = aws_shape_check_member(route, input, json_name(at));
        check_code(err);
        assert(!is_good || err.code == ERR_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(json_clear) struct json again = {0};
    CLEANUP(buf_clear) struct buf text = {0};
    if (json_parse(span_of(data, size), &json).code != ERR_OK || !json_is(json.root, JSON_OBJECT) ||
        json_count(json.root) > 64) {
        return 0;
    }
    struct json_writer writer = json_writer_on(&text);
    json_put_value(&writer, NULL, json.root);
    assert(json_finish(&writer).code == ERR_OK);
    assert(json_parse(buf_span(&text), &again).code == ERR_OK);
    for (size_t i = 0; i < aws_route_count; i++) {
        struct err err = aws_shape_check(&aws_routes[i], json.root);
        check_code(err);
        assert(aws_shape_check(&aws_routes[i], again.root).code == err.code);
        check_members(&aws_routes[i], json.root, err.code == ERR_OK);
    }
    return 0;
}
