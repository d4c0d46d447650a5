/* failpoint: reads its file anew each time, because it is met a few times an hour at most and a
 * test wants to set it while the process runs. The file's owner is looked at each time, too:
 * whoever can write it can end the process, and root can do that anyway.
 *
 * One path and one counter for each name are all that lives between two hits; they are set before
 * threads start, and atomics. */
#include "base/failpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define FILE_LEN_MAX ((size_t)64 << 10)
#define LINE_MAX_LEN 512

static const struct {
    const char *name;
    const char *text;
} points[FAILPOINT_COUNT] = {
    [FAILPOINT_RESERVED] = {"reserved",
                            "the version's row is there, the token knows nothing of it"},
    [FAILPOINT_GENERATED] = {"generated", "the token has made it, the row does not know it yet"},
    [FAILPOINT_RECORDED] = {"recorded", "the row knows the material, nobody has used it"},
    [FAILPOINT_CHECKED] = {"checked", "it was used once and checked, verifiers do not see it"},
    [FAILPOINT_PUBLISHED] = {"published", "verifiers see it, it does not protect anything"},
    [FAILPOINT_PROMOTING] = {"promoting", "it is about to become the primary"},
    [FAILPOINT_PROMOTED] = {"promoted", "it is the primary, nobody was told"},
    [FAILPOINT_RETIRING] = {"retiring", "it is about to leave the key sets"},
    [FAILPOINT_RETIRED] = {"retired", "it has left the key sets, nobody was told"},
    [FAILPOINT_MOVING] = {"moving", "another change of its state is about to be written"},
    [FAILPOINT_MOVED] = {"moved", "another change of its state is written, nobody was told"},
    [FAILPOINT_DESTROY_MARKED] = {"destroy-marked", "the row says so, the token has not been told"},
    [FAILPOINT_DESTROY_ON_TOKEN] = {"destroy-on-token",
                                    "the token has destroyed it, the row waits"},
    [FAILPOINT_DESTROYED] = {"destroyed", "the row says destroyed, nobody was told"},
    [FAILPOINT_REQUESTING] = {"requesting", "what is asked of a quorum is about to be written"},
    [FAILPOINT_REQUESTED] = {"requested", "the request is on disk, nobody was told"},
    [FAILPOINT_VOTING] = {"voting", "a vote is checked, not written"},
    [FAILPOINT_VOTED] = {"voted", "the vote is on disk, the request has not moved by it"},
    [FAILPOINT_DECIDING] = {"deciding", "the votes decide, the request's state is not written"},
    [FAILPOINT_DECIDED] = {"decided", "the request's state is written, nobody was told"},
    [FAILPOINT_OPENING] = {"opening", "an approved request is about to be spent"},
    [FAILPOINT_SPENT] = {"spent", "it is spent, the token knows nothing of it"},
    [FAILPOINT_OPENED_ON_TOKEN] = {"opened-on-token", "it is done, its row does not say so"},
    [FAILPOINT_OPENED] = {"opened", "its row says so, nobody has the answer"},
    [FAILPOINT_ROSTER_PUBLISHING] = {"roster-publishing", "a roster is about to be checked"},
    [FAILPOINT_ROSTER_PUBLISHED] = {"roster-published", "the roster is on disk, nobody was told"},
    [FAILPOINT_TOKEN_GENERATED] = {"token-generated", "worker: the objects are there, unchecked"},
    [FAILPOINT_TOKEN_READ_BACK] = {"token-read-back", "worker: their attributes are right"},
    [FAILPOINT_TOKEN_PROVED] = {"token-proved", "worker: used once, the front does not know"},
    [FAILPOINT_TOKEN_DESTROYING] = {"token-destroying",
                                    "worker: one object is gone, maybe not all"},
    [FAILPOINT_TOKEN_SPENT] = {"token-spent", "worker: noted as spent, nothing is decrypted"},
    [FAILPOINT_TOKEN_UNSEALED] = {"token-unsealed", "worker: decrypted, nothing is answered"},
};

/* Process-wide on purpose: passing it to every place that may die would make the test part of each
 * signature. Set once by failpoint_start. */
static const char *path;
static atomic_uint hits[FAILPOINT_COUNT];

const char *failpoint_name(enum failpoint point)
{
    return points[point].name;
}

const char *failpoint_text(enum failpoint point)
{
    return points[point].text;
}

bool failpoint_by_name(struct span name, enum failpoint *out)
{
    for (enum failpoint point = 0; point < FAILPOINT_COUNT; point++) {
        if (span_is(name, points[point].name)) {
            *out = point;
            return true;
        }
    }
    return false;
}

static struct err read_owned_by_root(struct buf *out)
{
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ENSURE(fd >= 0 || errno != ENOENT, ERR_NOT_FOUND, "it is not there");
    ENSURE(fd >= 0, ERR_CONFIG, "%s", strerrordesc_np(errno));
    struct stat facts;
    ENSURE(fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode), ERR_CONFIG, "it is no plain file");
    ENSURE(facts.st_uid == 0 && (facts.st_mode & (S_IWGRP | S_IWOTH)) == 0, ERR_CONFIG,
           "it must belong to root, and nobody else may write it");
    ENSURE(facts.st_size >= 0 && (size_t)facts.st_size <= FILE_LEN_MAX, ERR_CONFIG,
           "it is too long");
    uint8_t *place = NULL;
    TRY(buf_extend(out, (size_t)facts.st_size, &place));
    return facts.st_size > 0 ? fd_read_exact(fd, place, (size_t)facts.st_size) : err_ok();
}

static struct span next_word(struct span *line)
{
    size_t at = 0;
    while (at < line->len && line->data[at] == ' ') {
        at++;
    }
    size_t end = at;
    while (end < line->len && line->data[end] != ' ') {
        end++;
    }
    struct span word = span_of(line->data + at, end - at);
    *line = span_of(line->data + end, line->len - end);
    return word;
}

static void trace(struct span file, enum failpoint point)
{
    char name[LINE_MAX_LEN];
    char text[64];
    snprintf(name, sizeof(name), "%.*s", (int)file.len, (const char *)file.data);
    snprintf(text, sizeof(text), "%s\n", points[point].name);
    CLEANUP(fd_close)
    int fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || fd_write_all(fd, span_text(text)).code != ERR_OK) {
        log_error("failpoint", "cannot trace to %s", name);
    }
}

static void end(bool parent_too)
{
    if (parent_too) {
        (void)kill(getppid(), SIGKILL);
    }
    (void)kill(getpid(), SIGKILL);
}

/* Digits, or the first time for none. */
static unsigned count_of(struct span word)
{
    unsigned count = 0;
    for (size_t i = 0; i < word.len && word.data[i] >= '0' && word.data[i] <= '9'; i++) {
        count = count * 10 + (unsigned)(word.data[i] - '0');
    }
    return word.len == 0 ? 1 : count;
}

static void obey(struct span line, enum failpoint point, unsigned hit)
{
    struct span first = next_word(&line);
    struct span second = next_word(&line);
    if (span_is(first, "trace")) {
        trace(second, point);
    }
    if (!span_is(first, points[point].name) || count_of(next_word(&line)) != hit) {
        return;
    }
    if (span_is(second, "kill") || span_is(second, "kill-parent")) {
        end(span_is(second, "kill-parent"));
    }
}

static void obey_file(struct span text, enum failpoint point, unsigned hit)
{
    while (text.len > 0) {
        const uint8_t *newline = memchr(text.data, '\n', text.len);
        size_t len = newline != NULL ? (size_t)(newline - text.data) : text.len;
        obey(span_of(text.data, len), point, hit);
        size_t taken = newline != NULL ? len + 1 : len;
        text = span_of(text.data + taken, text.len - taken);
    }
}

void failpoint_hit(enum failpoint point)
{
    if (path == NULL) {
        return;
    }
    unsigned hit = atomic_fetch_add(&hits[point], 1) + 1;
    CLEANUP(buf_clear) struct buf text = {.max = FILE_LEN_MAX};
    struct err err = read_owned_by_root(&text);
    if (err.code == ERR_OK) {
        obey_file(buf_span(&text), point, hit);
    } else if (err.code != ERR_NOT_FOUND) {
        log_error("failpoint", "%s is left alone: %s", path, err.detail);
    }
}

const char *failpoint_start(void)
{
    const char *wanted = getenv("HSMGATE_FAILPOINTS");
    path = wanted != NULL && wanted[0] == '/' ? wanted : NULL;
    if (wanted != NULL && path == NULL) {
        log_error("failpoint", "HSMGATE_FAILPOINTS must be an absolute path: left alone");
    }
    if (path == NULL) {
        return NULL;
    }
    CLEANUP(buf_clear) struct buf text = {.max = FILE_LEN_MAX};
    struct err err = read_owned_by_root(&text);
    if (err.code != ERR_OK && err.code != ERR_NOT_FOUND) {
        log_error("failpoint", "%s is left alone: %s", path, err.detail);
        path = NULL;
    }
    return path;
}
