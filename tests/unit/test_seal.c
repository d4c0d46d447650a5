/* What is sealed opens with libjose, with the jose command line and with jwcrypto, for the
 * recipient alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jose/jwe.h>
#include <jose/jwk.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/envelope.h"
#include "base/mem.h"
#include "pkcs11/seal.h"

static const struct uuid id = {
    {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0x4d, 0xef, 0x81, 0x23, 1, 2, 3, 4, 5, 6}};
#define ID_TEXT "12345678-9abc-4def-8123-010203040506"

/* A recipient with both halves. */
struct person {
    json_t *jwk;
    struct buf x;
    struct buf y;
    struct seal_key key;
};

static void person_clear(struct person *person)
{
    json_decref(person->jwk);
    buf_clear(&person->x);
    buf_clear(&person->y);
}

static void decode(const json_t *object, const char *name, struct buf *out)
{
    struct err err =
        base64url_decode(span_text(json_string_value(json_object_get(object, name))), out);
    assert_int_equal(err.code, ERR_OK);
}

static void person_make(struct person *person, const char *curve)
{
    *person = (struct person){.jwk = json_pack("{s:s,s:s}", "kty", "EC", "crv", curve)};
    assert_true(jose_jwk_gen(NULL, person->jwk));
    decode(person->jwk, "x", &person->x);
    decode(person->jwk, "y", &person->y);
    person->key =
        (struct seal_key){.curve = curve, .x = buf_span(&person->x), .y = buf_span(&person->y)};
}

static void seal(const struct person *person, struct span plaintext, struct buf *out)
{
    struct err err = seal_to(&person->key, id, plaintext, out);
    assert_int_equal(err.code, ERR_OK);
}

static json_t *read_compact(struct span jwe)
{
    static const char *const names[] = {"protected", "encrypted_key", "iv", "ciphertext", "tag"};
    json_t *out = json_object();
    size_t at = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t start = at;
        while (at < jwe.len && jwe.data[at] != '.') {
            at++;
        }
        assert_true((at < jwe.len) == (i + 1 < ARRAY_LEN(names)));
        json_object_set_new(out, names[i],
                            json_stringn((const char *)jwe.data + start, at - start));
        at++;
    }
    return out;
}

/* Whether it opens to these bytes. */
static bool opens(const struct person *person, struct span jwe, struct span plaintext)
{
    json_t *read = read_compact(jwe);
    size_t len = 0;
    void *got = jose_jwe_dec(NULL, read, NULL, person->jwk, &len);
    bool same = got != NULL && span_equal(span_of(got, len), plaintext);
    free(got);
    json_decref(read);
    return same;
}

static void test_opens_for_the_recipient(void **state)
{
    (void)state;
    static const char *const curves[] = {"P-256", "P-384"};
    static const size_t lens[] = {1, 31, 32, PLAINTEXT_MAX};
    static uint8_t bytes[PLAINTEXT_MAX];
    random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < ARRAY_LEN(curves) * ARRAY_LEN(lens); i++) {
        CLEANUP(person_clear) struct person person;
        CLEANUP(person_clear) struct person other;
        CLEANUP(buf_clear) struct buf jwe = {0};
        struct span plaintext = span_of(bytes, lens[i % ARRAY_LEN(lens)]);
        person_make(&person, curves[i / ARRAY_LEN(lens)]);
        person_make(&other, curves[i / ARRAY_LEN(lens)]);
        seal(&person, plaintext, &jwe);
        assert_true(opens(&person, buf_span(&jwe), plaintext));
        assert_false(opens(&other, buf_span(&jwe), plaintext));
        assert_true(plaintext.len < 32 ||
                    memmem(jwe.data, jwe.len, plaintext.data, plaintext.len) == NULL);
        jwe.data[jwe.len - 2] ^= 1;
        assert_false(opens(&person, buf_span(&jwe), plaintext));
    }
}

static void test_header(void **state)
{
    (void)state;
    CLEANUP(person_clear) struct person person;
    CLEANUP(buf_clear) struct buf jwe = {0};
    CLEANUP(buf_clear) struct buf text = {0};
    person_make(&person, "P-256");
    seal(&person, span_text("plain"), &jwe);
    json_t *read = read_compact(buf_span(&jwe));
    decode(read, "protected", &text);
    json_t *header = json_loadb((const char *)text.data, text.len, 0, NULL);
    assert_int_equal(json_object_size(header), 4);
    assert_string_equal(json_string_value(json_object_get(header, "alg")), "ECDH-ES");
    assert_string_equal(json_string_value(json_object_get(header, "enc")), "A256GCM");
    assert_string_equal(json_string_value(json_object_get(header, "kid")), ID_TEXT);
    const json_t *epk = json_object_get(header, "epk");
    assert_int_equal(json_object_size(epk), 4);
    assert_string_equal(json_string_value(json_object_get(epk, "crv")), "P-256");
    assert_null(json_object_get(epk, "d"));
    assert_string_equal(json_string_value(json_object_get(read, "encrypted_key")), "");
    json_decref(header);
    json_decref(read);
}

/* Two sealings of the same bytes have nothing in common. */
static void test_fresh(void **state)
{
    (void)state;
    CLEANUP(person_clear) struct person person;
    CLEANUP(buf_clear) struct buf one = {0};
    CLEANUP(buf_clear) struct buf two = {0};
    person_make(&person, "P-256");
    seal(&person, span_text("plain"), &one);
    seal(&person, span_text("plain"), &two);
    assert_false(span_equal(buf_span(&one), buf_span(&two)));
}

/* Neither libjose nor jwcrypto opens an answer of no bytes; it has the right form all the same. */
static void test_nothing(void **state)
{
    (void)state;
    CLEANUP(person_clear) struct person person;
    CLEANUP(buf_clear) struct buf jwe = {0};
    person_make(&person, "P-256");
    seal(&person, span_text(""), &jwe);
    json_t *read = read_compact(buf_span(&jwe));
    assert_string_equal(json_string_value(json_object_get(read, "ciphertext")), "");
    assert_int_equal(json_string_length(json_object_get(read, "tag")), 22);
    json_decref(read);
}

static void test_refuses(void **state)
{
    (void)state;
    CLEANUP(person_clear) struct person person;
    CLEANUP(buf_clear) struct buf jwe = {0};
    person_make(&person, "P-256");
    assert_int_equal(buf_append_text(&jwe, "before").code, ERR_OK);
    person.y.data[31] ^= 1;
    assert_int_equal(seal_to(&person.key, id, span_text("p"), &jwe).code, ERR_INTERNAL);
    person.y.data[31] ^= 1;
    person.key.curve = "P-384";
    assert_int_equal(seal_to(&person.key, id, span_text("p"), &jwe).code, ERR_INTERNAL);
    person.key.curve = "P-256";
    jwe.max = 64;
    assert_int_equal(seal_to(&person.key, id, span_text("p"), &jwe).code, ERR_TOO_LARGE);
    assert_true(span_is(buf_span(&jwe), "before"));
}

static void write_file(const char *folder, const char *name, struct span bytes)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
}

/* What a program prints. */
static void output_of(const char *command, struct buf *out)
{
    uint8_t chunk[256];
    FILE *pipe = popen(command, "re"); /* NOLINT(cert-env33-c): a test's own command */
    assert_non_null(pipe);
    for (size_t got = 1; got > 0;) {
        got = fread(chunk, 1, sizeof(chunk), pipe);
        assert_int_equal(buf_append(out, span_of(chunk, got)).code, ERR_OK);
    }
    assert_int_equal(pclose(pipe), 0);
}

static void test_other_programs(void **state)
{
    (void)state;
    static const char python[] =
        "import sys; from jwcrypto import jwe, jwk; "
        "key = jwk.JWK.from_json(open(sys.argv[1] + '/key').read()); sealed = jwe.JWE(); "
        "sealed.deserialize(open(sys.argv[1] + '/jwe').read(), key=key); "
        "sys.stdout.write(sealed.payload.decode())";
    char folder[] = "/tmp/hsmgate-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    static const char *const curves[] = {"P-256", "P-384"};
    for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
        CLEANUP(person_clear) struct person person;
        CLEANUP(buf_clear) struct buf jwe = {0};
        CLEANUP(buf_clear) struct buf by_jose = {0};
        CLEANUP(buf_clear) struct buf by_jwcrypto = {0};
        person_make(&person, curves[i]);
        seal(&person, span_text("what was locked away"), &jwe);
        char *key = json_dumps(person.jwk, JSON_COMPACT);
        write_file(folder, "key", span_text(key));
        write_file(folder, "jwe", buf_span(&jwe));
        free(key);
        CLEANUP(mem_free_at)
        char *jose = mem_format("jose jwe dec -i %s/jwe -k %s/key", folder, folder);
        CLEANUP(mem_free_at)
        char *jwcrypto = mem_format("/usr/bin/python3 -c \"%s\" %s", python, folder);
        output_of(jose, &by_jose);
        output_of(jwcrypto, &by_jwcrypto);
        assert_true(span_is(buf_span(&by_jose), "what was locked away"));
        assert_true(span_is(buf_span(&by_jwcrypto), "what was locked away"));
    }
    CLEANUP(mem_free_at) char *clean = mem_format("rm -r %s", folder);
    CLEANUP(buf_clear) struct buf nothing = {0};
    output_of(clean, &nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opens_for_the_recipient),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_fresh),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_other_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
