/* module: a PKCS#11 module that forwards everything to another one, hurts where a test says so, and
 * checks its caller all the time.
 *
 * HSMGATE_CHAOS_TARGET names the module behind it, HSMGATE_CHAOS_BOARD the file that the test has
 * mapped too (board.h). What the test can say, and what it gets to know, is tests/lib/chaos.py. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/chaos/module/board.h"
#include "tests/chaos/module/function.h"
#include "tests/chaos/module/world.h"

static CK_FUNCTION_LIST *open_target(const char *path)
{
    CK_FUNCTION_LIST *target = NULL;
    void *library = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    /* POSIX has dlsym return functions as void *; ISO C has no such cast. */
    union {
        void *symbol;
        CK_C_GetFunctionList get;
    } entry = {.symbol = library != NULL ? dlsym(library, "C_GetFunctionList") : NULL};
    return entry.symbol != NULL && entry.get(&target) == CKR_OK ? target : NULL;
}

static void write_names(void)
{
    for (unsigned i = 0; i < FUNCTION_COUNT; i++) {
        (void)snprintf(board()->functions[i].name, BOARD_NAME_MAX, "%s", function_info[i].name);
    }
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out)
{
    const char *path = getenv("HSMGATE_CHAOS_BOARD");
    CK_FUNCTION_LIST *target = open_target(getenv("HSMGATE_CHAOS_TARGET"));
    if (path == NULL || target == NULL || !board_open(path)) {
        (void)fprintf(stderr, "chaos: set HSMGATE_CHAOS_TARGET and HSMGATE_CHAOS_BOARD\n");
        return CKR_GENERAL_ERROR;
    }
    write_names();
    world_init(target);
    *out = forward_to(target);
    return CKR_OK;
}
