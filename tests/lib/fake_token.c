/* fake_token: see the header. Everything is guarded by one mutex, but the check that a session is
 * not in two threads, which is its point. */
#include "tests/lib/fake_token.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"

#define SESSIONS      4096
#define OBJECTS       64
#define ATTRIBUTES    32
#define ATTRIBUTE_MAX 512
#define VALUE_MAX     64

enum operation { NO_OPERATION, SIGNING, ENCRYPTING, DECRYPTING, FINDING };

struct fake_session {
    bool open;
    enum operation operation;
    CK_MECHANISM_TYPE mechanism;
    CK_GCM_PARAMS gcm;
    size_t object;
    CK_OBJECT_HANDLE found[OBJECTS];
    CK_ULONG found_count;
    CK_ULONG found_at;
    atomic_flag busy;
};

struct attribute {
    CK_ATTRIBUTE_TYPE type;
    uint8_t bytes[ATTRIBUTE_MAX];
    size_t len;
};

struct fake_object {
    bool used;
    struct attribute attributes[ATTRIBUTES];
    size_t count;
    uint8_t value[VALUE_MAX];
    size_t value_len;
};

static struct {
    pthread_mutex_t mutex;
    CK_FUNCTION_LIST list;
    struct fake_session sessions[SESSIONS];
    struct fake_object objects[OBJECTS];
    CK_ULONG generation; /* part of every handle */
    bool logged_in;
    CK_FLAGS flags;
    char serial[17];
    unsigned limit;
    size_t opened;
    enum operation_iv iv;
    bool no_empty;
    CK_RV tamper;
    CK_ATTRIBUTE_TYPE lied;
    CK_BBOOL lie;
    CK_ATTRIBUTE_TYPE ignored;
    bool no_session_keys;
    bool stuck;
    int longer;
    bool zeroes;
    unsigned calls[FAKE_CALL_COUNT];
    struct {
        CK_RV ckr;
        unsigned after;
        unsigned times;
    } faults[FAKE_CALL_COUNT];
} fake = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void lock(void)
{
    assert(pthread_mutex_lock(&fake.mutex) == 0);
}

static CK_RV unlock(CK_RV ckr)
{
    assert(pthread_mutex_unlock(&fake.mutex) == 0);
    return ckr;
}

/* Counts the call; the scripted code when it is due. */
static CK_RV enter(enum fake_call call)
{
    lock();
    fake.calls[call]++;
    if (fake.faults[call].times == 0) {
        return CKR_OK;
    }
    if (fake.faults[call].after > 0) {
        fake.faults[call].after--;
        return CKR_OK;
    }
    fake.faults[call].times--;
    return fake.faults[call].ckr;
}

static struct fake_session *session_of(CK_SESSION_HANDLE handle)
{
    CK_ULONG index = handle & 0xffff;
    bool known = handle >> 16 == fake.generation && index < SESSIONS && fake.sessions[index].open;
    return known ? &fake.sessions[index] : NULL;
}

static struct fake_object *object_of(CK_OBJECT_HANDLE handle)
{
    CK_ULONG index = (handle & 0xffff) - 1;
    bool known = handle >> 16 == fake.generation && index < OBJECTS && fake.objects[index].used;
    return known ? &fake.objects[index] : NULL;
}

static CK_OBJECT_HANDLE handle_of(size_t index)
{
    return fake.generation << 16 | (index + 1);
}

/* Held over the second half of an operation, out of the mutex. */
static void occupy(struct fake_session *session)
{
    if (atomic_flag_test_and_set(&session->busy)) {
        (void)fprintf(stderr, "fake_token: a session in two threads\n");
        abort();
    }
}

static CK_RV fake_initialize(void *args)
{
    CK_RV ckr = enter(FAKE_INITIALIZE);
    const CK_C_INITIALIZE_ARGS *given = args;
    assert((given->flags & CKF_OS_LOCKING_OK) != 0);
    return unlock(ckr);
}

static void reset(void)
{
    for (size_t i = 0; i < SESSIONS; i++) {
        fake.sessions[i].open = false;
    }
    fake.generation++;
    fake.logged_in = false;
}

static CK_RV fake_finalize(void *reserved)
{
    assert(reserved == NULL);
    CK_RV ckr = enter(FAKE_FINALIZE);
    reset();
    return unlock(ckr);
}

static CK_RV fake_slots(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count)
{
    assert(present == CK_TRUE && *count >= 2);
    slots[0] = 3;
    slots[1] = 7;
    *count = 2;
    return CKR_OK;
}

static void pad(CK_UTF8CHAR *field, size_t len, const char *text)
{
    memset(field, ' ', len);
    memcpy(field, text, strlen(text));
}

static CK_RV fake_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    lock();
    *info = (CK_TOKEN_INFO){.flags = fake.flags | CKF_TOKEN_INITIALIZED};
    pad(info->label, sizeof(info->label), slot == 7 ? FAKE_TOKEN_LABEL : "another");
    pad(info->serialNumber, sizeof(info->serialNumber), slot == 7 ? fake.serial : "F-0002");
    pad(info->manufacturerID, sizeof(info->manufacturerID), "tests");
    pad(info->model, sizeof(info->model), "memory");
    return unlock(CKR_OK);
}

static CK_RV fake_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    (void)slot;
    (void)type;
    (void)info;
    return CKR_MECHANISM_INVALID;
}

static CK_RV fake_open(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                       CK_SESSION_HANDLE *out)
{
    (void)application;
    (void)notify;
    assert(slot == 7 && flags == (CKF_SERIAL_SESSION | CKF_RW_SESSION));
    CK_RV ckr = enter(FAKE_OPEN_SESSION);
    if (ckr != CKR_OK) {
        return unlock(ckr);
    }
    if (fake_token_sessions() >= fake.limit) {
        return unlock(CKR_SESSION_COUNT);
    }
    /* No place is used twice: a call may still be under way on a session that a reset closed. */
    size_t i = ++fake.opened;
    assert(i < SESSIONS);
    fake.sessions[i] = (struct fake_session){.open = true, .busy = ATOMIC_FLAG_INIT};
    *out = fake.generation << 16 | i;
    return unlock(CKR_OK);
}

static CK_RV fake_close(CK_SESSION_HANDLE handle)
{
    CK_RV ckr = enter(FAKE_CLOSE_SESSION);
    struct fake_session *session = session_of(handle);
    if (session == NULL) {
        return unlock(CKR_SESSION_HANDLE_INVALID);
    }
    session->open = false;
    return unlock(ckr);
}

static CK_RV fake_session_info(CK_SESSION_HANDLE handle, CK_SESSION_INFO *info)
{
    lock();
    info->state = fake.logged_in ? CKS_RW_USER_FUNCTIONS : CKS_RW_PUBLIC_SESSION;
    return unlock(session_of(handle) != NULL ? CKR_OK : CKR_SESSION_HANDLE_INVALID);
}

static CK_RV fake_login(CK_SESSION_HANDLE handle, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len)
{
    CK_RV ckr = enter(FAKE_LOGIN);
    assert(user == CKU_USER && session_of(handle) != NULL);
    if (ckr == CKR_OK && fake.logged_in) {
        ckr = CKR_USER_ALREADY_LOGGED_IN;
    } else if (ckr == CKR_OK && !span_is(span_of(pin, len), FAKE_TOKEN_PIN)) {
        ckr = CKR_PIN_INCORRECT;
    }
    fake.logged_in = fake.logged_in || ckr == CKR_OK;
    return unlock(ckr);
}

static void make_random(uint8_t *out, size_t len)
{
    if (fake.stuck) {
        memset(out, 7, len);
    } else {
        random_bytes(out, len);
    }
}

static CK_RV fake_random(CK_SESSION_HANDLE handle, CK_BYTE *out, CK_ULONG len)
{
    CK_RV ckr = enter(FAKE_RANDOM);
    if (ckr == CKR_OK && session_of(handle) == NULL) {
        ckr = CKR_SESSION_HANDLE_INVALID;
    }
    if (ckr == CKR_OK) {
        make_random(out, len);
    }
    return unlock(ckr);
}

static const struct attribute *attribute_of(const struct fake_object *object,
                                            CK_ATTRIBUTE_TYPE type)
{
    for (size_t i = 0; i < object->count; i++) {
        if (object->attributes[i].type == type) {
            return &object->attributes[i];
        }
    }
    return NULL;
}

static void set(struct fake_object *object, CK_ATTRIBUTE_TYPE type, const void *bytes, size_t len)
{
    assert(object->count < ATTRIBUTES && len <= ATTRIBUTE_MAX);
    struct attribute *attribute = &object->attributes[object->count++];
    attribute->type = type;
    attribute->len = len;
    memcpy(attribute->bytes, bytes, len);
    if (type == fake.lied) {
        attribute->bytes[0] = fake.lie;
    }
}

static size_t put(const CK_ATTRIBUTE *list, CK_ULONG count)
{
    size_t index = 0;
    while (fake.objects[index].used) {
        index++;
        assert(index < OBJECTS);
    }
    struct fake_object *object = &fake.objects[index];
    *object = (struct fake_object){.used = true, .value_len = VALUE_MAX};
    random_bytes(object->value, VALUE_MAX);
    for (CK_ULONG i = 0; i < count; i++) {
        set(object, list[i].type, list[i].pValue, list[i].ulValueLen);
    }
    return index;
}

static CK_RV make(const CK_ATTRIBUTE *list, CK_ULONG count, CK_OBJECT_HANDLE *out)
{
    static const CK_ATTRIBUTE_TYPE made[] = {CKA_LOCAL, CKA_ALWAYS_SENSITIVE,
                                             CKA_NEVER_EXTRACTABLE};
    for (CK_ULONG i = 0; i < count; i++) {
        if (list[i].type == fake.ignored) {
            return CKR_ATTRIBUTE_TYPE_INVALID;
        }
        bool session = list[i].type == CKA_TOKEN && *(CK_BBOOL *)list[i].pValue == CK_FALSE;
        if (fake.no_session_keys && session) {
            return CKR_ATTRIBUTE_VALUE_INVALID;
        }
    }
    size_t index = put(list, count);
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        set(&fake.objects[index], made[i], &(CK_BBOOL){CK_TRUE}, 1);
    }
    *out = handle_of(index);
    return CKR_OK;
}

static CK_RV fake_generate_key(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism,
                               CK_ATTRIBUTE *list, CK_ULONG count, CK_OBJECT_HANDLE *out)
{
    CK_RV ckr = enter(FAKE_GENERATE_KEY);
    assert(mechanism->mechanism == CKM_AES_KEY_GEN ||
           mechanism->mechanism == CKM_GENERIC_SECRET_KEY_GEN);
    if (ckr == CKR_OK && session_of(handle) == NULL) {
        ckr = CKR_SESSION_HANDLE_INVALID;
    }
    return unlock(ckr == CKR_OK ? make(list, count, out) : ckr);
}

static CK_RV fake_generate_pair(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism,
                                CK_ATTRIBUTE *public, CK_ULONG public_count, CK_ATTRIBUTE *private,
                                CK_ULONG private_count, CK_OBJECT_HANDLE *out_public,
                                CK_OBJECT_HANDLE *out_private)
{
    (void)handle;
    (void)mechanism;
    (void)public;
    (void)public_count;
    (void)private;
    (void)private_count;
    (void)out_public;
    (void)out_private;
    return CKR_MECHANISM_INVALID;
}

static CK_RV fake_destroy(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object)
{
    CK_RV ckr = enter(FAKE_DESTROY_OBJECT);
    struct fake_object *found = object_of(object);
    (void)handle;
    if (ckr == CKR_OK && found == NULL) {
        ckr = CKR_OBJECT_HANDLE_INVALID;
    }
    if (ckr == CKR_OK) {
        *found = (struct fake_object){0};
    }
    return unlock(ckr);
}

static CK_RV fill(const struct fake_object *object, CK_ATTRIBUTE *wanted)
{
    const struct attribute *attribute = attribute_of(object, wanted->type);
    if (attribute == NULL || wanted->type == fake.ignored) {
        wanted->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_ATTRIBUTE_TYPE_INVALID;
    }
    if (attribute->len > wanted->ulValueLen) {
        wanted->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_BUFFER_TOO_SMALL;
    }
    memcpy(wanted->pValue, attribute->bytes, attribute->len);
    wanted->ulValueLen = attribute->len;
    return CKR_OK;
}

static CK_RV fake_get(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *list,
                      CK_ULONG count)
{
    CK_RV ckr = enter(FAKE_GET_ATTRIBUTES);
    const struct fake_object *found = object_of(object);
    (void)handle;
    if (ckr == CKR_OK && found == NULL) {
        ckr = CKR_OBJECT_HANDLE_INVALID;
    }
    CK_RV first = ckr;
    for (CK_ULONG i = 0; ckr == CKR_OK && i < count; i++) {
        CK_RV one = fill(found, &list[i]);
        first = first == CKR_OK ? one : first;
    }
    return unlock(first);
}

static bool matches(const struct fake_object *object, const CK_ATTRIBUTE *list, CK_ULONG count)
{
    for (CK_ULONG i = 0; i < count; i++) {
        const struct attribute *attribute = attribute_of(object, list[i].type);
        if (attribute == NULL || !span_equal(span_of(attribute->bytes, attribute->len),
                                             span_of(list[i].pValue, list[i].ulValueLen))) {
            return false;
        }
    }
    return true;
}

static CK_RV begin(CK_SESSION_HANDLE handle, enum operation operation, struct fake_session **out)
{
    struct fake_session *session = session_of(handle);
    if (session == NULL) {
        return CKR_SESSION_HANDLE_INVALID;
    }
    if (!fake.logged_in && operation != FINDING) {
        return CKR_USER_NOT_LOGGED_IN;
    }
    if (session->operation != NO_OPERATION) {
        return CKR_OPERATION_ACTIVE;
    }
    session->operation = operation;
    *out = session;
    return CKR_OK;
}

static CK_RV fake_find_init(CK_SESSION_HANDLE handle, CK_ATTRIBUTE *list, CK_ULONG count)
{
    struct fake_session *session = NULL;
    CK_RV ckr = enter(FAKE_FIND_INIT);
    ckr = ckr == CKR_OK ? begin(handle, FINDING, &session) : ckr;
    if (ckr != CKR_OK) {
        return unlock(ckr);
    }
    session->found_count = 0;
    session->found_at = 0;
    /* secret keys, which are all that it has, are hidden from who is not logged in */
    for (size_t i = 0; fake.logged_in && i < OBJECTS; i++) {
        if (fake.objects[i].used && matches(&fake.objects[i], list, count)) {
            session->found[session->found_count++] = handle_of(i);
        }
    }
    return unlock(CKR_OK);
}

static CK_RV fake_find(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE *out, CK_ULONG max,
                       CK_ULONG *count)
{
    CK_RV ckr = enter(FAKE_FIND);
    struct fake_session *session = session_of(handle);
    *count = 0;
    while (ckr == CKR_OK && session != NULL && *count < max &&
           session->found_at < session->found_count) {
        out[(*count)++] = session->found[session->found_at++];
    }
    return unlock(session == NULL ? CKR_SESSION_HANDLE_INVALID : ckr);
}

static CK_RV fake_find_final(CK_SESSION_HANDLE handle)
{
    lock();
    struct fake_session *session = session_of(handle);
    if (session == NULL) {
        return unlock(CKR_SESSION_HANDLE_INVALID);
    }
    session->operation = NO_OPERATION;
    return unlock(CKR_OK);
}

static CK_RV init(enum fake_call call, enum operation operation, CK_SESSION_HANDLE handle,
                  const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    struct fake_session *session = NULL;
    CK_RV ckr = enter(call);
    if (ckr == CKR_OK && session_of(handle) != NULL && fake.logged_in && object_of(key) == NULL) {
        ckr = CKR_KEY_HANDLE_INVALID;
    }
    ckr = ckr == CKR_OK ? begin(handle, operation, &session) : ckr;
    if (ckr == CKR_OK) {
        session->mechanism = mechanism->mechanism;
        session->object = (key & 0xffff) - 1;
        if (mechanism->mechanism == CKM_AES_GCM) {
            memcpy(&session->gcm, mechanism->pParameter, sizeof(session->gcm));
            assert(session->gcm.ulAADLen > 0 && session->gcm.ulTagBits == 128);
        }
    }
    return unlock(ckr);
}

/* The session and its object for the second half; the operation ends unless a scripted code leaves
 * it active. */
static CK_RV finish(enum fake_call call, enum operation operation, CK_SESSION_HANDLE handle,
                    struct fake_session **out, struct fake_object *out_object)
{
    CK_RV ckr = enter(call);
    struct fake_session *session = session_of(handle);
    if (session == NULL || session->operation != operation) {
        return unlock(session == NULL ? CKR_SESSION_HANDLE_INVALID : CKR_OPERATION_NOT_INITIALIZED);
    }
    if (ckr != CKR_OK) {
        bool ends = ckr == CKR_DATA_INVALID || ckr == CKR_ENCRYPTED_DATA_INVALID;
        session->operation = ends ? NO_OPERATION : session->operation;
        return unlock(ckr);
    }
    session->operation = NO_OPERATION;
    *out_object = fake.objects[session->object];
    *out = session;
    return unlock(CKR_OK);
}

static CK_RV fake_sign_init(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return init(FAKE_SIGN_INIT, SIGNING, handle, mechanism, key);
}

static CK_RV fake_sign(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG len, CK_BYTE *out,
                       CK_ULONG *out_len)
{
    struct fake_session *session = NULL;
    struct fake_object object;
    assert(data != NULL && out != NULL);
    CK_RV ckr = finish(FAKE_SIGN, SIGNING, handle, &session, &object);
    if (ckr != CKR_OK) {
        return ckr;
    }
    occupy(session);
    const EVP_MD *hash = session->mechanism == CKM_SHA256_HMAC   ? EVP_sha256()
                         : session->mechanism == CKM_SHA384_HMAC ? EVP_sha384()
                                                                 : EVP_sha512();
    unsigned mac_len = 0;
    assert(*out_len >= (CK_ULONG)EVP_MD_get_size(hash));
    assert(HMAC(hash, object.value, (int)object.value_len, data, len, out, &mac_len) != NULL);
    if (fake.zeroes) {
        memset(out, 0, mac_len);
    }
    *out_len = mac_len + (CK_ULONG)fake.longer;
    atomic_flag_clear(&session->busy);
    return CKR_OK;
}

static CK_RV fake_encrypt_init(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism,
                               CK_OBJECT_HANDLE key)
{
    const CK_GCM_PARAMS *gcm = mechanism->pParameter;
    static const CK_BYTE zero[TOKEN_IV_LEN];
    lock();
    enum operation_iv iv = fake.iv;
    (void)unlock(CKR_OK);
    bool given = gcm->ulIvLen == TOKEN_IV_LEN && memcmp(gcm->pIv, zero, TOKEN_IV_LEN) != 0;
    bool fits = iv == OPERATION_IV_RANDOM    ? given
                : iv == OPERATION_IV_WRITTEN ? gcm->ulIvLen == TOKEN_IV_LEN && !given
                                             : gcm->ulIvLen == 0;
    return fits ? init(FAKE_ENCRYPT_INIT, ENCRYPTING, handle, mechanism, key)
                : CKR_MECHANISM_PARAM_INVALID;
}

/* One pass of AES-256-GCM; `tag` is written or checked. */
static bool gcm_pass(const struct fake_object *object, const CK_GCM_PARAMS *gcm, const uint8_t *iv,
                     int encrypt, struct span in, uint8_t *out, uint8_t *tag)
{
    int len = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool done = EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, object->value, iv, encrypt) == 1 &&
                EVP_CipherUpdate(ctx, NULL, &len, gcm->pAAD, (int)gcm->ulAADLen) == 1 &&
                (in.len == 0 || EVP_CipherUpdate(ctx, out, &len, in.data, (int)in.len) == 1);
    if (!encrypt) {
        done = done && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TOKEN_TAG_LEN, tag) == 1;
    }
    done = done && EVP_CipherFinal_ex(ctx, out + in.len, &len) == 1;
    if (encrypt) {
        done = done && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TOKEN_TAG_LEN, tag) == 1;
    }
    EVP_CIPHER_CTX_free(ctx);
    return done;
}

static CK_RV fake_encrypt(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG len, CK_BYTE *out,
                          CK_ULONG *out_len)
{
    struct fake_session *session = NULL;
    struct fake_object object;
    uint8_t own[TOKEN_IV_LEN];
    assert(data != NULL && out != NULL);
    CK_RV ckr = finish(FAKE_ENCRYPT, ENCRYPTING, handle, &session, &object);
    if (ckr != CKR_OK) {
        return ckr;
    }
    if (len == 0 && fake.no_empty) {
        return CKR_DATA_LEN_RANGE;
    }
    occupy(session);
    bool caller = fake.iv == OPERATION_IV_RANDOM;
    bool appended = fake.iv == OPERATION_IV_APPENDED;
    make_random(own, sizeof(own));
    assert(*out_len >= len + TOKEN_TAG_LEN + (appended ? TOKEN_IV_LEN : 0));
    const uint8_t *iv = caller ? session->gcm.pIv : own;
    assert(gcm_pass(&object, &session->gcm, iv, 1, span_of(data, len), out, out + len));
    *out_len = len + TOKEN_TAG_LEN;
    if (appended) {
        memcpy(out + *out_len, own, TOKEN_IV_LEN);
        *out_len += TOKEN_IV_LEN;
    } else if (!caller) {
        memcpy(session->gcm.pIv, own, TOKEN_IV_LEN);
    }
    *out_len += (CK_ULONG)fake.longer;
    atomic_flag_clear(&session->busy);
    return CKR_OK;
}

static CK_RV fake_decrypt_init(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism,
                               CK_OBJECT_HANDLE key)
{
    return init(FAKE_DECRYPT_INIT, DECRYPTING, handle, mechanism, key);
}

static CK_RV fake_decrypt(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG len, CK_BYTE *out,
                          CK_ULONG *out_len)
{
    struct fake_session *session = NULL;
    struct fake_object object;
    uint8_t tag[TOKEN_TAG_LEN];
    assert(data != NULL && out != NULL && len >= TOKEN_TAG_LEN && *out_len + TOKEN_TAG_LEN >= len);
    CK_RV ckr = finish(FAKE_DECRYPT, DECRYPTING, handle, &session, &object);
    if (ckr != CKR_OK) {
        return ckr;
    }
    occupy(session);
    size_t body = len - TOKEN_TAG_LEN;
    memcpy(tag, data + body, sizeof(tag));
    bool opened =
        gcm_pass(&object, &session->gcm, session->gcm.pIv, 0, span_of(data, body), out, tag);
    *out_len = opened ? body + (CK_ULONG)fake.longer : *out_len;
    atomic_flag_clear(&session->busy);
    return opened ? CKR_OK : fake.tamper;
}

CK_FUNCTION_LIST *fake_token_new(void)
{
    lock();
    memset(fake.sessions, 0, sizeof(fake.sessions));
    memset(fake.objects, 0, sizeof(fake.objects));
    memset(fake.calls, 0, sizeof(fake.calls));
    memset(fake.faults, 0, sizeof(fake.faults));
    fake.generation++;
    fake.logged_in = false;
    fake.flags = 0;
    fake.limit = SESSIONS;
    fake.opened = 0;
    fake.iv = OPERATION_IV_RANDOM;
    fake.no_empty = false;
    fake.tamper = CKR_ENCRYPTED_DATA_INVALID;
    fake.no_session_keys = false;
    fake.stuck = false;
    fake.longer = 0;
    fake.zeroes = false;
    fake.lied = CK_UNAVAILABLE_INFORMATION;
    fake.ignored = CK_UNAVAILABLE_INFORMATION;
    (void)snprintf(fake.serial, sizeof(fake.serial), "%s", FAKE_TOKEN_SERIAL);
    fake.list = (CK_FUNCTION_LIST){
        .C_Initialize = fake_initialize,
        .C_Finalize = fake_finalize,
        .C_GetSlotList = fake_slots,
        .C_GetTokenInfo = fake_token_info,
        .C_GetMechanismInfo = fake_mechanism_info,
        .C_OpenSession = fake_open,
        .C_CloseSession = fake_close,
        .C_GetSessionInfo = fake_session_info,
        .C_Login = fake_login,
        .C_GenerateRandom = fake_random,
        .C_GenerateKey = fake_generate_key,
        .C_GenerateKeyPair = fake_generate_pair,
        .C_DestroyObject = fake_destroy,
        .C_GetAttributeValue = fake_get,
        .C_FindObjectsInit = fake_find_init,
        .C_FindObjects = fake_find,
        .C_FindObjectsFinal = fake_find_final,
        .C_SignInit = fake_sign_init,
        .C_Sign = fake_sign,
        .C_EncryptInit = fake_encrypt_init,
        .C_Encrypt = fake_encrypt,
        .C_DecryptInit = fake_decrypt_init,
        .C_Decrypt = fake_decrypt,
    };
    (void)unlock(CKR_OK);
    return &fake.list;
}

void fake_token_fail(enum fake_call call, CK_RV ckr, unsigned after, unsigned times)
{
    lock();
    fake.faults[call].ckr = ckr;
    fake.faults[call].after = after;
    fake.faults[call].times = times;
    (void)unlock(CKR_OK);
}

unsigned fake_token_calls(enum fake_call call)
{
    lock();
    unsigned calls = fake.calls[call];
    (void)unlock(CKR_OK);
    return calls;
}

void fake_token_reset_device(void)
{
    lock();
    reset();
    (void)unlock(CKR_OK);
}

void fake_token_refuse_session_keys(void)
{
    lock();
    fake.no_session_keys = true;
    (void)unlock(CKR_OK);
}

void fake_token_stick(void)
{
    lock();
    fake.stuck = true;
    (void)unlock(CKR_OK);
}

void fake_token_lie_about_length(int more)
{
    lock();
    fake.longer = more;
    (void)unlock(CKR_OK);
}

void fake_token_sign_zeroes(void)
{
    lock();
    fake.zeroes = true;
    (void)unlock(CKR_OK);
}

void fake_token_log_out(void)
{
    lock();
    fake.logged_in = false;
    (void)unlock(CKR_OK);
}

void fake_token_set_flags(CK_FLAGS flags)
{
    fake.flags = flags;
}

void fake_token_set_serial(const char *serial)
{
    (void)snprintf(fake.serial, sizeof(fake.serial), "%s", serial);
}

void fake_token_limit_sessions(unsigned limit)
{
    fake.limit = limit;
}

void fake_token_set_iv(enum operation_iv iv)
{
    fake.iv = iv;
}

void fake_token_refuse_empty_plaintext(void)
{
    fake.no_empty = true;
}

void fake_token_set_tamper_ckr(CK_RV ckr)
{
    fake.tamper = ckr;
}

void fake_token_lie(CK_ATTRIBUTE_TYPE type, CK_BBOOL value)
{
    fake.lied = type;
    fake.lie = value;
}

void fake_token_ignore(CK_ATTRIBUTE_TYPE type)
{
    fake.ignored = type;
}

CK_OBJECT_HANDLE fake_token_put(const CK_ATTRIBUTE *list, CK_ULONG count)
{
    lock();
    CK_OBJECT_HANDLE handle = handle_of(put(list, count));
    (void)unlock(CKR_OK);
    return handle;
}

void fake_token_wipe(void)
{
    lock();
    memset(fake.objects, 0, sizeof(fake.objects));
    (void)unlock(CKR_OK);
}

void fake_token_swap_key(const uint8_t *cka_id, size_t len)
{
    CK_ATTRIBUTE by_id = {
        .type = CKA_ID, .pValue = cryptoki_bytes(span_of(cka_id, len)), .ulValueLen = len};
    lock();
    for (size_t i = 0; i < OBJECTS; i++) {
        if (fake.objects[i].used && matches(&fake.objects[i], &by_id, 1)) {
            random_bytes(fake.objects[i].value, VALUE_MAX);
        }
    }
    (void)unlock(CKR_OK);
}

unsigned fake_token_objects(void)
{
    unsigned count = 0;
    for (size_t i = 0; i < OBJECTS; i++) {
        count += fake.objects[i].used;
    }
    return count;
}

unsigned fake_token_sessions(void)
{
    unsigned count = 0;
    for (size_t i = 0; i < SESSIONS; i++) {
        count += fake.sessions[i].open;
    }
    return count;
}
