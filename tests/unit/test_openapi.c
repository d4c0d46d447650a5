/* The OpenAPI document and the route table say the same, in both directions. */
#include "base_test.h"

#include "gateway/pipeline.h"

extern const uint8_t openapi_document[];
extern const size_t openapi_document_len;

static struct json document;

static int parse_document(void **state)
{
    (void)state;
    struct err err = json_parse(span_of(openapi_document, openapi_document_len), &document);
    return err.code == ERR_OK ? 0 : -1;
}

static int clear_document(void **state)
{
    (void)state;
    json_clear(&document);
    return 0;
}

/* Puts an example in the place of each `{parameter}`. */
static void fill_path(const char *template, char *out, size_t size)
{
    size_t len = 0;
    for (const char *at = template; *at != '\0'; at++) {
        const char *add = NULL;
        if (*at == '{') {
            add = strncmp(at, "{name}", 6) == 0 ? "team/app/key" : "team";
            at = strchr(at, '}');
        }
        len += (size_t)snprintf(out + len, size - len, "%.*s", add != NULL ? 10000 : 1,
                                add != NULL ? add : at);
        assert_true(len < size);
    }
}

static bool method_by_name(const char *name, enum method *out)
{
    static const char *const names[METHOD_COUNT] = {"get", "post", "put", "patch", "delete"};
    for (unsigned i = 0; i < METHOD_LIST; i++) { /* which no native route has */
        if (strcmp(name, names[i]) == 0) {
            *out = (enum method)i;
            return true;
        }
    }
    return false;
}

static const struct route *route_of(const char *path, enum method method)
{
    const struct request request = {.method = method, .path = span_text(path)};
    const struct route *route = NULL;
    struct span target;
    uint32_t version;
    const char *allow = NULL;
    assert_code_of(path, route_find(&request, &route, &target, &version, &allow), ERR_OK);
    return route;
}

/* An operation's security and body follow from its route. */
static void check_operation(const struct json_value *operation, const struct route *route)
{
    bool open = route->access == ACCESS_HEALTH || route->access == ACCESS_PUBLIC;
    const struct json_value *responses = json_member(operation, "responses");
    assert_int_equal(json_member(operation, "security") != NULL, open);
    assert_int_equal(json_member(operation, "requestBody") != NULL, route->body != BODY_NONE);
    assert_int_equal(json_member(responses, "401") != NULL, !open);
    /* who may ask about whom is for /v1/authorize itself to say */
    bool votes = route->method == METHOD_POST &&
                 (route->target == TARGET_ITEM || strcmp(route->path, "/v1/roster") == 0);
    bool refuses =
        route->access == ACCESS_GRANT || votes || strcmp(route->path, "/v1/authorize") == 0;
    assert_int_equal(json_member(responses, "403") != NULL, refuses);
    assert_non_null(json_member(operation, "operationId"));
    assert_non_null(json_member(operation, "summary"));
}

static void document_and_table_agree(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) bool *seen = mem_array(route_count, sizeof(bool));
    const struct json_value *path = json_first(json_member(document.root, "paths"));
    for (; path != NULL; path = json_next(path)) {
        char text[128];
        fill_path(json_name(path), text, sizeof(text));
        for (const struct json_value *item = json_first(path); item != NULL;
             item = json_next(item)) {
            enum method method;
            if (method_by_name(json_name(item), &method)) {
                const struct route *route = route_of(text, method);
                seen[route - routes] = true;
                check_operation(item, route);
            }
        }
    }
    for (size_t i = 0; i < route_count; i++) {
        if (!seen[i]) {
            fail_msg("not in the document: %s %s %s", method_name(routes[i].method), routes[i].path,
                     routes[i].verb != NULL ? routes[i].verb : "");
        }
    }
}

/* Follows `#/a/b` from the root. */
static void check_reference(struct span reference)
{
    const struct json_value *node = document.root;
    assert_true(span_starts(reference, "#/"));
    char *text = span_to_text(span_of(reference.data + 2, reference.len - 2));
    char *rest = text;
    for (char *part = strsep(&rest, "/"); part != NULL; part = strsep(&rest, "/")) {
        node = json_member(node, part);
        if (node == NULL) {
            fail_msg("dangling reference %.*s", (int)reference.len, (const char *)reference.data);
        }
    }
    mem_free(text);
}

static size_t check_references(const struct json_value *node)
{
    struct span text;
    if (strcmp(json_name(node), "$ref") == 0 && json_as_text(node, &text)) {
        check_reference(text);
        return 1;
    }
    size_t count = 0;
    for (const struct json_value *child = json_first(node); child != NULL;
         child = json_next(child)) {
        count += check_references(child);
    }
    return count;
}

static void references_lead_somewhere(void **state)
{
    (void)state;
    assert_true(check_references(document.root) > 100);
}

static void the_version_is_ours(void **state)
{
    (void)state;
    struct span text;
    assert_true(json_as_text(json_member(document.root, "openapi"), &text));
    assert_span_is(text, "3.1.0");
    assert_true(json_as_text(json_member(json_member(document.root, "info"), "version"), &text));
    assert_span_is(text, HSMGATE_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(document_and_table_agree),
        cmocka_unit_test(references_lead_somewhere),
        cmocka_unit_test(the_version_is_ours),
    };
    return cmocka_run_group_tests(tests, parse_document, clear_document);
}
