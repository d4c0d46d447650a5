/* The module that tests others is tested itself: on a SoftHSM token, every fault comes when it is
 * asked for, and every kind of careless caller is found out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/chaos/module/board.h"
#include "tests/chaos/module/function.h"
#include "tests/lib/softhsm.h"

#define READ_WRITE (CKF_SERIAL_SESSION | CKF_RW_SESSION)

static struct {
    struct softhsm softhsm;
    char *board_path;
    char *violations;
    struct board *board;
    CK_FUNCTION_LIST *list;
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key; /* an AES key with the CKA_ID "one" */
} it;

static CK_MECHANISM ecb = {CKM_AES_ECB, NULL, 0};
static CK_BYTE block[16] = "sixteen bytes !";

static void map_board(void)
{
    it.board_path = mem_format("%s/board", it.softhsm.folder);
    it.violations = mem_format("%s.violations", it.board_path);
    int fd = open(it.board_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && ftruncate(fd, sizeof(struct board)) == 0);
    it.board = mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(it.board != MAP_FAILED);
    (void)close(fd);
}

static void load_module(void)
{
    assert_int_equal(setenv("HSMGATE_CHAOS_TARGET", SOFTHSM_MODULE, 1), 0);
    assert_int_equal(setenv("HSMGATE_CHAOS_BOARD", it.board_path, 1), 0);
    void *library = dlopen(CHAOS_MODULE, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(library);
    union {
        void *symbol;
        CK_C_GetFunctionList get;
    } entry = {.symbol = dlsym(library, "C_GetFunctionList")};
    assert_non_null(entry.symbol);
    assert_int_equal(entry.get(&it.list), CKR_OK);
}

static CK_SESSION_HANDLE open_session(void)
{
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    assert_int_equal(it.list->C_OpenSession(it.slot, READ_WRITE, NULL, NULL, &session), CKR_OK);
    return session;
}

static CK_OBJECT_HANDLE make_key(const char *id)
{
    static CK_BBOOL yes = CK_TRUE;
    static CK_ULONG len = 16;
    CK_MECHANISM how = {CKM_AES_KEY_GEN, NULL, 0};
    char copy[8];
    (void)snprintf(copy, sizeof(copy), "%s", id);
    CK_ATTRIBUTE list[] = {{CKA_TOKEN, &yes, sizeof(yes)},
                           {CKA_ENCRYPT, &yes, sizeof(yes)},
                           {CKA_VALUE_LEN, &len, sizeof(len)},
                           {CKA_ID, copy, strlen(copy)}};
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    assert_int_equal(it.list->C_GenerateKey(it.session, &how, list, 4, &key), CKR_OK);
    return key;
}

/* A session that is logged in, whatever happened before. */
static void settle(void)
{
    CK_BYTE pin[] = SOFTHSM_PIN;
    it.session = open_session();
    CK_RV ckr = it.list->C_Login(it.session, CKU_USER, pin, sizeof(pin) - 1);
    assert_true(ckr == CKR_OK || ckr == CKR_USER_ALREADY_LOGGED_IN);
}

static CK_OBJECT_HANDLE find(const char *id)
{
    CK_OBJECT_HANDLE found[2] = {0};
    CK_ULONG count = 0;
    char copy[8];
    (void)snprintf(copy, sizeof(copy), "%s", id);
    CK_ATTRIBUTE by_id = {CKA_ID, copy, strlen(copy)};
    assert_int_equal(it.list->C_FindObjectsInit(it.session, &by_id, 1), CKR_OK);
    assert_int_equal(it.list->C_FindObjects(it.session, found, 2, &count), CKR_OK);
    assert_int_equal(it.list->C_FindObjectsFinal(it.session), CKR_OK);
    assert_int_equal(count, 1);
    return found[0];
}

static int start(void **state)
{
    (void)state;
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
    CK_SLOT_ID slots[4];
    CK_ULONG count = 4;
    softhsm_make(&it.softhsm, "");
    map_board();
    load_module();
    assert_int_equal(it.list->C_Initialize(&args), CKR_OK);
    assert_int_equal(it.list->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    it.slot = slots[0];
    settle();
    (void)make_key("one");
    (void)make_key("two");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    softhsm_remove(&it.softhsm);
    mem_free(it.board_path);
    mem_free(it.violations);
    (void)munmap(it.board, sizeof(struct board));
    return 0;
}

/* No rule, no violation, a good session and a key. */
static int clean(void **state)
{
    (void)state;
    memset(it.board->rules, 0, sizeof(it.board->rules));
    settle();
    it.key = find("one");
    (void)truncate(it.violations, 0);
    return 0;
}

static void expect_violation(const char *text)
{
    CLEANUP(buf_clear) struct buf lines = {.max = 65536};
    assert_int_equal(file_read(it.violations, &lines).code, ERR_OK);
    assert_int_equal(buf_append(&lines, span_of("", 1)).code, ERR_OK);
    const char *said = (const char *)lines.data;
    if (text == NULL) {
        assert_string_equal(said, "");
    } else {
        assert_non_null(strstr(said, text));
        assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1); /* one line */
    }
}

static struct board_rule *rule(const char *function, enum board_action action, uint64_t value)
{
    struct board_rule *rule = &it.board->rules[0];
    while (atomic_load(&rule->active) != 0) {
        rule++;
    }
    (void)snprintf(rule->function, sizeof(rule->function), "%s", function);
    rule->action = action;
    rule->value = value;
    atomic_store(&rule->active, 1);
    return rule;
}

static CK_RV encrypt(CK_BYTE *out, CK_ULONG *out_len)
{
    CK_RV ckr = it.list->C_EncryptInit(it.session, &ecb, it.key);
    return ckr == CKR_OK ? it.list->C_Encrypt(it.session, block, sizeof(block), out, out_len) : ckr;
}

static CK_RV encrypt_once(void)
{
    CK_BYTE out[64];
    CK_ULONG len = sizeof(out);
    return encrypt(out, &len);
}

static uint64_t calls(const char *name)
{
    for (unsigned i = 0; i < FUNCTION_COUNT; i++) {
        if (strcmp(it.board->functions[i].name, name) == 0) {
            return atomic_load(&it.board->functions[i].calls);
        }
    }
    fail();
    return 0;
}

static void test_a_careful_caller_is_left_alone(void **state)
{
    (void)state;
    uint64_t before = calls("C_Encrypt");
    assert_int_equal(encrypt_once(), CKR_OK);
    assert_int_equal(encrypt_once(), CKR_OK);
    assert_int_equal(calls("C_Encrypt"), before + 2);
    expect_violation(NULL);
}

static void test_a_code_for_some_calls(void **state)
{
    (void)state;
    struct board_rule *one = rule("C_EncryptInit", BOARD_CKR, CKR_DEVICE_MEMORY);
    one->skip = 1;
    one->times = 2;
    const CK_RV due[] = {CKR_OK, CKR_DEVICE_MEMORY, CKR_DEVICE_MEMORY, CKR_OK};
    for (size_t i = 0; i < ARRAY_LEN(due); i++) {
        assert_int_equal(encrypt_once(), due[i]);
    }
    assert_int_equal(atomic_load(&one->fired), 2);
    expect_violation(NULL);
}

static void test_a_code_for_another_incarnation(void **state)
{
    (void)state;
    rule("C_EncryptInit", BOARD_CKR, CKR_DEVICE_MEMORY)->incarnation = 2;
    assert_int_equal(encrypt_once(), CKR_OK);
}

static void test_a_code_after_the_call(void **state)
{
    (void)state;
    rule("C_Encrypt", BOARD_CKR, CKR_DATA_INVALID)->done = 1;
    assert_int_equal(encrypt_once(), CKR_DATA_INVALID);
    assert_int_equal(encrypt_once(), CKR_DATA_INVALID); /* the operation did end */
    expect_violation(NULL);
}

static void test_the_world_is_lost(void **state)
{
    (void)state;
    rule("C_EncryptInit", BOARD_RENUMBER, 0)->times = 1;
    assert_int_equal(encrypt_once(), CKR_OBJECT_HANDLE_INVALID);
    it.key = find("one");
    assert_int_equal(encrypt_once(), CKR_OK);
    rule("C_EncryptInit", BOARD_LOSE_LOGIN, 0)->times = 1;
    assert_int_not_equal(encrypt_once(), CKR_OK);
    settle();
    it.key = find("one");
    assert_int_equal(encrypt_once(), CKR_OK);
    rule("C_EncryptInit", BOARD_LOSE_SESSIONS, 0)->times = 1;
    assert_int_equal(encrypt_once(), CKR_SESSION_HANDLE_INVALID);
    expect_violation(NULL);
}

static void test_the_device_is_removed(void **state)
{
    (void)state;
    CK_ULONG count = 4;
    CK_SLOT_ID slots[4];
    CK_TOKEN_INFO info;
    struct board_rule *away = rule("*", BOARD_REMOVE, 0);
    assert_int_equal(encrypt_once(), CKR_DEVICE_REMOVED);
    assert_int_equal(it.list->C_GetTokenInfo(it.slot, &info), CKR_TOKEN_NOT_PRESENT);
    assert_int_equal(it.list->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    assert_int_equal(count, 0);
    atomic_store(&away->active, 0);
    assert_int_equal(encrypt_once(), CKR_SESSION_HANDLE_INVALID);
    settle();
    it.key = find("one");
    assert_int_equal(encrypt_once(), CKR_OK);
}

static void test_outputs_lie(void **state)
{
    (void)state;
    static const CK_BYTE zeroes[16] = {0};
    CK_BYTE right[16];
    CK_BYTE out[16];
    CK_ULONG len = sizeof(right);
    assert_int_equal(encrypt(right, &len), CKR_OK);
    const struct {
        enum board_action action;
        uint64_t value;
        CK_ULONG len;
    } lies[] = {
        {BOARD_SHORTER, 3, 13}, {BOARD_LONGER, 5, 21}, {BOARD_FILL, 0, 16}, {BOARD_FLIP, 0, 16}};
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        struct board_rule *lie = rule("C_Encrypt", lies[i].action, lies[i].value);
        len = sizeof(out);
        assert_int_equal(encrypt(out, &len), CKR_OK);
        assert_int_equal(len, lies[i].len);
        bool spoilt = lies[i].action == BOARD_FILL || lies[i].action == BOARD_FLIP;
        assert_int_equal(memcmp(out, right, 16) != 0, spoilt);
        assert_int_equal(memcmp(out, zeroes, 16) == 0, lies[i].action == BOARD_FILL);
        atomic_store(&lie->active, 0);
    }
}

static void test_random_bytes_repeat(void **state)
{
    (void)state;
    CK_BYTE bytes[3][12];
    rule("C_GenerateRandom", BOARD_REPEAT, 0)->skip = 1;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(it.list->C_GenerateRandom(it.session, bytes[i], 12), CKR_OK);
    }
    assert_memory_not_equal(bytes[0], bytes[1], 12);
    assert_memory_equal(bytes[1], bytes[2], 12);
}

static void test_another_key_has_the_name(void **state)
{
    (void)state;
    CK_OBJECT_HANDLE other = find("two");
    struct board_rule *swap = rule("C_FindObjectsInit", BOARD_SWAP, 0);
    memcpy(swap->from.bytes, "one", 3);
    memcpy(swap->to.bytes, "two", 3);
    swap->from.len = swap->to.len = 3;
    assert_int_equal(find("one"), other);
}

static void test_sessions_and_flags(void **state)
{
    (void)state;
    CK_SESSION_HANDLE more = CK_INVALID_HANDLE;
    CK_TOKEN_INFO info;
    rule("C_OpenSession", BOARD_LIMIT, 1);
    assert_int_equal(it.list->C_OpenSession(it.slot, READ_WRITE, NULL, NULL, &more),
                     CKR_SESSION_COUNT);
    rule("C_GetTokenInfo", BOARD_FLAGS, CKF_USER_PIN_LOCKED);
    assert_int_equal(it.list->C_GetTokenInfo(it.slot, &info), CKR_OK);
    assert_true((info.flags & CKF_USER_PIN_LOCKED) != 0);
}

static void test_a_crash_is_a_real_one(void **state)
{
    (void)state;
    rule("C_EncryptInit", BOARD_CRASH, SIGSEGV);
    pid_t pid = fork();
    if (pid == 0) {
        (void)encrypt_once();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    expect_violation("C_EncryptInit after a fork"); /* and this is how we could fork */
}

static void test_no_locking(void **state)
{
    (void)state;
    CK_C_INITIALIZE_ARGS args = {0};
    assert_int_equal(it.list->C_Initialize(&args), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    expect_violation("without CKF_OS_LOCKING_OK");
}

static void test_sessions_for_reading(void **state)
{
    (void)state;
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    assert_int_equal(it.list->C_OpenSession(it.slot, CKF_SERIAL_SESSION, NULL, NULL, &session),
                     CKR_OK);
    expect_violation("for reading only");
}

static void test_logging_out(void **state)
{
    (void)state;
    assert_int_equal(it.list->C_Logout(it.session), CKR_OK);
    expect_violation("C_Logout in service");
}

static void test_an_operation_left_behind(void **state)
{
    (void)state;
    CK_BYTE out[16];
    assert_int_equal(it.list->C_EncryptInit(it.session, &ecb, it.key), CKR_OK);
    assert_int_equal(it.list->C_GenerateRandom(it.session, out, 16), CKR_OK);
    expect_violation("C_GenerateRandom on session");
}

static void test_a_question_for_the_size_leaves_it_too(void **state)
{
    (void)state;
    CK_ULONG len = 0;
    assert_int_equal(encrypt(NULL, &len), CKR_OK);
    expect_violation(NULL);
    assert_int_equal(encrypt_once(), CKR_OPERATION_ACTIVE);
    expect_violation("C_EncryptInit on session");
}

static void test_a_buffer_that_is_too_small_leaves_it_too(void **state)
{
    (void)state;
    CK_BYTE out[4];
    CK_ULONG len = sizeof(out);
    assert_int_equal(encrypt(out, &len), CKR_BUFFER_TOO_SMALL);
    assert_int_equal(it.list->C_GenerateRandom(it.session, out, 4), CKR_OK);
    expect_violation("C_GenerateRandom on session");
}

static void *encrypt_in_thread(void *arg)
{
    *(CK_RV *)arg = encrypt_once();
    return NULL;
}

/* Returns when the thread stands in C_EncryptInit on our session. */
static pthread_t hang(struct board_rule **out, CK_RV *ckr)
{
    pthread_t thread;
    *out = rule("C_EncryptInit", BOARD_HANG, 0);
    assert_int_equal(pthread_create(&thread, NULL, encrypt_in_thread, ckr), 0);
    while (atomic_load(&(*out)->fired) == 0) {
        (void)sched_yield();
    }
    return thread;
}

static void test_a_session_in_two_threads(void **state)
{
    (void)state;
    CK_RV ckr = CKR_CANCEL;
    CK_BYTE byte = 0;
    struct board_rule *hung = NULL;
    pthread_t thread = hang(&hung, &ckr);
    assert_int_equal(it.list->C_GenerateRandom(it.session, &byte, 1), CKR_OK);
    atomic_store(&hung->active, 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(ckr, CKR_OK);
    expect_violation("while another call is under way");
}

static void test_a_good_session_closed_while_others_work(void **state)
{
    (void)state;
    CK_RV ckr = CKR_CANCEL;
    struct board_rule *hung = NULL;
    CK_SESSION_HANDLE good = open_session();
    pthread_t thread = hang(&hung, &ckr);
    assert_int_equal(it.list->C_CloseSession(good), CKR_OK);
    atomic_store(&hung->active, 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    expect_violation("C_CloseSession of the good session");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_careful_caller_is_left_alone, clean),
        cmocka_unit_test_setup(test_a_code_for_some_calls, clean),
        cmocka_unit_test_setup(test_a_code_for_another_incarnation, clean),
        cmocka_unit_test_setup(test_a_code_after_the_call, clean),
        cmocka_unit_test_setup(test_the_world_is_lost, clean),
        cmocka_unit_test_setup(test_the_device_is_removed, clean),
        cmocka_unit_test_setup(test_outputs_lie, clean),
        cmocka_unit_test_setup(test_random_bytes_repeat, clean),
        cmocka_unit_test_setup(test_another_key_has_the_name, clean),
        cmocka_unit_test_setup(test_sessions_and_flags, clean),
        cmocka_unit_test_setup(test_a_crash_is_a_real_one, clean),
        cmocka_unit_test_setup(test_no_locking, clean),
        cmocka_unit_test_setup(test_sessions_for_reading, clean),
        cmocka_unit_test_setup(test_logging_out, clean),
        cmocka_unit_test_setup(test_an_operation_left_behind, clean),
        cmocka_unit_test_setup(test_a_question_for_the_size_leaves_it_too, clean),
        cmocka_unit_test_setup(test_a_buffer_that_is_too_small_leaves_it_too, clean),
        cmocka_unit_test_setup(test_a_session_in_two_threads, clean),
        cmocka_unit_test_setup(test_a_good_session_closed_while_others_work, clean),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
