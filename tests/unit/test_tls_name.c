/* Which principal a certificate names: the shapes of names, and real certificates. */
#include "gateway/tls_name.h"

#include "tls_pki.h"

struct shape {
    const char *text;
    bool good;
};

static const struct shape spiffe_ids[] = {
    {"spiffe://example.org", true},
    {"spiffe://example.org/payments/api", true},
    {"spiffe://a-b_c.1/X.y-z_0", true},
    {"spiffe://example.org/...", true},
    {"", false},
    {"spiffe:/", false},
    {"spiffe://", false},
    {"spiffe:///path", false},
    {"SPIFFE://example.org/a", false},
    {"spiffe://Example.org/a", false},
    {"spiffe://example.org/", false},
    {"spiffe://example.org/a/", false},
    {"spiffe://example.org//a", false},
    {"spiffe://example.org/a//b", false},
    {"spiffe://example.org/.", false},
    {"spiffe://example.org/a/../b", false},
    {"spiffe://example.org:8080/a", false},
    {"spiffe://user@example.org/a", false},
    {"spiffe://example.org/a?b", false},
    {"spiffe://example.org/a#b", false},
    {"spiffe://example.org/a%2fb", false},
    {"spiffe://example.org/a b", false},
    {"spiffe://example.org/\xc3\xa4", false},
    {"https://example.org/a", false},
};

static const struct shape hosts[] = {
    {"a", true},
    {"api.payments.example", true},
    {"API.Example", true},
    {"1.2.3.4", true},
    {"x--y.z", true},
    {"", false},
    {".", false},
    {"a.", false},
    {".a", false},
    {"a..b", false},
    {"*.example.org", false},
    {"a.*.b", false},
    {"-a.b", false},
    {"a-.b", false},
    {"a_b", false},
    {"a b", false},
    {"a/b", false},
    {"\xc3\xa4.example", false},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b", true},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b", false},
};

static const struct shape common_names[] = {
    {"batch job #7", true}, {"a", true},     {"", false},         {" a", false},
    {"a ", false},          {"a\tb", false}, {"\xc3\xa4", false}, {"a\x7f", false},
};

static void check_shapes(const struct shape *shapes, size_t count, bool (*is)(struct span))
{
    for (size_t i = 0; i < count; i++) {
        print_message("'%s'\n", shapes[i].text);
        assert_int_equal(is(span_text(shapes[i].text)), shapes[i].good);
    }
}

static void test_shapes(void **state)
{
    (void)state;
    check_shapes(spiffe_ids, ARRAY_LEN(spiffe_ids), tls_name_is_spiffe_id);
    check_shapes(hosts, ARRAY_LEN(hosts), tls_name_is_host);
    check_shapes(common_names, ARRAY_LEN(common_names), tls_name_is_common_name);
    assert_false(tls_name_is_spiffe_id(span_of("spiffe://a/b\0c", 14)));
    assert_false(tls_name_is_host(span_of("a\0b", 3)));
    assert_false(tls_name_is_common_name(span_of("a\0b", 3)));
}

static const struct {
    const char *title;
    struct wish wish;
    const char *name; /* NULL: refused */
} cases[] = {
    {"SPIFFE before all",
     {.uri = "spiffe://a/b", .dns = "x.y", .common_name = "c"},
     "spiffe://a/b"},
    {"another URI, DNS", {.uri = "https://a/b", .dns = "X.y", .common_name = "c"}, "dns:x.y"},
    {"another URI alone", {.uri = "https://a/b", .common_name = "c"}, "cn:c"},
    {"two URIs, one SPIFFE", {.uri = "https://a/b", .uri2 = "spiffe://a/b"}, NULL},
    {"SPIFFE first of two", {.uri = "spiffe://a/b", .uri2 = "https://a/b"}, NULL},
    {"two SPIFFE", {.uri = "spiffe://a/b", .uri2 = "spiffe://a/c"}, NULL},
    {"two other URIs", {.uri = "https://a/b", .uri2 = "https://a/c", .dns = "x"}, "dns:x"},
    {"bad SPIFFE is no reason to look on", {.uri = "spiffe://A/b", .dns = "x.y"}, NULL},
    {"scheme in capitals", {.uri = "SPIFFE://a/b", .dns = "x.y"}, NULL},
    {"NUL in SPIFFE", {.uri = "spiffe://a/b@c", .nul = "a/b@c"}, NULL},
    {"NUL in DNS", {.dns = "x.y@.z", .nul = "x.y@.z", .common_name = "c"}, NULL},
    {"wildcard", {.dns = "*.x.y", .common_name = "c"}, NULL},
    {"DNS", {.dns = "api.example"}, "dns:api.example"},
    {"CN", {.common_name = "Batch job, night"}, "cn:Batch job, night"},
    {"two CNs", {.common_name = "one", .common_name2 = "two"}, NULL},
    {"NUL in CN", {.common_name = "admin@.evil", .nul = "admin@.evil"}, NULL},
    {"more names than are looked at", {.dns = "a", .more_names = 100}, NULL},
    {"nothing", {0}, NULL},
};

static void test_certificates(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].title);
        char name[TLS_NAME_MAX] = "";
        struct made made = make_certificate(cases[i].wish);
        assert_int_equal(tls_name_of(made.certificate, name), cases[i].name != NULL);
        if (cases[i].name != NULL) {
            assert_string_equal(name, cases[i].name);
        }
        made_clear(&made);
    }
}

/* A name as long as a principal may be, and one byte more. */
static void test_length(void **state)
{
    (void)state;
    for (size_t len = TLS_NAME_MAX - 1; len <= TLS_NAME_MAX + 200; len++) {
        CLEANUP(mem_free_at) char *uri = mem_alloc(len + 1);
        memset(uri, 'a', len);
        memcpy(uri, "spiffe://a/", 11);
        char name[TLS_NAME_MAX] = "";
        struct made made = make_certificate((struct wish){.uri = uri});
        assert_int_equal(tls_name_of(made.certificate, name), len < TLS_NAME_MAX);
        made_clear(&made);
        len += len >= TLS_NAME_MAX ? 99 : 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
