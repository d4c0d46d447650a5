/* Memory: zeroed, never NULL, scoped; overflow and exhaustion abort. */
#include "base_test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Leaves a freed block with other bytes behind, which the allocator likes to give again. */
static void dirty_the_heap(size_t size)
{
    void *volatile memory = mem_alloc(size);
    memset(memory, 0xAA, size);
    mem_free(memory);
}

static void memory_comes_zeroed(void **state)
{
    (void)state;
    dirty_the_heap(1000);
    dirty_the_heap(400);
    CLEANUP(mem_free_at) uint8_t *bytes = mem_alloc(1000);
    CLEANUP(mem_free_at) uint32_t *words = mem_array(100, sizeof(*words));
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(bytes[i], 0);
    }
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(words[i], 0);
    }
}

static void nothing_is_still_memory(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) void *none = mem_alloc(0);
    CLEANUP(mem_free_at) void *no_items = mem_array(0, 8);
    CLEANUP(mem_free_at) void *shrunk = mem_resize(mem_alloc(8), 0, 8);
    CLEANUP(mem_free_at) void *copy = mem_copy(NULL, 0);
    assert_non_null(none);
    assert_non_null(no_items);
    assert_non_null(shrunk);
    assert_non_null(copy);
    mem_free(NULL);
    mem_wipe(NULL, 0);
}

static void resize_keeps_the_content(void **state)
{
    (void)state;
    int *numbers = mem_array(2, sizeof(*numbers));
    numbers[1] = 42;
    numbers = mem_resize(numbers, 1000, sizeof(*numbers));
    numbers[999] = 7;
    assert_int_equal(numbers[1], 42);
    mem_free(numbers);
}

static void copies_are_equal_and_apart(void **state)
{
    (void)state;
    char text[] = "key";
    CLEANUP(mem_free_at) char *copy = mem_text(text);
    CLEANUP(mem_free_at) char *bytes = mem_copy(text, sizeof(text));
    CLEANUP(mem_free_at) char *formatted = mem_format("%s-%d", text, 5);
    text[0] = 'X';
    assert_string_equal(copy, "key");
    assert_string_equal(bytes, "key");
    assert_string_equal(formatted, "key-5");
}

static void wipe_and_take(void **state)
{
    (void)state;
    char secret[8] = "1234567";
    mem_wipe(secret, sizeof(secret));
    for (size_t i = 0; i < sizeof(secret); i++) {
        assert_int_equal(secret[i], 0);
    }
    void *pointer = mem_alloc(1);
    void *taken = TAKE(pointer);
    assert_null(pointer);
    assert_non_null(taken);
    mem_free(taken);
}

/* The signal that ends a child which runs `act`, 0 when it just ends. */
static int signal_of(void (*act)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit none = {0};
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)signal(SIGABRT, SIG_DFL);
        (void)close(STDERR_FILENO);
        act();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static volatile size_t huge = SIZE_MAX / 2;
static void *volatile sink;

static void overflow_array(void)
{
    sink = mem_array(huge, 4);
}

static void overflow_resize(void)
{
    sink = mem_resize(NULL, huge, 4);
}

static void overflow_aborts(void **state)
{
    (void)state;
    if (UNDER_SANITIZER) {
        skip(); /* its allocator ends the process in its own way */
    }
    assert_int_equal(signal_of(overflow_array), SIGABRT);
    assert_int_equal(signal_of(overflow_resize), SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_comes_zeroed),
        cmocka_unit_test(nothing_is_still_memory),
        cmocka_unit_test(resize_keeps_the_content),
        cmocka_unit_test(copies_are_equal_and_apart),
        cmocka_unit_test(wipe_and_take),
        cmocka_unit_test(overflow_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
