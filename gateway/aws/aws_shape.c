/* What the members of each operation's input may be, as AWS's model of KMS (service-2.json of its
 * SDKs) has them: the kind, whether it must be there, how long or large, and which words it takes.
 *
 * It is asked behind the grants, so that it tells nothing to those who have none; members that are
 * not in the model are ignored, as AWS does. Handlers read what has passed here. */
#include "gateway/aws/aws_shape.h"

#include <ctype.h>

#include "base/mem.h"

#define MEMBERS_MAX 11

enum kind {
    KIND_TEXT,    /* `least` to `most` characters, or one of `words` */
    KIND_BLOB,    /* base64 of `least` to `most` bytes */
    KIND_INTEGER, /* `least` to `most` */
    KIND_FLAG,
    KIND_MAP,  /* an object of texts */
    KIND_LIST, /* at most `most` texts */
    KIND_TAGS, /* objects of TagKey and TagValue */
    KIND_NEVER /* what would change the answer in a way that there is not here */
};

struct member {
    const char *name;
    enum kind kind;
    bool needed;
    int64_t least, most;
    const char *const *words; /* up to NULL */
};

/* --- the words --- */

static const char *const encryption_algorithms[] = {"SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1",
                                                    "RSAES_OAEP_SHA_256", "SM2PKE", NULL};
static const char *const signing_algorithms[] = {"RSASSA_PSS_SHA_256",
                                                 "RSASSA_PSS_SHA_384",
                                                 "RSASSA_PSS_SHA_512",
                                                 "RSASSA_PKCS1_V1_5_SHA_256",
                                                 "RSASSA_PKCS1_V1_5_SHA_384",
                                                 "RSASSA_PKCS1_V1_5_SHA_512",
                                                 "ECDSA_SHA_256",
                                                 "ECDSA_SHA_384",
                                                 "ECDSA_SHA_512",
                                                 "SM2DSA",
                                                 "ML_DSA_SHAKE_256",
                                                 "ED25519_SHA_512",
                                                 "ED25519_PH_SHA_512",
                                                 NULL};
static const char *const mac_algorithms[] = {"HMAC_SHA_224", "HMAC_SHA_256", "HMAC_SHA_384",
                                             "HMAC_SHA_512", NULL};
static const char *const message_types[] = {"RAW", "DIGEST", "EXTERNAL_MU", NULL};
static const char *const data_key_specs[] = {"AES_256", "AES_128", NULL};
static const char *const pair_specs[] = {
    "RSA_2048",      "RSA_3072",        "RSA_4096", "ECC_NIST_P256",         "ECC_NIST_P384",
    "ECC_NIST_P521", "ECC_SECG_P256K1", "SM2",      "ECC_NIST_EDWARDS25519", NULL};
static const char *const key_specs[] = {"RSA_2048",
                                        "RSA_3072",
                                        "RSA_4096",
                                        "ECC_NIST_P256",
                                        "ECC_NIST_P384",
                                        "ECC_NIST_P521",
                                        "ECC_SECG_P256K1",
                                        "SYMMETRIC_DEFAULT",
                                        "HMAC_224",
                                        "HMAC_256",
                                        "HMAC_384",
                                        "HMAC_512",
                                        "SM2",
                                        "ML_DSA_44",
                                        "ML_DSA_65",
                                        "ML_DSA_87",
                                        "ECC_NIST_EDWARDS25519",
                                        NULL};
static const char *const usages[] = {"SIGN_VERIFY", "ENCRYPT_DECRYPT", "GENERATE_VERIFY_MAC",
                                     "KEY_AGREEMENT", NULL};
static const char *const origins[] = {"AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE",
                                      NULL};
static const char *const rotation_parts[] = {"ALL_KEY_MATERIAL", "ROTATIONS_ONLY", NULL};

/* --- the operations --- */

/* clang-format off */
#define NEEDED true
#define KEY_ID      {"KeyId", KIND_TEXT, NEEDED, 1, 2048, NULL}
#define KEY_ID_IF   {"KeyId", KIND_TEXT, false, 1, 2048, NULL}
#define CONTEXT(at) {at, KIND_MAP, false, 0, 0, NULL}
#define CIPHER(at)  {at, KIND_TEXT, false, 0, 0, encryption_algorithms}
#define DRY_RUN     {"DryRun", KIND_FLAG, false, 0, 0, NULL}
#define TOKENS      {"GrantTokens", KIND_LIST, false, 1, 10, NULL}
#define BLOB        {"CiphertextBlob", KIND_BLOB, NEEDED, 1, 6144, NULL}
#define RECIPIENT   {"Recipient", KIND_NEVER, false, 0, 0, NULL}
#define MODIFIERS   {"DryRunModifiers", KIND_NEVER, false, 0, 0, NULL}
#define MESSAGE     {"Message", KIND_BLOB, NEEDED, 1, 4096, NULL}
#define TYPE        {"MessageType", KIND_TEXT, false, 0, 0, message_types}
#define SIGNER      {"SigningAlgorithm", KIND_TEXT, NEEDED, 0, 0, signing_algorithms}
#define MAC_BY      {"MacAlgorithm", KIND_TEXT, NEEDED, 0, 0, mac_algorithms}
#define BYTES       {"NumberOfBytes", KIND_INTEGER, false, 1, 1024, NULL}
#define DATA_KEY    {"KeySpec", KIND_TEXT, false, 0, 0, data_key_specs}
#define PAIR        {"KeyPairSpec", KIND_TEXT, NEEDED, 0, 0, pair_specs}
#define ALIAS       {"AliasName", KIND_TEXT, NEEDED, 1, 256, NULL}
#define TARGET      {"TargetKeyId", KIND_TEXT, NEEDED, 1, 2048, NULL}
#define LIMIT       {"Limit", KIND_INTEGER, false, 1, 1000, NULL}
#define MARKER      {"Marker", KIND_TEXT, false, 1, 1024, NULL}
#define STORE       {"CustomKeyStoreId", KIND_NEVER, false, 0, 0, NULL}

static const struct shape {
    const char *operation;
    struct member members[MEMBERS_MAX]; /* up to one without a name */
} shapes[] = {
    {"Encrypt", {KEY_ID, {"Plaintext", KIND_BLOB, NEEDED, 1, 4096, NULL}, CONTEXT("EncryptionContext"),
                 CIPHER("EncryptionAlgorithm"), TOKENS, DRY_RUN}},
    {"Decrypt", {KEY_ID_IF, BLOB, CONTEXT("EncryptionContext"), CIPHER("EncryptionAlgorithm"), TOKENS, RECIPIENT, DRY_RUN, MODIFIERS}},
    {"ReEncrypt", {{"SourceKeyId", KIND_TEXT, false, 1, 2048, NULL}, BLOB,
                   {"DestinationKeyId", KIND_TEXT, NEEDED, 1, 2048, NULL},
                   CONTEXT("SourceEncryptionContext"), CONTEXT("DestinationEncryptionContext"),
                   CIPHER("SourceEncryptionAlgorithm"), CIPHER("DestinationEncryptionAlgorithm"), TOKENS, DRY_RUN, MODIFIERS}},
    {"GenerateDataKey", {KEY_ID, CONTEXT("EncryptionContext"), BYTES, DATA_KEY, TOKENS, RECIPIENT, DRY_RUN}},
    {"GenerateDataKeyWithoutPlaintext", {KEY_ID, CONTEXT("EncryptionContext"), BYTES, DATA_KEY, TOKENS, DRY_RUN}},
    {"GenerateDataKeyPair", {KEY_ID, CONTEXT("EncryptionContext"), PAIR, TOKENS, RECIPIENT, DRY_RUN}},
    {"GenerateDataKeyPairWithoutPlaintext", {KEY_ID, CONTEXT("EncryptionContext"), PAIR, TOKENS, DRY_RUN}},
    {"GenerateRandom", {{"NumberOfBytes", KIND_INTEGER, NEEDED, 1, 1024, NULL}, STORE, RECIPIENT}},
    {"Sign", {KEY_ID, MESSAGE, TYPE, SIGNER, TOKENS, DRY_RUN}},
    {"Verify", {KEY_ID, MESSAGE, TYPE, {"Signature", KIND_BLOB, NEEDED, 1, 6144, NULL}, SIGNER, TOKENS, DRY_RUN}},
    {"GenerateMac", {KEY_ID, MESSAGE, MAC_BY, TOKENS, DRY_RUN}},
    {"VerifyMac", {KEY_ID, MESSAGE, MAC_BY, {"Mac", KIND_BLOB, NEEDED, 1, 6144, NULL}, TOKENS, DRY_RUN}},
    {"DescribeKey", {KEY_ID, TOKENS}},
    {"GetPublicKey", {KEY_ID, TOKENS}},
    {"ListKeys", {LIMIT, MARKER}},
    {"ListAliases", {KEY_ID_IF, LIMIT, MARKER}},
    {"ListResourceTags", {KEY_ID, LIMIT, MARKER}},
    {"CreateKey", {{"Policy", KIND_NEVER, false, 0, 0, NULL}, {"Description", KIND_TEXT, false, 0, 8192, NULL},
                   {"KeyUsage", KIND_TEXT, false, 0, 0, usages}, {"CustomerMasterKeySpec", KIND_TEXT, false, 0, 0, key_specs},
                   {"KeySpec", KIND_TEXT, false, 0, 0, key_specs}, {"Origin", KIND_TEXT, false, 0, 0, origins}, STORE,
                   {"Tags", KIND_TAGS, false, 0, 0, NULL}, {"MultiRegion", KIND_FLAG, false, 0, 0, NULL},
                   {"XksKeyId", KIND_NEVER, false, 0, 0, NULL},
                   {"BypassPolicyLockoutSafetyCheck", KIND_FLAG, false, 0, 0, NULL}}},
    {"UpdateKeyDescription", {KEY_ID, {"Description", KIND_TEXT, NEEDED, 0, 8192, NULL}}},
    {"TagResource", {KEY_ID, {"Tags", KIND_TAGS, NEEDED, 0, 0, NULL}}},
    {"UntagResource", {KEY_ID, {"TagKeys", KIND_LIST, NEEDED, 1, 50, NULL}}},
    {"CreateAlias", {ALIAS, TARGET}},
    {"UpdateAlias", {ALIAS, TARGET}},
    {"DeleteAlias", {ALIAS}},
    {"EnableKey", {KEY_ID}},
    {"DisableKey", {KEY_ID}},
    {"ScheduleKeyDeletion", {KEY_ID, {"PendingWindowInDays", KIND_INTEGER, false, 7, 30, NULL}}},
    {"CancelKeyDeletion", {KEY_ID}},
    {"EnableKeyRotation", {KEY_ID, {"RotationPeriodInDays", KIND_INTEGER, false, 90, 2560, NULL}}},
    {"DisableKeyRotation", {KEY_ID}},
    {"GetKeyRotationStatus", {KEY_ID}},
    {"RotateKeyOnDemand", {KEY_ID}},
    {"ListKeyRotations", {KEY_ID, {"IncludeKeyMaterial", KIND_TEXT, false, 0, 0, rotation_parts}, LIMIT, MARKER}},
};
/* clang-format on */

static const struct shape *shape_of(const struct route *route)
{
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        if (strcmp(shapes[i].operation, route->path) == 0) {
            return &shapes[i];
        }
    }
    return NULL;
}

/* --- one value --- */

static struct err wrong_kind(const char *name)
{
    return err_new(ERR_INVALID_JSON, __func__, "The value of %s has a type that it cannot have.",
                   name);
}

/* In the words of AWS, which names members with a small letter there. */
static struct err broken(const char *name, const char *constraint)
{
    return err_new(
        ERR_INVALID_FIELD, __func__,
        "1 validation error detected: Value at '%c%s' failed to satisfy constraint: Member must %s",
        tolower((unsigned char)name[0]), name + 1, constraint);
}

static struct err check_size(const char *name, const char *what, int64_t size, int64_t least,
                             int64_t most)
{
    char constraint[96];
    if (size >= least && size <= most) {
        return err_ok();
    }
    snprintf(constraint, sizeof(constraint), "have %s %s than or equal to %lld", what,
             size < least ? "greater" : "less", (long long)(size < least ? least : most));
    return broken(name, constraint);
}

/* Characters, which are what AWS counts; JSON text here is valid UTF-8. */
static int64_t length_of(struct span text)
{
    int64_t length = 0;
    for (size_t i = 0; i < text.len; i++) {
        length += (text.data[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return length;
}

static struct err check_words(const struct member *member, struct span text)
{
    for (const char *const *word = member->words; *word != NULL; word++) {
        if (span_is(text, *word)) {
            return err_ok();
        }
    }
    return broken(member->name, "satisfy enum value set");
}

static struct err check_text(const struct member *member, const struct json_value *value)
{
    struct span text = {0};
    if (!json_as_text(value, &text)) {
        return wrong_kind(member->name);
    }
    if (member->words != NULL) {
        return check_words(member, text);
    }
    return check_size(member->name, "length", length_of(text), member->least, member->most);
}

/* The length that the base64 stands for; who reads it decodes it. */
static struct err check_blob(const struct member *member, const struct json_value *value)
{
    struct span text = {0};
    if (!json_as_text(value, &text)) {
        return wrong_kind(member->name);
    }
    size_t padding = 0;
    while (padding < 2 && padding < text.len && text.data[text.len - 1 - padding] == '=') {
        padding++;
    }
    int64_t bytes = (int64_t)((text.len - padding) * 3 / 4);
    bool empty = text.len == 0;
    ENSURE(empty || text.len % 4 == 0, ERR_INVALID_BASE64, "%s is not base64.", member->name);
    return check_size(member->name, "length", bytes, member->least, member->most);
}

static struct err check_integer(const struct member *member, const struct json_value *value)
{
    int64_t number = 0;
    if (!json_as_integer(value, &number)) {
        return wrong_kind(member->name);
    }
    return check_size(member->name, "value", number, member->least, member->most);
}

static struct err check_map(const struct member *member, const struct json_value *value)
{
    struct span text = {0};
    if (!json_is(value, JSON_OBJECT)) {
        return wrong_kind(member->name);
    }
    for (const struct json_value *at = json_first(value); at != NULL; at = json_next(at)) {
        if (!json_as_text(at, &text)) {
            return wrong_kind(member->name);
        }
    }
    return err_ok();
}

static struct err check_list(const struct member *member, const struct json_value *value)
{
    if (!json_is(value, JSON_ARRAY)) {
        return wrong_kind(member->name);
    }
    for (const struct json_value *at = json_first(value); at != NULL; at = json_next(at)) {
        struct span text = {0};
        if (!json_as_text(at, &text)) {
            return wrong_kind(member->name);
        }
        TRY(check_size(member->name, "length", length_of(text), member->least, 8192));
    }
    return check_size(member->name, "length", (int64_t)json_count(value), 0, member->most);
}

static struct err check_members(const struct member *members, size_t count,
                                const struct json_value *object);

static struct err check_tags(const struct member *member, const struct json_value *value)
{
    static const struct member tag[] = {{"TagKey", KIND_TEXT, true, 1, 128, NULL},
                                        {"TagValue", KIND_TEXT, true, 0, 256, NULL}};
    if (!json_is(value, JSON_ARRAY)) {
        return wrong_kind(member->name);
    }
    for (const struct json_value *at = json_first(value); at != NULL; at = json_next(at)) {
        if (!json_is(at, JSON_OBJECT)) {
            return wrong_kind(member->name);
        }
        TRY(check_members(tag, ARRAY_LEN(tag), at));
    }
    return err_ok();
}

/* An empty one asks for nothing: SPIRE always sends a Policy. */
static struct err check_never(const struct member *member, const struct json_value *value)
{
    struct span text = {0};
    bool empty = json_as_text(value, &text) && text.len == 0;
    ENSURE(empty, ERR_UNSUPPORTED_BY_TOKEN, "There is no %s here.", member->name);
    return err_ok();
}

static struct err check_value(const struct member *member, const struct json_value *value)
{
    bool flag = false;
    switch (member->kind) {
    case KIND_TEXT:
        return check_text(member, value);
    case KIND_BLOB:
        return check_blob(member, value);
    case KIND_INTEGER:
        return check_integer(member, value);
    case KIND_FLAG:
        return json_as_flag(value, &flag) ? err_ok() : wrong_kind(member->name);
    case KIND_MAP:
        return check_map(member, value);
    case KIND_LIST:
        return check_list(member, value);
    case KIND_TAGS:
        return check_tags(member, value);
    case KIND_NEVER:
        return check_never(member, value);
    }
    return err_new(ERR_INTERNAL, __func__, "no such kind of member");
}

/* `null` counts as absent. */
static struct err check_members(const struct member *members, size_t count,
                                const struct json_value *object)
{
    for (size_t i = 0; i < count && members[i].name != NULL; i++) {
        const struct json_value *value = json_member(object, members[i].name);
        if (value != NULL && json_is(value, JSON_ANY)) {
            TRY(check_value(&members[i], value));
        } else if (members[i].needed) {
            return broken(members[i].name, "not be null");
        }
    }
    return err_ok();
}

/* --- the input --- */

struct err aws_shape_check(const struct route *route, const struct json_value *input)
{
    const struct shape *shape = shape_of(route);
    return shape != NULL ? check_members(shape->members, MEMBERS_MAX, input) : err_ok();
}

struct err aws_shape_check_member(const struct route *route, const struct json_value *input,
                                  const char *name)
{
    const struct shape *shape = shape_of(route);
    for (size_t i = 0; shape != NULL && i < MEMBERS_MAX && shape->members[i].name != NULL; i++) {
        if (strcmp(shape->members[i].name, name) == 0) {
            return check_members(&shape->members[i], 1, input);
        }
    }
    return err_ok();
}
