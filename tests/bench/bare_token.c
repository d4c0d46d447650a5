/* The bare token: what the module itself does a second with the same operations, without the
 * gateway: bare_token MODULE TOKEN_LABEL PIN_FILE THREADS OPERATION....
 *
 * It logs in, makes keys on the token, one of each kind for each thread, and says so with an empty
 * line. Then each line `OPERATION SECONDS` on standard input is one round, in as many threads with
 * a session each; its figures come back as one JSON object on a line. OPERATION is sign-p256,
 * sign-rsa2048, sign-ed25519, encrypt (AES-256-GCM, 32 bytes, 12 random bytes of IV from the
 * token), data-key (32 random bytes, encrypted so) or unwrap (the matching decrypt). The keys lie
 * on the token as the gateway's do: SoftHSM takes some 18 us less for each use of a key that lives
 * in a session. */
#include <assert.h>
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/histogram.h"

#ifndef CKM_EDDSA
#define CKM_EDDSA                   0x1057UL
#define CKM_EC_EDWARDS_KEY_PAIR_GEN 0x1055UL
#endif

#define THREADS_MAX 64
#define WARM_UP     20 /* operations of each thread */
#define SECOND_NS   1000000000LL

struct caller;

/* An operation, and how its key is made. */
struct operation {
    const char *name;
    void (*run)(struct caller *caller);
    CK_OBJECT_HANDLE (*make_key)(CK_SESSION_HANDLE session);
    CK_MECHANISM_TYPE mechanism;
    CK_ULONG input_len;
};

enum { OPERATIONS = 6 };

/* One thread's session, with its keys. */
struct caller {
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE keys[OPERATIONS];
    const struct operation *operation;
    CK_OBJECT_HANDLE key;
    CK_BYTE iv[12];
    CK_BYTE sealed[64];
    CK_ULONG sealed_len;
    struct histogram times;
};

static CK_FUNCTION_LIST_PTR p11;
static CK_SLOT_ID slot;
static struct caller callers[THREADS_MAX];
static atomic_uint ready;
static atomic_bool counting;
static atomic_bool stop;

static void must(CK_RV rv, const char *what)
{
    if (rv != CKR_OK) {
        fprintf(stderr, "bare_token: %s: CKR 0x%lx\n", what, (unsigned long)rv);
        exit(1);
    }
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static CK_OBJECT_HANDLE make_pair(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE generate,
                                  CK_ATTRIBUTE first, CK_ATTRIBUTE second)
{
    CK_BBOOL yes = CK_TRUE;
    CK_MECHANISM mechanism = {generate, NULL, 0};
    CK_ATTRIBUTE pub[] = {{CKA_TOKEN, &yes, 1}, {CKA_VERIFY, &yes, 1}, first, second};
    CK_ATTRIBUTE private[] = {{CKA_TOKEN, &yes, 1},
                              {CKA_SIGN, &yes, 1},
                              {CKA_SENSITIVE, &yes, 1},
                              {CKA_PRIVATE, &yes, 1}};
    CK_OBJECT_HANDLE public_key;
    CK_OBJECT_HANDLE private_key;
    must(p11->C_GenerateKeyPair(session, &mechanism, pub, second.pValue != NULL ? 4 : 3, private, 4,
                                &public_key, &private_key),
         "C_GenerateKeyPair");
    return private_key;
}

static CK_OBJECT_HANDLE make_p256(CK_SESSION_HANDLE session)
{
    static CK_BYTE curve[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    return make_pair(session, CKM_EC_KEY_PAIR_GEN,
                     (CK_ATTRIBUTE){CKA_EC_PARAMS, curve, sizeof curve}, (CK_ATTRIBUTE){0});
}

static CK_OBJECT_HANDLE make_ed25519(CK_SESSION_HANDLE session)
{
    static CK_BYTE curve[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
    return make_pair(session, CKM_EC_EDWARDS_KEY_PAIR_GEN,
                     (CK_ATTRIBUTE){CKA_EC_PARAMS, curve, sizeof curve}, (CK_ATTRIBUTE){0});
}

static CK_OBJECT_HANDLE make_rsa2048(CK_SESSION_HANDLE session)
{
    CK_BYTE e[] = {1, 0, 1};
    CK_ULONG bits = 2048;
    return make_pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN,
                     (CK_ATTRIBUTE){CKA_MODULUS_BITS, &bits, sizeof bits},
                     (CK_ATTRIBUTE){CKA_PUBLIC_EXPONENT, e, sizeof e});
}

static CK_OBJECT_HANDLE make_aes(CK_SESSION_HANDLE session)
{
    CK_BBOOL yes = CK_TRUE;
    CK_ULONG len = 32;
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_ATTRIBUTE template[] = {{CKA_TOKEN, &yes, 1},     {CKA_ENCRYPT, &yes, 1},
                               {CKA_DECRYPT, &yes, 1},   {CKA_PRIVATE, &yes, 1},
                               {CKA_SENSITIVE, &yes, 1}, {CKA_VALUE_LEN, &len, sizeof len}};
    CK_OBJECT_HANDLE key;
    must(p11->C_GenerateKey(session, &mechanism, template, 6, &key), "C_GenerateKey");
    return key;
}

static void sign(struct caller *caller)
{
    static CK_BYTE input[64] = {7};
    CK_BYTE signature[512];
    CK_ULONG len = sizeof signature;
    CK_MECHANISM mechanism = {caller->operation->mechanism, NULL, 0};
    must(p11->C_SignInit(caller->session, &mechanism, caller->key), "C_SignInit");
    must(p11->C_Sign(caller->session, input, caller->operation->input_len, signature, &len),
         "C_Sign");
}

static CK_GCM_PARAMS gcm_of(struct caller *caller)
{
    static CK_BYTE aad[48];
    return (CK_GCM_PARAMS){caller->iv, 12, 96, aad, sizeof aad, 128};
}

static void seal(struct caller *caller, CK_BYTE plaintext[32])
{
    must(p11->C_GenerateRandom(caller->session, caller->iv, 12), "C_GenerateRandom");
    CK_GCM_PARAMS gcm = gcm_of(caller);
    CK_MECHANISM mechanism = {CKM_AES_GCM, &gcm, sizeof gcm};
    caller->sealed_len = sizeof caller->sealed;
    must(p11->C_EncryptInit(caller->session, &mechanism, caller->key), "C_EncryptInit");
    must(p11->C_Encrypt(caller->session, plaintext, 32, caller->sealed, &caller->sealed_len),
         "C_Encrypt");
}

static void encrypt(struct caller *caller)
{
    CK_BYTE plaintext[32] = {1};
    seal(caller, plaintext);
}

static void data_key(struct caller *caller)
{
    CK_BYTE fresh[32];
    must(p11->C_GenerateRandom(caller->session, fresh, sizeof fresh), "C_GenerateRandom");
    seal(caller, fresh);
}

static void unwrap(struct caller *caller)
{
    CK_BYTE plaintext[64];
    CK_ULONG len = sizeof plaintext;
    CK_GCM_PARAMS gcm = gcm_of(caller);
    CK_MECHANISM mechanism = {CKM_AES_GCM, &gcm, sizeof gcm};
    must(p11->C_DecryptInit(caller->session, &mechanism, caller->key), "C_DecryptInit");
    must(p11->C_Decrypt(caller->session, caller->sealed, caller->sealed_len, plaintext, &len),
         "C_Decrypt");
}

static const struct operation operations[OPERATIONS] = {
    {"sign-p256", sign, make_p256, CKM_ECDSA, 32},
    {"sign-rsa2048", sign, make_rsa2048, CKM_RSA_PKCS, 51},
    {"sign-ed25519", sign, make_ed25519, CKM_EDDSA, 32},
    {"encrypt", encrypt, make_aes, 0, 0},
    {"data-key", data_key, make_aes, 0, 0},
    {"unwrap", unwrap, make_aes, 0, 0},
};

static const struct operation *find_operation(const char *name)
{
    for (int i = 0; i < OPERATIONS; i++) {
        if (strcmp(operations[i].name, name) == 0) {
            return &operations[i];
        }
    }
    fprintf(stderr, "bare_token: no operation %s\n", name);
    exit(2);
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

static CK_SESSION_HANDLE open_session(void)
{
    CK_SESSION_HANDLE session;
    must(p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
         "C_OpenSession");
    return session;
}

static void login(const char *pin_file)
{
    char pin[128] = {0};
    FILE *file = fopen(pin_file, "r");
    assert(file != NULL && fgets(pin, sizeof pin, file) != NULL);
    fclose(file);
    pin[strcspn(pin, "\n")] = 0;
    must(p11->C_Login(open_session(), CKU_USER, (CK_UTF8CHAR *)pin, strlen(pin)), "C_Login");
}

static void load_module(const char *path)
{
    void *module = dlopen(path, RTLD_NOW);
    if (module == NULL) {
        fprintf(stderr, "bare_token: %s\n", dlerror());
        exit(1);
    }
    CK_C_GetFunctionList get_list;
    *(void **)&get_list = dlsym(module, "C_GetFunctionList");
    must(get_list(&p11), "C_GetFunctionList");
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
    must(p11->C_Initialize(&args), "C_Initialize");
}

static void make_callers(unsigned threads, char **names, int name_count)
{
    for (unsigned i = 0; i < threads; i++) {
        callers[i].session = open_session();
        for (int j = 0; j < name_count; j++) {
            const struct operation *operation = find_operation(names[j]);
            callers[i].keys[operation - operations] = operation->make_key(callers[i].session);
        }
    }
}

static void prepare(struct caller *caller, const struct operation *operation)
{
    caller->operation = operation;
    caller->key = caller->keys[operation - operations];
    memset(&caller->times, 0, sizeof caller->times);
    if (operation->run == unwrap) {
        encrypt(caller);
    }
}

static void *run(void *arg)
{
    struct caller *caller = arg;
    for (int i = 0; i < WARM_UP; i++) {
        caller->operation->run(caller);
    }
    atomic_fetch_add(&ready, 1);
    int64_t before = clock_ns(CLOCK_MONOTONIC);
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        caller->operation->run(caller);
        int64_t now = clock_ns(CLOCK_MONOTONIC);
        if (atomic_load_explicit(&counting, memory_order_relaxed)) {
            histogram_add(&caller->times, now - before);
        }
        before = now;
    }
    return NULL;
}

static void print(unsigned threads, int64_t took_ns, int64_t cpu_ns)
{
    static struct histogram all;
    memset(&all, 0, sizeof all);
    for (unsigned i = 0; i < threads; i++) {
        histogram_merge(&all, &callers[i].times);
    }
    printf("{\"seconds\": %.4f, ", (double)took_ns / 1e9);
    histogram_print(&all);
    printf(", \"cpu_us\": %.1f}\n", (double)cpu_ns / 1e3);
    fflush(stdout);
}

static void measure(const struct operation *operation, unsigned threads, double seconds)
{
    pthread_t started[THREADS_MAX];
    atomic_store(&ready, 0);
    atomic_store(&stop, 0);
    for (unsigned i = 0; i < threads; i++) {
        prepare(&callers[i], operation);
    }
    for (unsigned i = 0; i < threads; i++) {
        assert(pthread_create(&started[i], NULL, run, &callers[i]) == 0);
    }
    while (atomic_load(&ready) < threads) {
        sched_yield();
    }
    const int64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    const int64_t begin = clock_ns(CLOCK_MONOTONIC);
    atomic_store(&counting, 1);
    struct timespec pause = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    atomic_store(&counting, 0);
    const int64_t took = clock_ns(CLOCK_MONOTONIC) - begin;
    const int64_t used = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    atomic_store(&stop, 1);
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(started[i], NULL);
    }
    print(threads, took, used);
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "bare_token MODULE TOKEN_LABEL PIN_FILE THREADS OPERATION...\n");
        return 2;
    }
    const unsigned threads = (unsigned)strtoul(argv[4], NULL, 10);
    assert(threads >= 1 && threads <= THREADS_MAX);
    load_module(argv[1]);
    find_slot(argv[2]);
    login(argv[3]);
    make_callers(threads, argv + 5, argc - 5);
    printf("\n");
    fflush(stdout);
    char name[32];
    double seconds;
    while (scanf("%31s %lf", name, &seconds) == 2) {
        measure(find_operation(name), threads, seconds);
    }
    fflush(stdout);
    _exit(0);
}
