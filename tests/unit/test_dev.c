/* A development instance's folder: what is made, what a second start keeps, who is kept out. The
 * token is a real SoftHSM one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/mem.h"
#include "gateway/config.h"
#include "gateway/dev.h"
#include "gateway/dev_inner.h"
#include "quorum/quorum.h"

struct place {
    char folder[64];
};

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static int set_up(void **state)
{
    struct place *place = mem_alloc(sizeof(*place));
    (void)snprintf(place->folder, sizeof(place->folder), "/tmp/hsmgate-dev-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    (void)nftw(place->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    mem_free(place);
    return 0;
}

static char *content(const struct place *place, const char *name)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/%s", place->folder, name);
    CLEANUP(buf_clear) struct buf text = {0};
    assert_int_equal(file_read(path, &text).code, ERR_OK);
    return span_to_text(buf_span(&text));
}

static bool exists(const struct place *place, const char *name)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/%s", place->folder, name);
    return access(path, F_OK) == 0;
}

static void assert_private(const struct place *place, const char *name)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/%s", place->folder, name);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0077, 0);
}

static void test_first_start_makes_everything(void **state)
{
    struct place *place = *state;
    struct dev *dev = NULL;
    assert_int_equal(dev_prepare(place->folder, "127.0.0.1:0", NULL, &dev).code, ERR_OK);
    static const char *const secrets[] = {"admin.token",        "token.pin",          "aws.secret",
                                          "voters/voter-1.pem", "voters/voter-3.pem", "softhsm"};
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        assert_private(place, secrets[i]);
    }
    CLEANUP(mem_free_at) char *pem = content(place, "voters/voter-2.pem");
    assert_memory_equal(pem, "-----BEGIN PRIVATE KEY-----", 27);
    CLEANUP(mem_free_at) char *token = content(place, "admin.token");
    assert_memory_equal(token, "hg_", 3);
    assert_int_equal(strlen(token), 3 + 43 + 1);
    CLEANUP(mem_free_at) char *worker = content(place, "token-dev.yaml");
    assert_non_null(strstr(worker, "label: hsmgate-dev\n"));
    CLEANUP(mem_free_at) char *config = content(place, "hsmgated.yaml");
    assert_non_null(strstr(config, "listen: \"127.0.0.1:"));
    assert_null(strstr(config, "127.0.0.1:0\""));
    assert_non_null(strstr(config, "- token:admin\n"));
    assert_true(exists(place, "softhsm/tokens"));
    assert_non_null(strstr(getenv("SOFTHSM2_CONF"), place->folder));
    dev_close(dev);
}

static void test_second_start_keeps_secrets(void **state)
{
    struct place *place = *state;
    struct dev *dev = NULL;
    assert_int_equal(dev_prepare(place->folder, "127.0.0.1:0", NULL, &dev).code, ERR_OK);
    dev_close(dev);
    CLEANUP(mem_free_at) char *token = content(place, "admin.token");
    CLEANUP(mem_free_at) char *pin = content(place, "token.pin");
    CLEANUP(mem_free_at) char *pem = content(place, "voters/voter-1.pem");
    assert_int_equal(dev_prepare(place->folder, "127.0.0.1:0", NULL, &dev).code, ERR_OK);
    dev_close(dev);
    CLEANUP(mem_free_at) char *token_now = content(place, "admin.token");
    CLEANUP(mem_free_at) char *pin_now = content(place, "token.pin");
    CLEANUP(mem_free_at) char *pem_now = content(place, "voters/voter-1.pem");
    assert_string_equal(token, token_now);
    assert_string_equal(pin, pin_now);
    assert_string_equal(pem, pem_now);
}

/* A token that is there already: its file, and our roster's root; no SoftHSM token is made. */
static void test_a_token_of_somebody(void **state)
{
    struct place *place = *state;
    struct dev *dev = NULL;
    CLEANUP(mem_free_at) char *given = mem_format("%s/theirs.yaml", place->folder);
    struct err err = dev_prepare(place->folder, "127.0.0.1:0", given, &dev);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.detail, "theirs.yaml"));
    assert_int_equal(file_write(given, span_text("module: /theirs.so"), 0600).code, ERR_OK);
    assert_int_equal(dev_prepare(place->folder, "127.0.0.1:0", given, &dev).code, ERR_OK);
    dev_close(dev);
    CLEANUP(mem_free_at) char *worker = content(place, "token-dev.yaml");
    assert_non_null(strstr(worker, "\nmodule: /theirs.so\nroster_root: "));
    assert_false(exists(place, "softhsm"));
}

/* What both sides pin is the digest of the roster that was made once. */
static void assert_pinned(const struct place *place, const char *name, const char *digest)
{
    CLEANUP(mem_free_at) char *config = content(place, name);
    CLEANUP(mem_free_at) char *line = mem_format("roster_root: %s\n", digest);
    assert_non_null(strstr(config, line));
}

static void test_roster_is_made_once(void **state)
{
    struct place *place = *state;
    struct dev *dev = NULL;
    CLEANUP(buf_clear) struct buf digest = {0};
    CLEANUP(mem_free_at) char *path = mem_format("%s/roster.json", place->folder);
    uint8_t bytes[SHA256_LEN];
    const struct roster *roster = NULL;
    assert_int_equal(dev_prepare(place->folder, "127.0.0.1:0", NULL, &dev).code, ERR_OK);
    dev_close(dev);
    CLEANUP(mem_free_at) char *text = content(place, "roster.json");
    assert_int_equal(roster_parse(span_text(text), &roster).code, ERR_OK);
    assert_int_equal(roster->number, 1);
    assert_int_equal(roster->person_count, DEV_VOTERS);
    assert_int_equal(roster_group(roster, roster->authority)->m, 2);
    roster_digest(span_text(text), bytes);
    roster_free(roster);
    assert_int_equal(hex_encode(span_of(bytes, sizeof(bytes)), &digest).code, ERR_OK);
    CLEANUP(mem_free_at) char *hex = span_to_text(buf_span(&digest));
    assert_pinned(place, "hsmgated.yaml", hex);
    assert_pinned(place, "token-dev.yaml", hex);
    assert_int_equal(dev_prepare(place->folder, "127.0.0.1:0", NULL, &dev).code, ERR_OK);
    dev_close(dev);
    CLEANUP(mem_free_at) char *now = content(place, "roster.json");
    assert_string_equal(text, now);
    assert_pinned(place, "hsmgated.yaml", hex);
    assert_pinned(place, "token-dev.yaml", hex);
    assert_private(place, "roster.json");
    /* another root is another instance: its rosters follow from the file that is there */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(dev_prepare(place->folder, "127.0.0.1:0", NULL, &dev).code, ERR_OK);
    dev_close(dev);
    assert_true(exists(place, "roster.json"));
}

/* A voter's key that is no key, or of another kind, is not overwritten. */
static void test_odd_voter_keys(void **state)
{
    struct place *place = *state;
    struct dev *dev = NULL;
    CLEANUP(mem_free_at) char *folder = mem_format("%s/voters", place->folder);
    CLEANUP(mem_free_at) char *path = mem_format("%s/voter-1.pem", folder);
    assert_int_equal(file_make_folder(folder, 0700).code, ERR_OK);
    assert_int_equal(file_write(path, span_text("no key\n"), 0600).code, ERR_OK);
    struct err err = dev_prepare(place->folder, "127.0.0.1:0", NULL, &dev);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.detail, "voter-1.pem is not an Ed25519 key"));
    assert_null(dev);
    CLEANUP(mem_free_at) char *text = content(place, "voters/voter-1.pem");
    assert_string_equal(text, "no key\n");
}

static void test_folder_is_locked(void **state)
{
    struct place *place = *state;
    struct dev *dev = NULL;
    struct dev *second = NULL;
    assert_int_equal(dev_prepare(place->folder, "127.0.0.1:0", NULL, &dev).code, ERR_OK);
    assert_int_equal(dev_announce(dev, "127.0.0.1", 1).code, ERR_OK);
    assert_int_equal(dev_prepare(place->folder, "127.0.0.1:0", NULL, &second).code, ERR_CONFLICT);
    assert_null(second);
    assert_true(exists(place, "ready"));
    dev_close(dev);
    assert_false(exists(place, "ready"));
}

static void test_announcement(void **state)
{
    struct place *place = *state;
    struct dev *dev = NULL;
    assert_int_equal(dev_prepare(place->folder, "[::1]:0", NULL, &dev).code, ERR_OK);
    assert_false(exists(place, "env"));
    assert_int_equal(dev_announce(dev, "::1", 8200).code, ERR_OK);
    CLEANUP(mem_free_at) char *env = content(place, "env");
    static const char *const names[] = {"export HSMGATE_ADDR='http://[::1]:8200'\n",
                                        "export HSMGATE_TOKEN='hg_",
                                        "export VAULT_ADDR='http://[::1]:8200'\n",
                                        "export VAULT_TOKEN='hg_",
                                        "export AWS_ENDPOINT_URL='http://[::1]:8200'",
                                        "export AWS_ENDPOINT_URL_KMS='http://",
                                        "export AWS_ACCESS_KEY_ID='HGDEV",
                                        "export AWS_SECRET_ACCESS_KEY='",
                                        "export AWS_DEFAULT_REGION='"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_non_null(strstr(env, names[i]));
    }
    assert_private(place, "env");
    dev_close(dev);
}

static void test_admin_is_admitted(void **state)
{
    struct place *place = *state;
    struct dev *dev = NULL;
    struct keystore *store = NULL;
    assert_int_equal(dev_prepare(place->folder, "127.0.0.1:0", NULL, &dev).code, ERR_OK);
    CLEANUP(mem_free_at) char *database = mem_format("%s/hsmgate.db", place->folder);
    assert_int_equal(keystore_open(database, &store).code, ERR_OK);
    assert_int_equal(dev_admit(dev, store).code, ERR_OK);
    assert_int_equal(dev_admit(dev, store).code, ERR_OK);
    CLEANUP(mem_free_at) char *token = content(place, "admin.token");
    struct span text = span_of(token, strlen(token) - 1);
    uint8_t hash[SHA256_LEN];
    struct bearer found;
    digest_sha256_parts(&text, 1, hash);
    assert_true(keystore_find_bearer(store, hash, clock_wall_ms(), &found));
    assert_string_equal(found.name, "admin");
    keystore_close(store);
    dev_close(dev);
}

/* A token that the store knows under the name, but whose file was replaced. */
static void test_new_admin_token_takes_over(void **state)
{
    struct place *place = *state;
    struct dev *dev = NULL;
    struct keystore *store = NULL;
    struct bearer old = {.name = "admin", .hash = {1}, .created_at = 1};
    struct bearer found;
    assert_int_equal(dev_prepare(place->folder, "127.0.0.1:0", NULL, &dev).code, ERR_OK);
    CLEANUP(mem_free_at) char *database = mem_format("%s/hsmgate.db", place->folder);
    assert_int_equal(keystore_open(database, &store).code, ERR_OK);
    assert_int_equal(keystore_put_bearer(store, &old, clock_wall_ms()).code, ERR_OK);
    assert_int_equal(dev_admit(dev, store).code, ERR_OK);
    assert_false(keystore_find_bearer(store, old.hash, clock_wall_ms(), &found));
    keystore_close(store);
    dev_close(dev);
}

static void test_odd_folders(void **state)
{
    struct place *place = *state;
    struct dev *dev = NULL;
    CLEANUP(mem_free_at) char *blank = mem_format("%s/a b", place->folder);
    assert_int_equal(dev_prepare(blank, "127.0.0.1:0", NULL, &dev).code, ERR_CONFIG);
    CLEANUP(mem_free_at) char *file = mem_format("%s/file", place->folder);
    assert_int_equal(file_write(file, span_text("x"), 0600).code, ERR_OK);
    assert_int_not_equal(dev_prepare(file, "127.0.0.1:0", NULL, &dev).code, ERR_OK);
    assert_int_equal(dev_prepare(place->folder, "0.0.0.0:0", NULL, &dev).code, ERR_CONFIG);
    assert_null(dev);
}

static void test_missing_program(void **state)
{
    struct place *place = *state;
    struct dev *dev = NULL;
    CLEANUP(mem_free_at) char *before = mem_text(getenv("PATH"));
    assert_int_equal(setenv("PATH", place->folder, 1), 0);
    struct err err = dev_prepare(place->folder, "127.0.0.1:0", NULL, &dev);
    assert_int_equal(setenv("PATH", before, 1), 0);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.detail, "apt-get install softhsm2"));
    assert_int_equal(dev_prepare(place->folder, "127.0.0.1:0", NULL, &dev).code, ERR_OK);
    dev_close(dev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_first_start_makes_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_second_start_keeps_secrets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_token_of_somebody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_roster_is_made_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_odd_voter_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_folder_is_locked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_announcement, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_admin_is_admitted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_new_admin_token_takes_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_odd_folders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_program, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
