/* Blocks of addresses: text both ways, and what they contain. */
#include "base_test.h"

#include "keystore/keystore.h"

static void text_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *text, *back;
    } rows[] = {
        {"10.0.0.0/8", "10.0.0.0/8"},
        {"192.0.2.7", "192.0.2.7"},
        {"192.0.2.7/32", "192.0.2.7"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"::/0", "::/0"},
        {"2001:db8::/32", "2001:db8::/32"},
        {"::1", "::1"},
        {"2001:DB8::1/128", "2001:db8::1"},
        {"::ffff:10.0.0.0/104", "10.0.0.0/8"},
        {"10.128.0.0/9", "10.128.0.0/9"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct network network;
        char text[64];
        assert_code_of(rows[i].text, network_parse(span_text(rows[i].text), &network), ERR_OK);
        network_format(&network, text);
        assert_string_equal(text, rows[i].back);
    }
}

static void what_is_no_network(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/",
        "10.0.0.0/08",
        "10.0.0/8",
        "10.0.0.0/8 ",
        " 10.0.0.0/8",
        "/8",
        "2001:db8::/16",
        "::/129",
        "host",
        "unix",
        "10.0.0.0/8/8",
        "fe80::1%lo",
        "::1/0",
        "10.0.0.0/1x",
        "256.0.0.0",
        "010.0.0.0",
        "::ffff:0:0/90",
        "10.64.0.0/9",
        "00000000000000000000000000000000000000000000000000000000000000000000:1",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct network network = {.prefix = 77};
        assert_code_of(bad[i], network_parse(span_text(bad[i]), &network), ERR_INVALID_FIELD);
        assert_int_equal(network.prefix, 77);
    }
}

static void what_they_contain(void **state)
{
    (void)state;
    static const struct {
        const char *block, *address;
        bool contains;
    } rows[] = {
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.128.0.0/9", "10.128.0.1", true},
        {"10.128.0.0/9", "10.127.255.255", false},
        {"10.0.0.0/8", "::ffff:10.1.1.1", true},
        {"0.0.0.0/0", "203.0.113.1", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "203.0.113.1", false},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct network block, address;
        assert_ok(network_parse(span_text(rows[i].block), &block));
        assert_ok(network_parse(span_text(rows[i].address), &address));
        if (network_contains(&block, address.address) != rows[i].contains) {
            fail_msg("%s and %s", rows[i].block, rows[i].address);
        }
    }
}

static void operations_have_words(void **state)
{
    (void)state;
    enum operation operation = OPERATION_COUNT;
    for (unsigned i = 0; i < OPERATION_COUNT; i++) {
        assert_true(operation_by_name(span_text(operation_name((enum operation)i)), &operation));
        assert_int_equal(operation, i);
    }
    assert_false(operation_by_name(span_text("signs"), &operation));
    assert_false(operation_by_name(span_text("sig"), &operation));
    assert_false(operation_by_name(span_text(""), &operation));
    assert_false(operation_by_name(span_text("*"), &operation));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_both_ways),
        cmocka_unit_test(what_is_no_network),
        cmocka_unit_test(what_they_contain),
        cmocka_unit_test(operations_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
