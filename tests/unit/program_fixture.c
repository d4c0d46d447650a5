#include "program_fixture.h"

#include <assert.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

#define must(call)    assert((call).code == ERR_OK)
#define ARGUMENTS_MAX 16

static char folder[64];

void folder_enter(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/hsmgate-voter-XXXXXX");
    assert(mkdtemp(folder) != NULL && chdir(folder) == 0);
}

void folder_leave(void)
{
    const char *const arguments[] = {"rm", "-rf", folder, NULL};
    assert(chdir("/") == 0 && program_run("/dev/null", arguments) == 0);
}

void file_put(const char *name, struct span bytes)
{
    FILE *file = fopen(name, "wb");
    assert(file != NULL && fwrite(bytes.data, 1, bytes.len, file) == bytes.len);
    assert(fclose(file) == 0);
}

void file_get(const char *name, struct buf *out)
{
    FILE *file = fopen(name, "rb");
    uint8_t bytes[8192];
    assert(file != NULL);
    must(buf_append(out, span_of(bytes, fread(bytes, 1, sizeof(bytes), file))));
    assert(fclose(file) == 0);
}

int program_run(const char *standard_input, const char *const *arguments)
{
    char *argv[ARGUMENTS_MAX] = {0};
    pid_t pid = 0;
    int status = 0;
    posix_spawn_file_actions_t files;
    for (size_t i = 0; arguments[i] != NULL; i++) {
        assert(i + 1 < ARGUMENTS_MAX);
        argv[i] = mem_text(arguments[i]);
    }
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, standard_input, O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    assert(posix_spawnp(&pid, argv[0], &files, NULL, argv, environ) == 0);
    assert(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    posix_spawn_file_actions_destroy(&files);
    for (size_t i = 0; argv[i] != NULL; i++) {
        mem_free(argv[i]);
    }
    return WEXITSTATUS(status);
}
