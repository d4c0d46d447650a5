/* Voters' keys: made, registered, read again, and refused when anything is not theirs. */
#include "cli/new_file.h"
#include "cli/pem_key.h"
#include "cli/voter_file.h"
#include "test_cli_drive.h"

#include <errno.h>
#include <openssl/evp.h>
#include <sys/stat.h>

/* Each test works in a folder of its own. */
static char folder[] = "/tmp/hsmgate-cli-test-XXXXXX";

static int enter(void **state)
{
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    return drive_open(state);
}

static int leave(void **state)
{
    CLEANUP(mem_free_at) char *command = mem_format("rm -rf %s", folder);
    assert_int_equal(chdir("/tmp"), 0);
    assert_int_equal(system(command), 0);
    return drive_close(state);
}

static mode_t mode_of(const char *path)
{
    struct stat seen;
    assert_int_equal(stat(path, &seen), 0);
    return seen.st_mode & 0777;
}

static void test_new_files_take_nobodys_place(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf seen = {0};
    assert_ok(new_file_write("a", span_text("first")));
    assert_int_equal(mode_of("a"), 0600);
    assert_code(new_file_write("a", span_text("second")), ERR_CONFLICT);
    assert_code(new_file_write("no/such/folder", span_text("x")), ERR_IO);
    assert_ok(new_file_write("b", span_text("other")));
    assert_code(new_file_rename("b", "a"), ERR_CONFLICT);
    assert_code(new_file_rename("none", "c"), ERR_IO);
    assert_ok(new_file_rename("b", "c"));
    assert_int_not_equal(access("b", F_OK), 0);
    assert_ok(file_read("a", &seen));
    assert_span_is(buf_span(&seen), "first");
}

static void test_keygen(void **state)
{
    struct drive *drive = *state;
    CLEANUP(voter_file_clear) struct voter_file file = {0};
    drive_run(drive, "voter keygen --id ann --name Ann_Example --principal token:ann --principal "
                     "unix:7 --out ann.pem");
    assert_int_equal(drive->exit, EXIT_DONE);
    assert_has(drive->out, "ann.pem: your private key. Nobody else gets it");
    assert_has(drive->out, "ann.pem.voter.json: the registration of ann (ed25519)");
    assert_int_equal(mode_of("ann.pem"), 0600);
    assert_ok(voter_file_read("ann.pem.voter.json", &file));
    assert_span_is(file.person.id, "ann");
    assert_span_is(file.person.name, "Ann Example");
    assert_int_equal(file.person.principal_count, 2);
    assert_span_is(file.person.principals[1], "unix:7");
    assert_int_equal(file.person.keys[0].kind, VOTER_KEY_ED25519);
    assert_int_equal(http_stub_count(drive->stub), 0);
}

static void test_keygen_overwrites_nothing(void **state)
{
    struct drive *drive = *state;
    assert_ok(new_file_write("ann.pem", span_text("mine")));
    drive_run(drive, "voter keygen --id ann --out ann.pem");
    assert_has(drive->err, "ann.pem is there already");
    assert_ok(new_file_write("bob.pem.voter.json", span_text("mine")));
    drive_run(drive, "voter keygen --id bob --out bob.pem");
    assert_has(drive->err, "bob.pem.voter.json is there already");
    assert_int_not_equal(access("bob.pem", F_OK), 0);
    drive_run(drive, "voter keygen --id Bad! --out bad.pem");
    assert_int_equal(drive->exit, EXIT_REFUSED);
    assert_int_not_equal(access("bad.pem", F_OK), 0);
}

static void run_openssl(const char *arguments)
{
    CLEANUP(mem_free_at) char *command = mem_format("openssl %s 2>/dev/null", arguments);
    assert_int_equal(system(command), 0);
}

static void test_register_what_is_there(void **state)
{
    struct drive *drive = *state;
    CLEANUP(voter_file_clear) struct voter_file file = {0};
    run_openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out bob.pem");
    assert_int_equal(chmod("bob.pem", 0600), 0);
    drive_run(drive, "voter register --id bob --key bob.pem --json");
    assert_has(drive->out, "\"registration\":\"bob.pem.voter.json\"");
    assert_ok(voter_file_read("bob.pem.voter.json", &file));
    assert_int_equal(file.person.keys[0].kind, VOTER_KEY_P256);
    assert_span_is(file.person.name, "bob");
    drive_run(drive, "voter register --id bob");
    assert_int_equal(drive->exit, EXIT_USAGE);
    assert_has(drive->err, "name your key: --key FILE.pem, or --ssh-key FILE.pub");
    drive_run(drive, "voter register --id bob --key bob.pem --ssh-key bob.pub");
    assert_int_equal(drive->exit, EXIT_USAGE);
}

static void test_refuses_other_keys(void **state)
{
    struct drive *drive = *state;
    run_openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem");
    run_openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out p384.pem");
    run_openssl("genpkey -algorithm ED25519 -out open.pem");
    assert_int_equal(chmod("rsa.pem", 0600), 0);
    assert_int_equal(chmod("p384.pem", 0600), 0);
    assert_int_equal(chmod("open.pem", 0644), 0);
    assert_ok(new_file_write("text.pem", span_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")));
    static const struct {
        const char *file, *said;
    } cases[] = {{"rsa.pem", "voters' keys are Ed25519 or ECDSA P-256"},
                 {"p384.pem", "(invalid_field)"},
                 {"open.pem", "(config)"},
                 {"text.pem", "--ssh-key text.pem.pub"},
                 {"none.pem", "none.pem: "}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(mem_free_at)
        char *line = mem_format("voter register --id x --key %s --out x.json", cases[i].file);
        drive_run(drive, line);
        assert_int_equal(drive->exit, EXIT_REFUSED);
        assert_has(drive->err, cases[i].said);
        assert_int_not_equal(access("x.json", F_OK), 0);
    }
}

/* A program that stands in for ssh-keygen. */
static void put_ssh_keygen(const char *script)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/bin", folder);
    assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
    assert_ok(file_write("bin/ssh-keygen", span_text(script), 0700));
    assert_int_equal(setenv("PATH", path, 1), 0);
}

static void test_ssh_keygen_that_does_not_sign(void **state)
{
    struct drive *drive = *state;
    static const char line[] = "voter register --id cy --ssh-key cy.pub --out cy.json";
    CLEANUP(mem_free_at) char *path = mem_text(getenv("PATH"));
    assert_ok(new_file_write("cy.pub", span_text("ssh-ed25519 "
                                                 "AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796j"
                                                 "TiQfZfG1KaT0PtFDJ/XFSqti cy\n")));
    assert_int_equal(setenv("PATH", folder, 1), 0);
    drive_run(drive, line);
    assert_has(drive->err, "cannot be run");
    static const struct {
        const char *script, *said;
    } cases[] = {{"#!/bin/sh\nexit 1\n", "ssh-keygen did not sign"},
                 {"#!/bin/sh\necho nonsense\n", "(invalid_field)"},
                 {"#!/bin/sh\nwhile :; do echo too much of it; done\n", "cannot be read"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put_ssh_keygen(cases[i].script);
        drive_run(drive, line);
        assert_int_equal(drive->exit, EXIT_REFUSED);
        assert_has(drive->err, cases[i].said);
        assert_int_not_equal(access("cy.json", F_OK), 0);
    }
    assert_int_equal(setenv("PATH", path, 1), 0);
}

static void test_every_byte_of_a_registration_counts(void **state)
{
    struct drive *drive = *state;
    CLEANUP(buf_clear) struct buf text = {0};
    drive_run(drive, "voter keygen --id ann --principal token:ann --out ann.pem");
    assert_ok(file_read("ann.pem.voter.json", &text));
    const uint8_t *name = memmem(text.data, text.len, "\"name\":\"ann\"", 12);
    const uint8_t *principal = memmem(text.data, text.len, "token:ann", 9);
    assert_true(name != NULL && principal != NULL);
    for (size_t i = 0; i + 1 < text.len; i++) {
        const bool unproved = (text.data + i >= name + 8 && text.data + i < name + 11) ||
                              (text.data + i >= principal && text.data + i < principal + 9);
        CLEANUP(voter_file_clear) struct voter_file file = {0};
        text.data[i] ^= 1;
        assert_ok(file_write("changed.json", buf_span(&text), 0600));
        const struct err err = voter_file_read("changed.json", &file);
        if (!unproved && err.code == ERR_OK) { /* what is only said of a person is not signed */
            fail_msg("byte %zu changed is taken: %s", i, (const char *)text.data);
        }
        text.data[i] ^= 1;
    }
}

static void test_signatures_are_those_of_the_key(void **state)
{
    (void)state;
    CLEANUP(pem_key_close) EVP_PKEY *key = NULL;
    CLEANUP(buf_clear) struct buf signature = {0};
    run_openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out k.pem");
    assert_int_equal(chmod("k.pem", 0600), 0);
    assert_ok(pem_key_open("k.pem", &key));
    assert_ok(pem_key_sign(key, span_text("message"), &signature));
    assert_int_equal(signature.len, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter, leave)
        IN_FOLDER(test_new_files_take_nobodys_place),
        IN_FOLDER(test_keygen),
        IN_FOLDER(test_keygen_overwrites_nothing),
        IN_FOLDER(test_register_what_is_there),
        IN_FOLDER(test_refuses_other_keys),
        IN_FOLDER(test_ssh_keygen_that_does_not_sign),
        IN_FOLDER(test_every_byte_of_a_registration_counts),
        IN_FOLDER(test_signatures_are_those_of_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
