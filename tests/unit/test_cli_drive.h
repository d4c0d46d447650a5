/* Drives a command against a gateway of one answer, and keeps all that it says. */
#ifndef HSMGATE_TESTS_UNIT_TEST_CLI_DRIVE_H
#define HSMGATE_TESTS_UNIT_TEST_CLI_DRIVE_H

#include <fcntl.h>

#include "cli/command.h"
#include "cli/output.h"
#include "cli_test.h"
#include "tests/lib/http_stub.h"

#define DRIVE_WORDS_MAX 32

struct drive {
    struct http_stub *stub;
    struct client *client;
    /* of the last command */
    char line[1024];
    char *argv[DRIVE_WORDS_MAX + 2];
    struct options options;
    int exit; /* as the program would end */
    struct buf out;
    struct buf err;
    struct buf request; /* the last one */
};

static inline int drive_open(void **state)
{
    struct drive *drive = mem_alloc(sizeof(*drive));
    drive->stub = http_stub_open();
    (void)snprintf(drive->line, sizeof(drive->line), "%s", http_stub_url(drive->stub));
    *strrchr(drive->line, '/') = '\0';
    assert_int_equal(setenv("HSMGATE_ADDR", drive->line, 1), 0);
    assert_ok(client_open(&drive->client));
    *state = drive;
    return 0;
}

static inline int drive_close(void **state)
{
    struct drive *drive = *state;
    client_close(drive->client);
    http_stub_close(drive->stub);
    buf_clear(&drive->out);
    buf_clear(&drive->err);
    buf_clear(&drive->request);
    mem_free(drive);
    return 0;
}

/* The command of a line after `hsmgate`, split at blanks; `_` in a word stands for one. */
static inline const struct command *drive_parse(struct drive *drive, const char *text)
{
    int argc = 1;
    int used = 0;
    char *rest = drive->line;
    (void)snprintf(drive->line, sizeof(drive->line), "%s", text);
    drive->argv[0] = drive->line;
    for (char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
        assert_true(argc <= DRIVE_WORDS_MAX);
        for (char *at = word; *at != '\0'; at++) {
            *at = *at == '_' ? ' ' : *at;
        }
        drive->argv[argc++] = word;
    }
    const struct command *command = command_find(argc - 1, drive->argv + 1, &used);
    assert_non_null(command);
    drive->options = (struct options){0};
    options_parse(command, argc - used, drive->argv + used, &drive->options);
    return command;
}

static inline int drive_redirect(int fd, char path[40])
{
    (void)snprintf(path, 40, "/tmp/hsmgate-cli-test-XXXXXX");
    int file = mkstemp(path);
    const int saved = dup(fd);
    assert_true(file >= 0 && saved >= 0 && dup2(file, fd) >= 0);
    fd_close(&file);
    return saved;
}

static inline void drive_restore(int fd, int saved, const char *path, struct buf *out)
{
    assert_true(dup2(saved, fd) >= 0);
    fd_close(&saved);
    buf_clear(out);
    assert_ok(file_read(path, out));
    assert_ok(buf_append_u8(out, 0)); /* text for strstr and strcmp */
    (void)unlink(path);
}

/* Runs it as main does. */
static inline void drive_run(struct drive *drive, const char *text)
{
    char out[40];
    char err[40];
    const struct command *command = drive_parse(drive, text);
    (void)fflush(NULL);
    const int saved_out = drive_redirect(STDOUT_FILENO, out);
    const int saved_err = drive_redirect(STDERR_FILENO, err);
    drive->exit = EXIT_DONE;
    const struct err result = command->run(drive->client, &drive->options, &drive->exit);
    if (result.code != ERR_OK) {
        output_error(&result);
        drive->exit = EXIT_REFUSED;
    }
    (void)fflush(NULL);
    drive_restore(STDOUT_FILENO, saved_out, out, &drive->out);
    drive_restore(STDERR_FILENO, saved_err, err, &drive->err);
    buf_clear(&drive->request);
    http_stub_last(drive->stub, &drive->request);
    assert_ok(buf_append_u8(&drive->request, 0));
}

/* Runs it against a gateway that answers 200 with this. */
static inline void drive_with(struct drive *drive, const char *text, const char *answer)
{
    http_stub_serve(drive->stub, span_text(answer));
    drive_run(drive, text);
}

/* Runs it against a gateway that refuses, such as "409 Conflict". */
static inline void drive_refused(struct drive *drive, const char *text, const char *status,
                                 const char *problem)
{
    CLEANUP(mem_free_at)
    char *reply = mem_format("HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", status,
                             strlen(problem), problem);
    http_stub_say(drive->stub, span_text(reply));
    drive_run(drive, text);
}

#define assert_says(buf, text) assert_string_equal((const char *)(buf).data, (text))
#define assert_has(buf, text)                                              \
    do {                                                                   \
        if (strstr((const char *)(buf).data, (text)) == NULL) {            \
            fail_msg("no '%s' in:\n%s", (text), (const char *)(buf).data); \
        }                                                                  \
    } while (0)
/* Method and path, and the body (\"\": none). */
#define assert_asks(drive, line, body)                                               \
    do {                                                                             \
        assert_true(span_starts(buf_span(&(drive)->request), line " HTTP/1.1\r\n")); \
        const char *body_ = strstr((const char *)(drive)->request.data, "\r\n\r\n"); \
        assert_non_null(body_);                                                      \
        assert_string_equal(body_ + 4, (body));                                      \
    } while (0)

#endif
