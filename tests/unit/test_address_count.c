/* Which addresses count together, and that entering and leaving balance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/address_count.h"

static struct address_key key_of(const char *text)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &four.sin_addr) == 1) {
        memcpy(&storage, &four, sizeof(four));
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
        memcpy(&storage, &six, sizeof(six));
    }
    return address_key_of((const struct sockaddr *)&storage);
}

static const struct {
    const char *name;
    const char *a;
    const char *b;
    bool together;
} pairs[] = {
    {"the same", "10.0.0.1", "10.0.0.1", true},
    {"neighbours", "10.0.0.1", "10.0.0.2", false},
    {"one network", "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
    {"next network", "2001:db8:1:2::1", "2001:db8:1:3::1", false},
    {"mapped", "::ffff:10.0.0.1", "10.0.0.1", true},
    {"mapped apart", "::ffff:10.0.0.1", "::ffff:10.0.0.2", false},
    {"the same number in both families", "0.0.0.0", "::1", false},
};

static void test_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        print_message("%s\n", pairs[i].name);
        struct address_count *count = address_count_open(1);
        address_count_enter(count, key_of(pairs[i].a));
        assert_int_equal(address_count_fits(count, key_of(pairs[i].b)), !pairs[i].together);
        address_count_close(count);
    }
}

static void test_limit(void **state)
{
    (void)state;
    struct address_count *count = address_count_open(2);
    struct address_key key = key_of("192.0.2.1");
    address_count_enter(count, key);
    assert_true(address_count_fits(count, key));
    address_count_enter(count, key);
    assert_false(address_count_fits(count, key));
    address_count_leave(count, key);
    assert_true(address_count_fits(count, key));
    address_count_leave(count, key);
    address_count_leave(count, key); /* was not there: harmless */
    address_count_enter(count, key);
    assert_true(address_count_fits(count, key));
    address_count_close(count);
}

static void test_many_addresses(void **state)
{
    (void)state;
    struct address_count *count = address_count_open(1);
    for (uint64_t i = 0; i < 50000; i++) {
        struct address_key key = {.network = i << 32, .family = AF_INET6};
        assert_true(address_count_fits(count, key));
        address_count_enter(count, key);
        assert_false(address_count_fits(count, key));
    }
    for (uint64_t i = 0; i < 50000; i += 2) {
        address_count_leave(count, (struct address_key){.network = i << 32, .family = AF_INET6});
    }
    for (uint64_t i = 0; i < 50000; i++) {
        struct address_key key = {.network = i << 32, .family = AF_INET6};
        assert_int_equal(address_count_fits(count, key), i % 2 == 0);
    }
    address_count_close(count);
}

static void test_no_limit_and_no_address(void **state)
{
    (void)state;
    struct address_count *none = address_count_open(0);
    address_count_enter(none, key_of("192.0.2.1"));
    assert_true(address_count_fits(none, key_of("192.0.2.1")));
    address_count_close(none);
    struct address_count *one = address_count_open(1);
    struct sockaddr local = {.sa_family = AF_UNIX};
    address_count_enter(one, address_key_of(&local));
    assert_true(address_count_fits(one, address_key_of(&local)));
    address_count_close(one);
    address_count_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_many_addresses),
        cmocka_unit_test(test_no_limit_and_no_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
