/* softhsm: folder, softhsm2.conf, softhsm2-util, and a file for the worker. Failures abort. */
#include "tests/lib/softhsm.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

extern char **environ;

static void write_file(const char *folder, const char *name, const char *text)
{
    char *path = mem_format("%s/%s", folder, name);
    struct err err = file_write(path, span_text(text), 0600);
    assert(err.code == ERR_OK);
    mem_free(path);
}

static void make_folder(const char *folder, const char *name)
{
    char *path = mem_format("%s/%s", folder, name);
    assert(mkdir(path, 0700) == 0);
    mem_free(path);
}

#define ARGUMENTS_MAX 32

/* Runs a program, whose arguments end with NULL, and waits; it must not fail. */
static void run(const char *const *arguments)
{
    char *argv[ARGUMENTS_MAX] = {0};
    pid_t pid = 0;
    int status = 0;
    posix_spawn_file_actions_t quiet;
    for (size_t i = 0; arguments[i] != NULL; i++) {
        assert(i + 1 < ARGUMENTS_MAX);
        argv[i] = mem_text(arguments[i]);
    }
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    assert(posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ) == 0);
    assert(waitpid(pid, &status, 0) == pid && status == 0);
    posix_spawn_file_actions_destroy(&quiet);
    for (size_t i = 0; argv[i] != NULL; i++) {
        mem_free(argv[i]);
    }
}

static void init_token(void)
{
    const char *const arguments[] = {
        "softhsm2-util", "--init-token", "--free",   "--label",     SOFTHSM_LABEL,
        "--pin",         SOFTHSM_PIN,    "--so-pin", "so-pin-1234", NULL};
    run(arguments);
}

void softhsm_import(const char *file, const char *label, const char *id)
{
    const char *const arguments[] = {"softhsm2-util", "--import", file,   "--token", SOFTHSM_LABEL,
                                     "--label",       label,      "--id", id,        "--pin",
                                     SOFTHSM_PIN,     NULL};
    run(arguments);
}

void softhsm_pkcs11_tool(const char *label, const char *id, const char *const *how)
{
    const char *arguments[ARGUMENTS_MAX] = {
        "pkcs11-tool", "--module",  SOFTHSM_MODULE, "--token-label", SOFTHSM_LABEL, "--login",
        "--pin",       SOFTHSM_PIN, "--label",      label,           "--id",        id};
    size_t count = 12;
    for (size_t i = 0; how[i] != NULL; i++) {
        assert(count + 1 < ARGUMENTS_MAX);
        arguments[count++] = how[i];
    }
    run(arguments);
}

void softhsm_write_pin(const struct softhsm *softhsm, const char *pin)
{
    write_file(softhsm->folder, "pin", pin);
}

void softhsm_write_config(const struct softhsm *softhsm, const char *extra)
{
    char *text = mem_format("module: %s\n"
                            "token:\n  label: %s\n"
                            "pin:\n  file: %s/pin\n"
                            "latch_dir: %s/state\n%s",
                            SOFTHSM_MODULE, SOFTHSM_LABEL, softhsm->folder, softhsm->folder, extra);
    write_file(softhsm->folder, "worker.yaml", text);
    mem_free(text);
}

void softhsm_make(struct softhsm *softhsm, const char *extra)
{
    char *folder = mem_text("/tmp/hsmgate-test-XXXXXX");
    assert(mkdtemp(folder) != NULL);
    softhsm->folder = folder;
    softhsm->config = mem_format("%s/worker.yaml", folder);
    make_folder(folder, "tokens");
    char *conf = mem_format("directories.tokendir = %s/tokens\nobjectstore.backend = file\n"
                            "log.level = ERROR\n",
                            folder);
    write_file(folder, "softhsm2.conf", conf);
    mem_free(conf);
    char *path = mem_format("%s/softhsm2.conf", folder);
    assert(setenv("SOFTHSM2_CONF", path, 1) == 0);
    mem_free(path);
    init_token();
    softhsm_write_pin(softhsm, SOFTHSM_PIN "\n");
    softhsm_write_config(softhsm, extra);
}

bool softhsm_has_state(const struct softhsm *softhsm, const char *prefix)
{
    char *path = mem_format("%s/state", softhsm->folder);
    DIR *folder = opendir(path);
    mem_free(path);
    bool found = false;
    for (struct dirent *at = folder != NULL ? readdir(folder) : NULL; at != NULL;
         at = readdir(folder)) {
        found = found || strncmp(at->d_name, prefix, strlen(prefix)) == 0;
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return found;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
    (void)status;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void softhsm_remove(struct softhsm *softhsm)
{
    (void)nftw(softhsm->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    mem_free(softhsm->folder);
    mem_free(softhsm->config);
    *softhsm = (struct softhsm){0};
}
