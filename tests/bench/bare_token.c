/* The bare token: what the module itself does a second with the same operations, without the
 * gateway, in T threads with a session each.
 *
 *   bare_token MODULE TOKEN_LABEL PIN_FILE OPERATION THREADS SECONDS
 *
 * OPERATION is sign-p256, sign-rsa2048, sign-ed25519, encrypt (AES-256-GCM, 32 bytes, 12 random
 * bytes of IV from the token) or unwrap (the matching decrypt). Keys are session objects. Prints
 * `OPERATIONS_PER_SECOND CPU_MICROSECONDS_PER_OPERATION`. */
#include <assert.h>
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#ifndef CKM_EDDSA
#define CKM_EDDSA                   0x1057UL
#define CKM_EC_EDWARDS_KEY_PAIR_GEN 0x1055UL
#endif

static CK_FUNCTION_LIST_PTR p11;
static CK_SLOT_ID slot;
static const char *operation;
static atomic_ulong done;
static atomic_bool stop;

static void must(CK_RV rv, const char *what)
{
    if (rv != CKR_OK) {
        fprintf(stderr, "bare_token: %s: CKR 0x%lx\n", what, (unsigned long)rv);
        exit(1);
    }
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void find_slot(const char *label)
{
    CK_SLOT_ID slots[64];
    CK_ULONG count = 64;
    must(p11->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info;
        must(p11->C_GetTokenInfo(slots[i], &info), "C_GetTokenInfo");
        if (strncmp((const char *)info.label, label, strlen(label)) == 0) {
            slot = slots[i];
            return;
        }
    }
    fprintf(stderr, "bare_token: no token with label %s\n", label);
    exit(1);
}

static CK_OBJECT_HANDLE make_pair(CK_SESSION_HANDLE session)
{
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    static CK_BYTE ed25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
    static CK_BYTE e[] = {1, 0, 1};
    CK_ULONG bits = 2048;
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE pub[] = {
        {CKA_TOKEN, &no, 1}, {CKA_VERIFY, &yes, 1}, {CKA_EC_PARAMS, p256, sizeof p256}, {0}};
    CK_ULONG pub_count = 3;
    if (strcmp(operation, "sign-ed25519") == 0) {
        mechanism.mechanism = CKM_EC_EDWARDS_KEY_PAIR_GEN;
        pub[2].pValue = ed25519;
        pub[2].ulValueLen = sizeof ed25519;
    } else if (strcmp(operation, "sign-rsa2048") == 0) {
        mechanism.mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN;
        pub[2] = (CK_ATTRIBUTE){CKA_MODULUS_BITS, &bits, sizeof bits};
        pub[3] = (CK_ATTRIBUTE){CKA_PUBLIC_EXPONENT, e, sizeof e};
        pub_count = 4;
    }
    CK_ATTRIBUTE private[] = {
        {CKA_TOKEN, &no, 1}, {CKA_SIGN, &yes, 1}, {CKA_SENSITIVE, &yes, 1}, {CKA_PRIVATE, &yes, 1}};
    CK_OBJECT_HANDLE public_key;
    CK_OBJECT_HANDLE private_key;
    must(p11->C_GenerateKeyPair(session, &mechanism, pub, pub_count, private, 4, &public_key,
                                &private_key),
         "C_GenerateKeyPair");
    return private_key;
}

static CK_OBJECT_HANDLE make_secret(CK_SESSION_HANDLE session)
{
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    CK_ULONG len = 32;
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_ATTRIBUTE template[] = {{CKA_TOKEN, &no, 1},      {CKA_ENCRYPT, &yes, 1},
                               {CKA_DECRYPT, &yes, 1},   {CKA_PRIVATE, &yes, 1},
                               {CKA_SENSITIVE, &yes, 1}, {CKA_VALUE_LEN, &len, sizeof len}};
    CK_OBJECT_HANDLE key;
    must(p11->C_GenerateKey(session, &mechanism, template, 6, &key), "C_GenerateKey");
    return key;
}

static void sign_once(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_BYTE input[51];
    CK_BYTE signature[512];
    CK_ULONG len = sizeof signature;
    memset(input, 7, sizeof input);
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_ULONG input_len = 32;
    if (strcmp(operation, "sign-ed25519") == 0) {
        mechanism.mechanism = CKM_EDDSA;
    } else if (strcmp(operation, "sign-rsa2048") == 0) {
        mechanism.mechanism = CKM_RSA_PKCS;
        input_len = 51;
    }
    must(p11->C_SignInit(session, &mechanism, key), "C_SignInit");
    must(p11->C_Sign(session, input, input_len, signature, &len), "C_Sign");
}

static CK_ULONG encrypt_once(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_BYTE iv[12],
                             CK_BYTE out[64])
{
    static CK_BYTE aad[48];
    CK_BYTE plaintext[32] = {1};
    CK_ULONG len = 64;
    must(p11->C_GenerateRandom(session, iv, 12), "C_GenerateRandom");
    CK_GCM_PARAMS gcm = {iv, 12, 96, aad, sizeof aad, 128};
    CK_MECHANISM mechanism = {CKM_AES_GCM, &gcm, sizeof gcm};
    must(p11->C_EncryptInit(session, &mechanism, key), "C_EncryptInit");
    must(p11->C_Encrypt(session, plaintext, sizeof plaintext, out, &len), "C_Encrypt");
    return len;
}

static void decrypt_once(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_BYTE iv[12],
                         CK_BYTE *sealed, CK_ULONG sealed_len)
{
    static CK_BYTE aad[48];
    CK_BYTE plaintext[64];
    CK_ULONG len = sizeof plaintext;
    CK_GCM_PARAMS gcm = {iv, 12, 96, aad, sizeof aad, 128};
    CK_MECHANISM mechanism = {CKM_AES_GCM, &gcm, sizeof gcm};
    must(p11->C_DecryptInit(session, &mechanism, key), "C_DecryptInit");
    must(p11->C_Decrypt(session, sealed, sealed_len, plaintext, &len), "C_Decrypt");
}

static void *run(void *arg)
{
    (void)arg;
    CK_SESSION_HANDLE session;
    must(p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
         "C_OpenSession");
    const int symmetric = operation[0] != 's';
    CK_OBJECT_HANDLE key = symmetric ? make_secret(session) : make_pair(session);
    CK_BYTE iv[12];
    CK_BYTE sealed[64];
    CK_ULONG sealed_len = symmetric ? encrypt_once(session, key, iv, sealed) : 0;
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        if (strcmp(operation, "encrypt") == 0) {
            encrypt_once(session, key, iv, sealed);
        } else if (strcmp(operation, "unwrap") == 0) {
            decrypt_once(session, key, iv, sealed, sealed_len);
        } else {
            sign_once(session, key);
        }
        atomic_fetch_add_explicit(&done, 1, memory_order_relaxed);
    }
    return NULL;
}

static void login(const char *pin_file)
{
    char pin[128] = {0};
    FILE *file = fopen(pin_file, "r");
    assert(file != NULL && fgets(pin, sizeof pin, file) != NULL);
    fclose(file);
    pin[strcspn(pin, "\n")] = 0;
    CK_SESSION_HANDLE session;
    must(p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
         "C_OpenSession");
    must(p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)pin, strlen(pin)), "C_Login");
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr,
                "usage: bare_token MODULE TOKEN_LABEL PIN_FILE OPERATION THREADS SECONDS\n");
        return 2;
    }
    operation = argv[4];
    const int threads = (int)strtol(argv[5], NULL, 10);
    const double seconds = strtod(argv[6], NULL);
    void *module = dlopen(argv[1], RTLD_NOW);
    if (module == NULL) {
        fprintf(stderr, "bare_token: %s\n", dlerror());
        return 1;
    }
    CK_C_GetFunctionList get_list;
    *(void **)&get_list = dlsym(module, "C_GetFunctionList");
    must(get_list(&p11), "C_GetFunctionList");
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
    must(p11->C_Initialize(&args), "C_Initialize");
    find_slot(argv[2]);
    login(argv[3]);

    pthread_t started[64];
    assert(threads >= 1 && threads <= 64);
    for (int i = 0; i < threads; i++) {
        assert(pthread_create(&started[i], NULL, run, NULL) == 0);
    }
    while (atomic_load(&done) < 50UL * (unsigned long)threads) {
        sched_yield();
    }
    struct rusage before;
    getrusage(RUSAGE_SELF, &before);
    const unsigned long first = atomic_load(&done);
    const double begin = seconds_now();
    struct timespec pause = {.tv_sec = (time_t)seconds};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    const double took = seconds_now() - begin;
    const unsigned long count = atomic_load(&done) - first;
    struct rusage after;
    getrusage(RUSAGE_SELF, &after);
    atomic_store(&stop, 1);
    for (int i = 0; i < threads; i++) {
        pthread_join(started[i], NULL);
    }
    const double cpu = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec +
                                after.ru_stime.tv_sec - before.ru_stime.tv_sec) *
                           1e6 +
                       (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec +
                                after.ru_stime.tv_usec - before.ru_stime.tv_usec);
    printf("%.0f %.1f\n", (double)count / took, cpu / (double)count);
    fflush(stdout);
    _exit(0);
}
