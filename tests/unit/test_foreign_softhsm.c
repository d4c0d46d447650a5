/* What other programs put on a SoftHSM token, seen through the front's face: keys that
 * softhsm2-util imported from files and keys that pkcs11-tool made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/mem.h"
#include "pkcs11/token.h"
#include "tests/lib/softhsm.h"

#define SOON           clock_deadline(60000)
#define BIT(attribute) (1u << TOKEN_ATTRIBUTE_##attribute)

/* What SoftHSM's tools leave open on every object. */
#define LOOSE (BIT(MODIFIABLE) | BIT(COPYABLE))
/* What a key from a file cannot be. */
#define FROM_FILE (LOOSE | BIT(IMPORTED) | BIT(WAS_EXTRACTABLE))
/* What pkcs11-tool does not ask for is given by SoftHSM. */
#define ALL_OF_SECRET \
    (BIT(ENCRYPTS) | BIT(DECRYPTS) | BIT(SIGNS) | BIT(VERIFIES) | BIT(WRAPS) | BIT(UNWRAPS))
#define ALL_OF_PRIVATE (BIT(DECRYPTS) | BIT(SIGNS) | BIT(UNWRAPS))
#define ALL_OF_PUBLIC  (BIT(ENCRYPTS) | BIT(VERIFIES) | BIT(WRAPS))

static struct softhsm softhsm;
static struct token *token;

/* Makes a key pair with OpenSSL and imports it from a file. */
static void import(EVP_PKEY *pair, const char *label, const char *id)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/%s.pem", softhsm.folder, label);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, pair, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
    softhsm_import(path, label, id);
    EVP_PKEY_free(pair);
}

static void make_key(const char *label, const char *id, const char *kind, const char *type,
                     const char *more)
{
    const char *const how[] = {kind, "--key-type", type, more, NULL};
    softhsm_make_key(label, id, how);
}

static void fill(void)
{
    import(EVP_RSA_gen(2048), "imported-rsa", "a1");
    import(EVP_EC_gen("P-256"), "imported-p256", "a2");
    import(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "imported-ed25519", "a3");
    make_key("made-p384", "b1", "--keypairgen", "EC:secp384r1", NULL);
    make_key("made-ed25519", "b2", "--keypairgen", "EC:edwards25519", NULL);
    make_key("made-rsa", "b3", "--keypairgen", "rsa:3072", NULL);
    make_key("made-aes", "b4", "--keygen", "AES:32", "--sensitive");
    make_key("made-aes128", "b5", "--keygen", "AES:16", "--extractable");
    make_key("made-secret", "b6", "--keygen", "GENERIC:48", "--private");
}

static int start(void **state)
{
    (void)state;
    softhsm_make(&softhsm, "");
    fill();
    const struct token_config config = {.name = "foreign",
                                        .worker_path = HSMGATE_TOKEN_PATH,
                                        .worker_config = softhsm.config,
                                        .channels = 2,
                                        .operation_ms = 30000};
    struct err err = token_open(&config, &token);
    assert_int_equal(err.code, ERR_OK);
    err = token_wait_ready(token, SOON);
    assert_string_equal(err.detail, "");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    token_close(token);
    softhsm_remove(&softhsm);
    return 0;
}

static const struct {
    const char *label;
    enum token_object_class class;
    enum algorithm algorithm; /* ALGORITHM_COUNT: none of ours */
    uint32_t attributes;
} objects[] = {
    {"imported-rsa", TOKEN_OBJECT_PRIVATE, ALGORITHM_RSA_2048, FROM_FILE | ALL_OF_PRIVATE},
    {"imported-rsa", TOKEN_OBJECT_PUBLIC, ALGORITHM_RSA_2048,
     LOOSE | BIT(IMPORTED) | ALL_OF_PUBLIC},
    {"imported-p256", TOKEN_OBJECT_PRIVATE, ALGORITHM_ECDSA_P256, FROM_FILE | BIT(SIGNS)},
    {"imported-p256", TOKEN_OBJECT_PUBLIC, ALGORITHM_ECDSA_P256,
     LOOSE | BIT(IMPORTED) | BIT(VERIFIES)},
    {"imported-ed25519", TOKEN_OBJECT_PRIVATE, ALGORITHM_ED25519, FROM_FILE | BIT(SIGNS)},
    {"imported-ed25519", TOKEN_OBJECT_PUBLIC, ALGORITHM_ED25519,
     LOOSE | BIT(IMPORTED) | BIT(VERIFIES)},
    {"made-p384", TOKEN_OBJECT_PRIVATE, ALGORITHM_ECDSA_P384,
     LOOSE | ALL_OF_PRIVATE | BIT(DERIVES)},
    {"made-p384", TOKEN_OBJECT_PUBLIC, ALGORITHM_ECDSA_P384, LOOSE | ALL_OF_PUBLIC | BIT(DERIVES)},
    {"made-ed25519", TOKEN_OBJECT_PRIVATE, ALGORITHM_ED25519,
     LOOSE | ALL_OF_PRIVATE | BIT(DERIVES)},
    {"made-rsa", TOKEN_OBJECT_PRIVATE, ALGORITHM_RSA_3072, LOOSE | ALL_OF_PRIVATE},
    {"made-rsa", TOKEN_OBJECT_PUBLIC, ALGORITHM_RSA_3072, LOOSE | ALL_OF_PUBLIC},
    {"made-aes", TOKEN_OBJECT_SECRET, ALGORITHM_AES_256_GCM,
     LOOSE | BIT(PUBLIC_OBJECT) | ALL_OF_SECRET},
    {"made-aes128", TOKEN_OBJECT_SECRET, ALGORITHM_COUNT,
     LOOSE | BIT(PUBLIC_OBJECT) | BIT(NOT_SENSITIVE) | BIT(EXTRACTABLE) | BIT(WAS_EXTRACTABLE) |
         ALL_OF_SECRET},
    {"made-secret", TOKEN_OBJECT_SECRET, ALGORITHM_HMAC_SHA384,
     LOOSE | BIT(NOT_SENSITIVE) | ALL_OF_SECRET},
};

static const struct token_object *find(const struct token_object *listed, size_t count,
                                       const char *label, enum token_object_class class)
{
    for (size_t i = 0; i < count; i++) {
        if (listed[i].class == class && strcmp(listed[i].label, label) == 0) {
            return &listed[i];
        }
    }
    fail_msg("%s is not listed", label);
    return NULL;
}

static void test_inventory(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) struct token_object *listed = NULL;
    size_t count = 0;
    struct err err = token_inventory(token, SOON, &listed, &count);
    assert_string_equal(err.detail, "");
    assert_int_equal(count, 15);
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        const struct token_object *object = find(listed, count, objects[i].label, objects[i].class);
        bool ours = objects[i].algorithm != ALGORITHM_COUNT;
        if (object->has_algorithm != ours || (ours && object->algorithm != objects[i].algorithm) ||
            object->attributes != objects[i].attributes) {
            fail_msg("%s, class %d: algorithm %d %d, attributes %#x instead of %#x",
                     objects[i].label, (int)objects[i].class, object->has_algorithm,
                     (int)object->algorithm, object->attributes, objects[i].attributes);
        }
        assert_int_equal(object->cka_id_len, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inventory),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
