/* Finds the worker beside this program, so that a build folder, a prefix and a package need no
 * option. Only folders relative to our own file count, never PATH. */
#include "gateway/worker_path.h"

#include <limits.h>
#include <unistd.h>

#include "base/banned.h"
#include "base/mem.h"

static const char *const places[] = {
    "hsmgate-token",
    "../lib/hsmgate/hsmgate-token",
    "../libexec/hsmgate/hsmgate-token",
    "../pkcs11/hsmgate-token",
};

char *worker_path_default(void)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        char *path = mem_format("%s/%s", self, places[i]);
        if (access(path, X_OK) == 0) {
            return path;
        }
        mem_free(path);
    }
    return mem_format("%s/%s", self, places[0]);
}
