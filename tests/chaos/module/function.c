/* function: the rows of function.h as a table. */
#include "tests/chaos/module/function.h"

#define INFO_ROW(name, subject, operation, part) [F_##name] = {#name, subject, operation, part},
const struct function_info function_info[FUNCTION_COUNT] = {FUNCTIONS(INFO_ROW)};
