/* Failpoints: off by default, only by root's word, and then exactly where it says. */
#include "base/failpoint.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/base_test.h"

#define NOBODY 65534

struct place {
    char folder[64];
    char file[80];
    char trace[80];
};

static void place_make(struct place *place)
{
    *place = (struct place){.folder = "/tmp/hsmgate-test-XXXXXX"};
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->file, sizeof(place->file), "%s/points", place->folder);
    (void)snprintf(place->trace, sizeof(place->trace), "%s/trace", place->folder);
    assert_int_equal(setenv("HSMGATE_FAILPOINTS", place->file, 1), 0);
}

static void place_drop(struct place *place)
{
    (void)unlink(place->file);
    (void)unlink(place->trace);
    (void)rmdir(place->folder);
    (void)unsetenv("HSMGATE_FAILPOINTS");
    (void)failpoint_start();
}

static void say(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

/* Whether a process that does this is still there afterwards. */
static bool survives(void (*what)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)failpoint_start();
        what();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) || WTERMSIG(status) == SIGKILL);
    return WIFEXITED(status);
}

static void hit_one(void)
{
    failpoint_hit(FAILPOINT_RECORDED);
}

static void hit_other(void)
{
    failpoint_hit(FAILPOINT_CHECKED);
}

static void hit_three(void)
{
    for (int i = 0; i < 3; i++) {
        failpoint_hit(FAILPOINT_RECORDED);
    }
}

static void has_a_name_for_each(void **state)
{
    (void)state;
    for (enum failpoint point = 0; point < FAILPOINT_COUNT; point++) {
        enum failpoint found = FAILPOINT_COUNT;
        assert_non_null(failpoint_text(point));
        assert_true(failpoint_by_name(span_text(failpoint_name(point)), &found));
        assert_int_equal(found, point);
    }
    enum failpoint none;
    assert_false(failpoint_by_name(span_text("nowhere"), &none));
}

static void is_off_without_a_file(void **state)
{
    (void)state;
    (void)unsetenv("HSMGATE_FAILPOINTS");
    assert_null(failpoint_start());
    assert_true(survives(hit_one));
    CLEANUP(place_drop) struct place place;
    place_make(&place);
    assert_true(survives(hit_one)); /* named, not there */
    assert_int_equal(setenv("HSMGATE_FAILPOINTS", "points", 1), 0);
    assert_null(failpoint_start());
}

/* Root's file is obeyed, and only a file that nobody else may write. */
static void obeys_root_alone(void **state)
{
    (void)state;
    CLEANUP(place_drop) struct place place;
    place_make(&place);
    say(place.file, "recorded kill\n");
    bool root = geteuid() == 0;
    assert_int_equal(survives(hit_one), !root);
    assert_true(survives(hit_other));
    static const mode_t open_to_others[] = {0620, 0602};
    for (size_t i = 0; i < ARRAY_LEN(open_to_others); i++) {
        assert_int_equal(chmod(place.file, open_to_others[i]), 0);
        assert_true(survives(hit_one));
    }
    assert_int_equal(chmod(place.file, 0600), 0);
    if (root) {
        assert_int_equal(chown(place.file, NOBODY, NOBODY), 0);
        assert_true(survives(hit_one));
    }
    char link[100];
    (void)snprintf(link, sizeof(link), "%s.link", place.file);
    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_int_equal(setenv("HSMGATE_FAILPOINTS", link, 1), 0);
    assert_null(failpoint_start());
    assert_int_equal(unlink(link), 0);
}

static size_t lines_of(const char *path)
{
    size_t lines = 0;
    FILE *file = fopen(path, "r");
    for (int c = file != NULL ? fgetc(file) : EOF; c != EOF; c = fgetc(file)) {
        lines += c == '\n' ? 1 : 0;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return lines;
}

static void counts_and_traces(void **state)
{
    (void)state;
    CLEANUP(place_drop) struct place place;
    char text[200];
    place_make(&place);
    if (geteuid() != 0) {
        say(place.file, "recorded kill\n");
        assert_true(survives(hit_three)); /* all that can be seen without being root */
        return;
    }
    static const struct {
        const char *line;
        bool survives;
        size_t traced;
    } cases[] = {
        {"recorded kill 4", true, 3},  {"recorded kill 3", false, 3},
        {"recorded kill 2", false, 2}, {"checked kill", true, 3},
        {"recorded", true, 3},         {"recorded sing", true, 3},
        {"recorded kill x", true, 3},  {"  recorded   kill", false, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)snprintf(text, sizeof(text), "trace %s\n%s\n", place.trace, cases[i].line);
        say(place.file, text);
        (void)unlink(place.trace);
        if (survives(hit_three) != cases[i].survives || lines_of(place.trace) != cases[i].traced) {
            fail_msg("%s: %zu lines traced", cases[i].line, lines_of(place.trace));
        }
    }
}

/* A grandchild ends its parent and itself. */
static void ends_the_parent_too(void **state)
{
    (void)state;
    CLEANUP(place_drop) struct place place;
    place_make(&place);
    say(place.file, "recorded kill-parent\n");
    pid_t pid = fork();
    if (pid == 0) {
        pid_t child = fork();
        if (child == 0) {
            (void)failpoint_start();
            failpoint_hit(FAILPOINT_RECORDED);
            _exit(0);
        }
        int status = 0;
        (void)waitpid(child, &status, 0);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WIFSIGNALED(status), geteuid() == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_a_name_for_each), cmocka_unit_test(is_off_without_a_file),
        cmocka_unit_test(obeys_root_alone),    cmocka_unit_test(counts_and_traces),
        cmocka_unit_test(ends_the_parent_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
