/* malloc, calloc, realloc and what builds on them, defined in the program's own object as
 * base/wiping_free.c does: the blocks are the sanitizer's where there is one, else glibc's. Calls
 * are counted only while a run is on, in its thread alone, so that the harness itself never
 * starves.
 *
 * A child process per failing call: what it does to memory ends with it, and its way to die is the
 * result. */
#include "starving.h"

#include <assert.h> /* declares what is replaced below */

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BELOW(name) __interceptor_##name
#else
#define BELOW(name) __libc_##name
#endif

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void *BELOW(malloc)(size_t size);
void *BELOW(calloc)(size_t count, size_t size);
void *BELOW(realloc)(void *memory, size_t size);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

#define EXIT_TRUE  0
#define EXIT_FALSE 3
#define TEXT_MAX   4096

static _Thread_local bool on;
static _Thread_local size_t calls;
static _Thread_local size_t fails_at;   /* 0: never */
static _Thread_local bool fails_onward; /* and all after it */

static bool fails(void)
{
    if (!on) {
        return false;
    }
    calls++;
    return fails_at != 0 && (fails_onward ? calls >= fails_at : calls == fails_at);
}

static void *starved(void)
{
    errno = ENOMEM;
    return NULL;
}

void *malloc(size_t size)
{
    return fails() ? starved() : BELOW(malloc)(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? starved() : BELOW(calloc)(count, size);
}

void *realloc(void *memory, size_t size)
{
    return fails() ? starved() : BELOW(realloc)(memory, size);
}

void *reallocarray(void *memory, size_t count, size_t size)
{
    size_t bytes = 0;
    bool fits = !__builtin_mul_overflow(count, size, &bytes);
    return fits ? realloc(memory, bytes) : starved();
}

/* glibc's own cannot say what it was when it has no memory to say it. */
void __assert_fail(/* NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
                   const char *assertion, const char *file, unsigned line, const char *function)
{
    on = false;
    (void)fprintf(stderr, "%s:%u: %s: assertion `%s' failed\n", file, line, function, assertion);
    abort();
}

static bool run_counted(starving_run *run, void *arg, size_t at, bool onward)
{
    calls = 0;
    fails_at = at;
    fails_onward = onward;
    on = true;
    bool good = run(arg);
    on = false;
    return good;
}

static _Noreturn void be_child(starving_run *run, void *arg, size_t at, bool onward, int error)
{
    struct rlimit none = {0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)dup2(error, STDERR_FILENO);
    _exit(run_counted(run, arg, at, onward) ? EXIT_TRUE : EXIT_FALSE);
}

static void read_all(int from, char text[TEXT_MAX])
{
    size_t len = 0;
    ssize_t got = 1;
    char rest[TEXT_MAX];
    while (got > 0) {
        bool room = len + 1 < TEXT_MAX;
        got = read(from, room ? text + len : rest, room ? TEXT_MAX - 1 - len : sizeof(rest));
        len += room && got > 0 ? (size_t)got : 0;
    }
    text[len] = '\0';
}

/* That a call succeeds is what a fuzz target may demand, and not what one without memory can do. */
static bool is_void_demand(const char *said)
{
    return strstr(said, "/fuzz_") != NULL && strstr(said, "== ERR_OK") != NULL;
}

static bool ended_well(int status, const char *said)
{
    if (WIFEXITED(status)) {
        return WEXITSTATUS(status) == EXIT_TRUE;
    }
    return WTERMSIG(status) == SIGABRT &&
           (strstr(said, "out of memory\n") != NULL || is_void_demand(said));
}

static bool starve_at(const char *name, starving_run *run, void *arg, size_t at, bool onward)
{
    int ends[2];
    int status = 0;
    char said[TEXT_MAX];
    (void)fflush(NULL);
    if (pipe(ends) != 0) {
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        (void)close(ends[0]);
        be_child(run, arg, at, onward, ends[1]);
    }
    (void)close(ends[1]);
    read_all(ends[0], said);
    (void)close(ends[0]);
    bool waited = child > 0 && waitpid(child, &status, 0) == child;
    bool well = waited && ended_well(status, said);
    if (!well) {
        (void)fprintf(stderr, "%s: with allocation %zu%s failing it ended with %s %d:\n%s\n", name,
                      at, onward ? " and all after it" : "",
                      WIFEXITED(status) ? "status" : "signal",
                      WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), said);
    }
    return well;
}

bool starving_each(const char *name, starving_run *run, void *arg, size_t most, size_t *out_count)
{
    (void)run(arg); /* what a library sets up once is not counted */
    if (!run_counted(run, arg, 0, false)) {
        (void)fprintf(stderr, "%s: it fails with all memory there is\n", name);
        return false;
    }
    bool both = most == 0 || getenv("HSMGATE_STARVE_EACH") != NULL;
    size_t count = calls;
    size_t step = both ? 1 : count / most + 1;
    bool onward = false;
    for (size_t at = 1; at <= count; at += step, onward = !onward) {
        if (!starve_at(name, run, arg, at, onward) ||
            (both && !starve_at(name, run, arg, at, !onward))) {
            return false;
        }
        *out_count += both ? 2 : 1;
    }
    return true;
}
