/* slow_module: a PKCS#11 module that forwards to another one and takes longer, as a real HSM does.
 *
 * SLOW_MODULE_TARGET names the module behind it, SLOW_MODULE_US how many microseconds each
 * operation with a key takes more. The session's thread waits on a timer, without using the
 * processor, so that as many sessions as there are work side by side. Session, object and random
 * functions are the other module's own. The functions that are slow are listed at the end. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <p11-kit/pkcs11.h>

static CK_FUNCTION_LIST list;          /* what we show */
static CK_FUNCTION_LIST *behind;       /* what we forward to */
static struct timespec operation_time; /* that each operation takes more */

static void work(void)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += operation_time.tv_sec;
    until.tv_nsec += operation_time.tv_nsec;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0) {
    }
}

static CK_RV slow_sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR out,
                       CK_ULONG_PTR out_len)
{
    work();
    return behind->C_Sign(session, data, len, out, out_len);
}

static CK_RV slow_encrypt(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG len,
                          CK_BYTE_PTR out, CK_ULONG_PTR out_len)
{
    work();
    return behind->C_Encrypt(session, data, len, out, out_len);
}

static CK_RV slow_decrypt(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG len,
                          CK_BYTE_PTR out, CK_ULONG_PTR out_len)
{
    work();
    return behind->C_Decrypt(session, data, len, out, out_len);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out)
{
    const char *target = getenv("SLOW_MODULE_TARGET");
    const char *microseconds = getenv("SLOW_MODULE_US");
    void *library = target != NULL ? dlopen(target, RTLD_NOW | RTLD_LOCAL) : NULL;
    /* POSIX has dlsym return functions as void *; ISO C has no such cast. */
    union {
        void *symbol;
        CK_C_GetFunctionList get;
    } entry = {.symbol = library != NULL ? dlsym(library, "C_GetFunctionList") : NULL};
    if (microseconds == NULL || entry.symbol == NULL || entry.get(&behind) != CKR_OK) {
        (void)fprintf(stderr, "slow_module: set SLOW_MODULE_TARGET and SLOW_MODULE_US\n");
        return CKR_GENERAL_ERROR;
    }
    long us = strtol(microseconds, NULL, 10);
    operation_time = (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    list = *behind;
    list.C_GetFunctionList = C_GetFunctionList;
    list.C_Sign = slow_sign;
    list.C_Encrypt = slow_encrypt;
    list.C_Decrypt = slow_decrypt;
    *out = &list;
    return CKR_OK;
}
