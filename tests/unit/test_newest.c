/* The newest roster that was believed: never an older one again, never another one. */
#include "pkcs11/newest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/unit/glass_fixture.h"

static char folder[64];
static char *path;
static struct glass glass;
static struct glass fork_of_it; /* the same root, another second roster */

static int make(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/hsmgate-test-XXXXXX", 25);
    assert_non_null(mkdtemp(folder));
    path = mem_format("%s/rosters", folder);
    glass_make(&glass);
    glass_add_roster(&glass, "root");
    glass_copy_people(&glass, &fork_of_it);
    struct err err = buf_append(&fork_of_it.chain[0].roster, buf_span(&glass.chain[0].roster));
    assert_int_equal(err.code, ERR_OK);
    memcpy(fork_of_it.chain[0].digest, glass.chain[0].digest, SHA256_LEN);
    fork_of_it.rosters = 1;
    glass_add_roster(&glass, "second");
    glass_add_roster(&glass, "third");
    glass_add_roster(&fork_of_it, "another second");
    glass_add_roster(&fork_of_it, "another third");
    return 0;
}

static int drop(void **state)
{
    (void)state;
    glass_clear(&glass);
    glass_clear(&fork_of_it);
    (void)unlink(path);
    mem_free(path);
    return rmdir(folder);
}

static struct err keep_at(const char *where, const struct glass *of, size_t rosters)
{
    CLEANUP(roster_chain_free_at) struct roster_chain *chain = NULL;
    struct roster_link links[GLASS_ROSTERS];
    for (size_t i = 0; i < rosters; i++) {
        links[i] = (struct roster_link){.roster = buf_span(&of->chain[i].roster),
                                        .statement = buf_span(&of->chain[i].statement),
                                        .votes = of->chain[i].votes,
                                        .vote_count = of->chain[i].vote_count};
    }
    TRY(roster_chain_open(links, rosters, glass.chain[0].digest, &chain));
    return newest_keep(where, chain);
}

static enum err_code keep(const struct glass *of, size_t rosters)
{
    return keep_at(path, of, rosters).code;
}

static void test_only_forward(void **state)
{
    (void)state;
    struct stat before;
    struct stat after;
    assert_int_equal(keep(&glass, 1), ERR_OK);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(before.st_mode & 0777, 0600);
    assert_int_equal(keep(&glass, 1), ERR_OK);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino); /* nothing new, nothing written */
    assert_int_equal(keep(&glass, 3), ERR_OK);
    assert_int_equal(keep(&glass, 2), ERR_APPROVAL_REQUIRED);
    assert_int_equal(keep(&glass, 1), ERR_APPROVAL_REQUIRED);
    assert_int_equal(keep(&glass, 3), ERR_OK);
}

static void test_no_fork(void **state)
{
    (void)state;
    assert_int_equal(keep(&glass, 2), ERR_OK);
    assert_int_equal(keep(&fork_of_it, 2), ERR_APPROVAL_REQUIRED);
    assert_int_equal(keep(&fork_of_it, 3), ERR_APPROVAL_REQUIRED);
    assert_int_equal(keep(&glass, 3), ERR_OK);
    assert_int_equal(keep(&fork_of_it, 3), ERR_APPROVAL_REQUIRED);
}

static void test_fails_closed(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf good = {0};
    assert_int_equal(keep(&glass, 2), ERR_OK);
    struct err err = file_read(path, &good);
    assert_int_equal(err.code, ERR_OK);
    for (size_t len = 0; len < good.len; len++) {
        err = file_write(path, span_of(good.data, len), 0600);
        assert_int_equal(err.code, ERR_OK);
        assert_int_equal(keep(&glass, 3), ERR_CORRUPT);
    }
    static const char *const bad[] = {
        "{\"format\":2,\"number\":1,\"digest\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}",
        "{\"format\":1,\"number\":0,\"digest\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}",
        "{\"format\":1,\"number\":1,\"digest\":\"AAAA\"}",
        "{\"format\":1,\"number\":1}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        err = file_write(path, span_text(bad[i]), 0600);
        assert_int_equal(err.code, ERR_OK);
        assert_int_equal(keep(&glass, 3), ERR_CORRUPT);
    }
    CLEANUP(mem_free_at) char *nowhere = mem_format("%s/missing/rosters", folder);
    err = keep_at(nowhere, &glass, 1);
    assert_int_equal(err.code, ERR_IO);
    assert_null(strchr(err.detail, '/'));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_only_forward),
        CASE(test_no_fork),
        CASE(test_fails_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
