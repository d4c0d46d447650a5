/* Query strings: what is taken, decoded and refused. */
#include "base_test.h"

#include "gateway/query.h"

struct values {
    char a[8];
    char b[8];
};

static struct err read_values(const char *query, struct values *values)
{
    const struct query_field fields[] = {
        {"a", values->a, sizeof(values->a)},
        {"b", values->b, sizeof(values->b)},
    };
    return query_read(span_text(query), fields, ARRAY_LEN(fields));
}

static void good_queries_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *query, *a, *b;
    } rows[] = {
        {"", "old", "old"},
        {"a=1", "1", "old"},
        {"a=1&b=2", "1", "2"},
        {"b=2&a=1", "1", "2"},
        {"&a=1&&", "1", "old"},
        {"a=", "", "old"},
        {"a", "", "old"},
        {"a=x%2Fy%2fz", "x/y/z", "old"},
        {"a=x+y", "x y", "old"},
        {"a=1234567", "1234567", "old"},
        {"a=%31%32%33%34%35%36%37", "1234567", "old"},
        {"a=x=y", "x=y", "old"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct values values = {"old", "old"};
        assert_code_of(rows[i].query, read_values(rows[i].query, &values), ERR_OK);
        assert_string_equal(values.a, rows[i].a);
        assert_string_equal(values.b, rows[i].b);
    }
}

static void bad_queries_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        enum err_code code;
    } rows[] = {
        {"c=1", ERR_UNKNOWN_FIELD},        {"=1", ERR_UNKNOWN_FIELD},
        {"A=1", ERR_UNKNOWN_FIELD},        {"aa=1", ERR_UNKNOWN_FIELD},
        {"a=1&a=1", ERR_DUPLICATE_FIELD},  {"a=1&b=2&b=2", ERR_DUPLICATE_FIELD},
        {"a=12345678", ERR_INVALID_FIELD}, {"a=%", ERR_INVALID_FIELD},
        {"a=%2", ERR_INVALID_FIELD},       {"a=%zz", ERR_INVALID_FIELD},
        {"a=%2g", ERR_INVALID_FIELD},      {"a=%00", ERR_INVALID_FIELD},
        {"a=%0a", ERR_INVALID_FIELD},      {"a=%7f", ERR_INVALID_FIELD},
        {"a=%c3%a9", ERR_INVALID_FIELD},   {"a=\xc3\xa9", ERR_INVALID_FIELD},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct values values = {"", ""};
        assert_code_of(rows[i].query, read_values(rows[i].query, &values), rows[i].code);
    }
}

static void integers_keep_to_their_range(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err_code code;
        int64_t value;
    } rows[] = {
        {"", ERR_OK, 42},
        {"1", ERR_OK, 1},
        {"1000", ERR_OK, 1000},
        {"007", ERR_OK, 7},
        {"0", ERR_INVALID_FIELD, 42},
        {"1001", ERR_INVALID_FIELD, 42},
        {"-1", ERR_INVALID_FIELD, 42},
        {"1.5", ERR_INVALID_FIELD, 42},
        {"ten", ERR_INVALID_FIELD, 42},
        {"99999999999999999999", ERR_INVALID_FIELD, 42},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t value = 42;
        assert_code_of(rows[i].text, query_integer("n", rows[i].text, 1, 1000, &value),
                       rows[i].code);
        assert_int_equal(value, rows[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_queries_are_read),
        cmocka_unit_test(bad_queries_are_refused),
        cmocka_unit_test(integers_keep_to_their_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
