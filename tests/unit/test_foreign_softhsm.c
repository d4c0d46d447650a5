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
#include <openssl/x509.h>
#include <signal.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/public_key.h"
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
static struct buf imported_p256; /* the SubjectPublicKeyInfo, as OpenSSL has it */

static void note_public(EVP_PKEY *pair, struct buf *out)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(pair, &der);
    assert_true(len > 0);
    buf_reset(out);
    struct err err = buf_append(out, span_of(der, (size_t)len));
    assert_int_equal(err.code, ERR_OK);
    OPENSSL_free(der);
}

/* Imports a key pair of OpenSSL's from a file. */
static void import(EVP_PKEY *pair, const char *label, const char *id)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/%s.pem", softhsm.folder, label);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, pair, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
    softhsm_import(path, label, id);
}

static void import_new(EVP_PKEY *pair, const char *label, const char *id)
{
    import(pair, label, id);
    EVP_PKEY_free(pair);
}

static void make_key(const char *label, const char *id, const char *kind, const char *type,
                     const char *more)
{
    const char *const how[] = {kind, "--key-type", type, more, NULL};
    softhsm_pkcs11_tool(label, id, how);
}

static void fill(void)
{
    EVP_PKEY *p256 = EVP_EC_gen("P-256");
    note_public(p256, &imported_p256);
    import_new(p256, "imported-p256", "a2");
    import_new(EVP_RSA_gen(2048), "imported-rsa", "a1");
    import_new(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "imported-ed25519", "a3");
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
    buf_clear(&imported_p256);
    return 0;
}

static size_t more; /* objects that tests have added to those of fill() */

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

/* Every object is as it was made: before adoptions, and after them. */
static void test_inventory(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) struct token_object *listed = NULL;
    size_t count = 0;
    struct err err = token_inventory(token, SOON, &listed, &count);
    assert_string_equal(err.detail, "");
    assert_int_equal(count, 15 + more);
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

static uint8_t hex_digit(char digit)
{
    return (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

/* Adopts by label, or by the CKA_ID of one byte in hex. */
static struct err adopt(const char *label, const char *id, struct token_key *key,
                        uint32_t *attributes, struct buf *public_key)
{
    uint8_t byte = 0;
    struct token_selector which = {.label = label};
    if (id != NULL) {
        byte = (uint8_t)(hex_digit(id[0]) << 4 | hex_digit(id[1]));
        which.cka_id = span_of(&byte, 1);
    }
    return token_adopt(token, &which, key, SOON, attributes, public_key);
}

static void clear(struct token_item *item)
{
    buf_clear(&item->output);
    buf_clear(&item->extra);
    buf_clear(&item->plaintext);
}

static void run(enum token_op op, struct token_item *item)
{
    struct err err = token_run(token, op, item, 1, SOON);
    assert_string_equal(err.detail, "");
    assert_string_equal(item->result.detail, "");
}

static void sign(const struct token_key *key, struct span public_key)
{
    static const enum token_mechanism mechanisms[] = {
        [FAMILY_EC] = TOKEN_ECDSA, [FAMILY_ED25519] = TOKEN_EDDSA, [FAMILY_RSA] = TOKEN_RSA_PKCS1};
    CLEANUP(buf_clear) struct buf info = {0};
    enum scheme scheme = scheme_default(key->algorithm);
    enum family family = algorithm_info(key->algorithm)->family;
    uint8_t digest[DIGEST_MAX];
    struct span input = span_text("a message");
    if (family != FAMILY_ED25519) {
        digest_of(scheme_info(scheme)->digest, input, digest);
        input = span_of(digest, digest_len(scheme_info(scheme)->digest));
    }
    struct token_item item = {.key = key, .mechanism = mechanisms[family], .input = input};
    if (family == FAMILY_RSA) {
        struct err err = rsa_digest_info(scheme_info(scheme)->digest, input, &info);
        assert_int_equal(err.code, ERR_OK);
        item.input = buf_span(&info);
    }
    run(TOKEN_SIGN, &item);
    bool valid = false;
    struct err err = public_key_verify(public_key, scheme, input, buf_span(&item.output), &valid);
    assert_true(err.code == ERR_OK && valid);
    clear(&item);
}

static void decrypt(const struct token_key *key, struct span public_key)
{
    CLEANUP(buf_clear) struct buf ciphertext = {0};
    struct err err =
        public_key_encrypt_oaep(public_key, DIGEST_SHA1, span_text("a secret"), &ciphertext);
    assert_int_equal(err.code, ERR_OK);
    struct token_item item = {
        .key = key, .mechanism = TOKEN_RSA_OAEP_SHA1, .input = buf_span(&ciphertext)};
    run(TOKEN_DECRYPT, &item);
    assert_true(span_is(buf_span(&item.output), "a secret"));
    clear(&item);
}

static void use(const struct token_key *key, struct span public_key)
{
    if (key->purpose == PURPOSE_SIGN) {
        sign(key, public_key);
    } else {
        decrypt(key, public_key);
    }
}

/* The next worker finds its keys by CKA_ID alone, and proves them by their identity. */
static void kill_worker(void)
{
    struct token_status status;
    token_status(token, &status);
    uint64_t restarts = status.restarts;
    assert_int_equal(kill(status.worker_pid, SIGKILL), 0);
    while (status.restarts == restarts || status.state != TOKEN_READY) {
        (void)token_canary(token, SOON).code;
        token_status(token, &status);
    }
}

static const struct {
    const char *label;
    const char *id; /* NULL: by label */
    enum algorithm algorithm;
    enum purpose purpose;
    uint32_t attributes;
} adoptions[] = {
    {"imported-rsa", NULL, ALGORITHM_RSA_2048, PURPOSE_SIGN, FROM_FILE | ALL_OF_PRIVATE},
    {"imported-p256", NULL, ALGORITHM_ECDSA_P256, PURPOSE_SIGN, FROM_FILE | BIT(SIGNS)},
    {"imported-ed25519", NULL, ALGORITHM_ED25519, PURPOSE_SIGN, FROM_FILE | BIT(SIGNS)},
    {NULL, "b1", ALGORITHM_ECDSA_P384, PURPOSE_SIGN, LOOSE | ALL_OF_PRIVATE | BIT(DERIVES)},
    {"made-ed25519", NULL, ALGORITHM_ED25519, PURPOSE_SIGN, LOOSE | ALL_OF_PRIVATE | BIT(DERIVES)},
    {"made-rsa", NULL, ALGORITHM_RSA_3072, PURPOSE_SIGN, LOOSE | ALL_OF_PRIVATE},
};

static void test_adopt(void **state)
{
    (void)state;
    struct token_key keys[ARRAY_LEN(adoptions)];
    struct buf publics[ARRAY_LEN(adoptions)] = {0};
    for (size_t i = 0; i < ARRAY_LEN(adoptions); i++) {
        uint32_t attributes = 0;
        keys[i] = (struct token_key){.algorithm = adoptions[i].algorithm,
                                     .purpose = adoptions[i].purpose};
        struct err err =
            adopt(adoptions[i].label, adoptions[i].id, &keys[i], &attributes, &publics[i]);
        assert_string_equal(err.detail, "");
        assert_int_equal(attributes, adoptions[i].attributes);
        use(&keys[i], buf_span(&publics[i]));
    }
    assert_true(span_equal(buf_span(&publics[1]), buf_span(&imported_p256)));
    kill_worker();
    for (size_t i = 0; i < ARRAY_LEN(adoptions); i++) {
        use(&keys[i], buf_span(&publics[i]));
        buf_clear(&publics[i]);
    }
}

/* One and the same key may be adopted again, and for its other role. */
static void test_adopt_again(void **state)
{
    (void)state;
    static const enum purpose purposes[] = {PURPOSE_SIGN, PURPOSE_DECRYPT, PURPOSE_SIGN};
    for (size_t i = 0; i < ARRAY_LEN(purposes); i++) {
        CLEANUP(buf_clear) struct buf public_key = {0};
        uint32_t attributes = 0;
        struct token_key key = {.algorithm = ALGORITHM_RSA_2048, .purpose = purposes[i]};
        struct err err = adopt(NULL, "a1", &key, &attributes, &public_key);
        assert_string_equal(err.detail, "");
        use(&key, buf_span(&public_key));
    }
}

/* What pkcs11-tool can make or spoil, and why it is not adopted then. */
static void add_unfit(void)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/other.der", softhsm.folder);
    const char *const no_public[] = {"--delete-object", "--type", "pubkey", NULL};
    const char *const other_public[] = {"--write-object", path, "--type", "pubkey", NULL};
    make_key("twin", "c1", "--keypairgen", "EC:secp256r1", NULL);
    make_key("twin", "c2", "--keypairgen", "EC:secp256r1", NULL);
    make_key("same-id", "c3", "--keypairgen", "EC:secp256r1", NULL);
    make_key("same-id-aes", "c3", "--keygen", "AES:32", NULL);
    make_key("alone", "c4", "--keypairgen", "EC:secp256r1", NULL);
    softhsm_pkcs11_tool("alone", "c4", no_public);
    make_key("mixed", "c5", "--keypairgen", "EC:secp256r1", NULL);
    softhsm_pkcs11_tool("mixed", "c5", no_public);
    struct err err = file_write(path, buf_span(&imported_p256), 0600);
    assert_int_equal(err.code, ERR_OK);
    softhsm_pkcs11_tool("mixed", "c5", other_public);
    make_key("asking", "c6", "--keypairgen", "EC:secp256r1", "--always-auth");
    make_key("leaving", "c7", "--keypairgen", "rsa:2048", "--extractable");
    const char *const restricted[] = {"--keypairgen",         "--key-type",    "rsa:2048",
                                      "--allowed-mechanisms", "RSA-PKCS-OAEP", NULL};
    softhsm_pkcs11_tool("restricted", "c8", restricted);
    more = 2 + 2 + 3 + 1 + 2 + 2 + 2 + 2;
}

static const struct {
    const char *label;
    const char *id;
    enum algorithm algorithm;
    enum err_code code;
    const char *says;
} refusals[] = {
    {"nobody", NULL, ALGORITHM_ECDSA_P256, ERR_NOT_FOUND, "no secret or private key"},
    {NULL, "ff", ALGORITHM_ECDSA_P256, ERR_NOT_FOUND, "no secret or private key"},
    {"twin", NULL, ALGORITHM_ECDSA_P256, ERR_CONFLICT, "name the one by its CKA_ID"},
    {NULL, "c3", ALGORITHM_ECDSA_P256, ERR_CONFLICT, "a CKA_ID of its own"},
    {"same-id", NULL, ALGORITHM_ECDSA_P256, ERR_CONFLICT, "a CKA_ID of its own"},
    {"alone", NULL, ALGORITHM_ECDSA_P256, ERR_UNSUPPORTED_OPERATION, "is not on the token"},
    {"mixed", NULL, ALGORITHM_ECDSA_P256, ERR_UNSUPPORTED_OPERATION, "first use"},
    {"asking", NULL, ALGORITHM_ECDSA_P256, ERR_UNSUPPORTED_OPERATION, "PIN before every use"},
    {"leaving", NULL, ALGORITHM_RSA_2048, ERR_UNSUPPORTED_OPERATION, "give those keys away"},
    {"restricted", NULL, ALGORITHM_RSA_2048, ERR_UNSUPPORTED_OPERATION, "first use"},
    {"made-aes", NULL, ALGORITHM_AES_256_GCM, ERR_UNSUPPORTED_OPERATION, "give those keys away"},
    {"made-secret", NULL, ALGORITHM_HMAC_SHA384, ERR_UNSUPPORTED_OPERATION, "give those keys away"},
    {"made-aes128", NULL, ALGORITHM_AES_256_GCM, ERR_UNSUPPORTED_OPERATION, "size or curve"},
    {"made-rsa", NULL, ALGORITHM_RSA_2048, ERR_UNSUPPORTED_OPERATION, "size or curve"},
    {"made-p384", NULL, ALGORITHM_ECDSA_P256, ERR_UNSUPPORTED_OPERATION, "size or curve"},
};

static void test_refusals(void **state)
{
    (void)state;
    struct token_status before;
    struct token_status after;
    add_unfit();
    token_status(token, &before);
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        CLEANUP(buf_clear) struct buf public_key = {0};
        uint32_t attributes = 0;
        struct token_key key = {.algorithm = refusals[i].algorithm,
                                .purpose = algorithm_info(refusals[i].algorithm)->purpose};
        struct err err = adopt(refusals[i].label, refusals[i].id, &key, &attributes, &public_key);
        if (err.code != refusals[i].code || strstr(err.detail, refusals[i].says) == NULL) {
            fail_msg("%s: %s, %s", refusals[i].label, err_word(err.code), err.detail);
        }
        assert_int_equal(key.cka_id_len + attributes + public_key.len, 0);
    }
    CLEANUP(buf_clear) struct buf public_key = {0};
    uint32_t attributes = 0;
    struct token_key key = {.algorithm = ALGORITHM_ECDSA_P256, .purpose = PURPOSE_SIGN};
    struct err err = adopt(NULL, "c2", &key, &attributes, &public_key);
    assert_string_equal(err.detail, "");
    use(&key, buf_span(&public_key));
    token_status(token, &after);
    assert_int_equal(after.restarts, before.restarts);
}

/* What another gateway made is adopted like anything else, and its CKA_ID keeps its rule. */
static void test_approvals(void **state)
{
    (void)state;
    for (uint8_t approvals = 0; approvals < 3; approvals += 2) {
        CLEANUP(buf_clear) struct buf none = {0};
        struct uuid uuid = uuid_make();
        struct token_key made = {.algorithm = ALGORITHM_AES_256_GCM, .cka_id_len = 18};
        memcpy(made.cka_id, uuid.bytes, UUID_LEN);
        made.cka_id[16] = 1;
        made.cka_id[17] = approvals;
        const char *label = approvals == 0 ? "free" : "ruled";
        struct err err = token_generate(token, &made, label, SOON, &none);
        assert_string_equal(err.detail, "");
        more++;
        uint32_t attributes = 0;
        struct token_key key = {.algorithm = ALGORITHM_AES_256_GCM};
        err = adopt(label, NULL, &key, &attributes, &none);
        assert_string_equal(err.detail, "");
        assert_memory_equal(key.cka_id, made.cka_id, TOKEN_CKA_ID_MAX);
        assert_int_equal(attributes, BIT(ENCRYPTS) | BIT(DECRYPTS));
        struct token_item sealed = {.key = &key,
                                    .mechanism = TOKEN_AES_GCM,
                                    .aad = span_text("aad"),
                                    .input = span_text("plain")};
        run(TOKEN_ENCRYPT, &sealed);
        struct token_item open = {.key = &key,
                                  .mechanism = TOKEN_AES_GCM,
                                  .aad = span_text("aad"),
                                  .iv = buf_span(&sealed.extra),
                                  .input = buf_span(&sealed.output)};
        err = token_run(token, TOKEN_DECRYPT, &open, 1, SOON);
        assert_int_equal(err.code, ERR_OK);
        assert_int_equal(open.result.code, approvals == 0 ? ERR_OK : ERR_APPROVAL_REQUIRED);
        clear(&sealed);
        clear(&open);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inventory),   cmocka_unit_test(test_adopt),
        cmocka_unit_test(test_adopt_again), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_approvals),   cmocka_unit_test(test_inventory),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
