/* The commands of break-glass against a gateway of one answer, which may lie: what is asked, shown,
 * confirmed, signed and kept. */
#include "base/encoding.h"
#include "cli/ballot.h"
#include "cli/new_file.h"
#include "cli/recipient_key.h"
#include "cli/sealed_file.h"
#include "quorum_fixture.h"
#include "test_cli_drive.h"

#include <openssl/pem.h>
#include <sys/stat.h>

#define KEY "vault/prod/dek"

struct scene {
    struct drive *drive;
    struct quorum_fixture fix;
    struct statement says;
    struct span bytes;
    char id[UUID_TEXT_LEN + 1];
    char folder[40];
};

/* ann's private key as people have it. */
static void write_key(struct quorum_fixture *fix, const char *id, const char *path)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(
        PEM_write_PrivateKey(file, people_person(fix, id)->keys[0].key, NULL, NULL, 0, NULL, NULL),
        1);
    assert_int_equal(fclose(file), 0);
}

static int scene_open(void **state)
{
    struct scene *scene = mem_alloc(sizeof *scene);
    void *drive = NULL;
    assert_int_equal(drive_open(&drive), 0);
    scene->drive = drive;
    (void)snprintf(scene->folder, sizeof scene->folder, "/tmp/hsmgate-cli-test-XXXXXX");
    assert_non_null(mkdtemp(scene->folder));
    assert_int_equal(chdir(scene->folder), 0);
    people_open(&scene->fix);
    scene->says = people_statement(&scene->fix, STATEMENT_OPEN);
    scene->says.key = span_text(KEY);
    scene->bytes = people_bytes(&scene->fix, &scene->says);
    uuid_format(scene->says.id, scene->id);
    write_key(&scene->fix, "ann", "ann.pem");
    assert_ok(file_write("statement", scene->bytes, 0600));
    *state = scene;
    return 0;
}

static int scene_close(void **state)
{
    struct scene *scene = *state;
    void *drive = scene->drive;
    CLEANUP(mem_free_at) char *command = mem_format("rm -rf %s", scene->folder);
    assert_int_equal(chdir("/tmp"), 0);
    assert_int_equal(system(command), 0);
    people_close(&scene->fix);
    mem_free(scene);
    return drive_close(&drive);
}

/* What the gateway says of the request; `more` is members with a comma before them. */
static char *view_of(const struct scene *scene, const char *state, const char *more)
{
    uint8_t digest[SHA256_LEN];
    CLEANUP(buf_clear) struct buf hex = {0};
    CLEANUP(buf_clear) struct buf text = {0};
    statement_digest(scene->bytes, digest);
    assert_ok(hex_encode(span_of(digest, sizeof digest), &hex));
    assert_ok(base64_encode(scene->bytes, &text));
    return mem_format(
        "{\"id\":\"%s\",\"kind\":\"open\",\"state\":\"%s\",\"key\":\"" KEY "\","
        "\"statement\":\"%.*s\",\"digest\":\"%.*s\",\"needed\":2,\"approvals\":1,"
        "\"eligible\":[\"ann\",\"bob\",\"cem\"],\"expires_at\":\"2026-01-02T04:04:05Z\","
        "\"votes\":[{\"voter\":\"ann\",\"decision\":\"approve\",\"signed_at\":"
        "\"2026-01-02T03:05:00.123Z\",\"verdict\":\"counts\"}]%s}",
        scene->id, state, (int)text.len, (const char *)text.data, (int)hex.len,
        (const char *)hex.data, more);
}

static void run(struct scene *scene, const char *line, const char *answer)
{
    CLEANUP(mem_free_at) char *full = mem_text(line);
    http_stub_serve(scene->drive->stub, span_text(answer));
    drive_run(scene->drive, full);
}

/* `ID` in the line is the request's. */
static void run_id(struct scene *scene, const char *format, const char *answer)
{
    const char *at = strstr(format, "ID");
    CLEANUP(mem_free_at)
    char *line = mem_format("%.*s%s%s", (int)(at - format), format, scene->id, at + 2);
    run(scene, line, answer);
}

/* --- showing --- */

static void test_every_state_says_what_comes_next(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const char *state, *said;
        int exit; /* of watch */
    } cases[] = {
        {"approved", "hsmgate break-glass open ", EXIT_DONE},
        {"opening", "being opened at this moment", EXIT_DONE},
        {"opened", "hsmgate break-glass evidence ", EXIT_DONE},
        {"denied", "that is final", EXIT_REFUSED},
        {"cancelled", "taken back", EXIT_REFUSED},
        {"expired", "--window", EXIT_REFUSED},
        {"failed", "nothing was opened", EXIT_REFUSED},
        {"indeterminate", "Treat it as opened", EXIT_REFUSED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(mem_free_at) char *view = view_of(scene, cases[i].state, "");
        run_id(scene, "break-glass watch ID", view);
        assert_int_equal(scene->drive->exit, cases[i].exit);
        assert_has(scene->drive->out, cases[i].said);
        run_id(scene, "break-glass show ID", view);
        assert_int_equal(scene->drive->exit, EXIT_DONE);
        assert_has(scene->drive->out, cases[i].said);
    }
}

static void test_show(void **state)
{
    struct scene *scene = *state;
    CLEANUP(mem_free_at)
    char *view = view_of(scene, "pending", ",\"decision_reason\":\"1 is \\u001b[2Jmissing\"");
    run_id(scene, "break-glass show ID", view);
    assert_int_equal(scene->drive->exit, EXIT_DONE);
    assert_has(scene->drive->out, "pending, 1 of 2 approvals, until 2026-01-02T04:04:05Z (");
    assert_has(scene->drive->out, "OPEN ONE CIPHERTEXT");
    assert_has(scene->drive->out, "1 is ?[2Jmissing\n");
    assert_has(scene->drive->out, "who may still vote: bob, cem\n");
    assert_has(scene->drive->out, "ann    approve   2026-01-02T03:05:00Z  counts\n");
    run_id(scene, "break-glass show ID --json", view);
    assert_true(span_starts(buf_span(&scene->drive->out), view));
}

static void test_list(void **state)
{
    struct scene *scene = *state;
    CLEANUP(mem_free_at) char *view = view_of(scene, "pending", ",\"requester\":\"token:dora\"");
    CLEANUP(mem_free_at)
    char *answer = mem_format("{\"requests\":[%s],\"next_page_token\":\"\"}", view);
    run(scene, "break-glass list --state pending --key " KEY, answer);
    assert_asks(scene->drive, "GET /v1/break-glass?page_size=100&state=pending&key=" KEY, "");
    assert_has(scene->drive->out, "open  pending  1/2 ");
    assert_has(scene->drive->out, KEY "  token:dora");
    run(scene, "break-glass list --key NO", answer);
    assert_int_equal(scene->drive->exit, EXIT_REFUSED);
    run(scene, "break-glass show nonsense", answer);
    assert_has(scene->drive->err, "is no id of a request");
}

/* --- a gateway that lies --- */

static void test_another_statement_is_not_signed(void **state)
{
    struct scene *scene = *state;
    CLEANUP(mem_free_at) char *view = view_of(scene, "pending", "");
    char *digest = strstr(view, "\"digest\":\"") + 10;
    digest[0] = digest[0] == 'a' ? 'b' : 'a';
    const unsigned before = http_stub_count(scene->drive->stub);
    run_id(scene, "break-glass approve ID --as ann --key ann.pem --yes-i-typed " KEY, view);
    assert_int_equal(scene->drive->exit, EXIT_REFUSED);
    assert_has(scene->drive->err, "sign nothing");
    assert_int_equal(http_stub_count(scene->drive->stub), before + 1); /* no vote went out */
    CLEANUP(mem_free_at) char *other = view_of(scene, "pending", "");
    run(scene,
        "break-glass approve 00000000-0000-4000-8000-000000000000 --as ann --key ann.pem "
        "--yes-i-typed " KEY,
        other);
    assert_has(scene->drive->err, "answered with another request");
}

static void write_ciphertext(const char *path, const char *body)
{
    CLEANUP(buf_clear) struct buf blob = {0};
    CLEANUP(buf_clear) struct buf text = {0};
    static const uint8_t head[27] = {'H', 'S', 'G', 1, 1, [24] = 1, 1, 12};
    assert_ok(buf_append(&blob, span_of(head, sizeof head)));
    assert_ok(buf_append_text(&blob, "ivivivivivivtagtagtagtagtagt"));
    assert_ok(buf_append_text(&blob, body));
    assert_ok(base64_encode(buf_span(&blob), &text));
    assert_ok(buf_append_u8(&text, '\n'));
    assert_ok(file_write(path, buf_span(&text), 0600));
}

static size_t count_files(const char *pattern)
{
    CLEANUP(mem_free_at) char *command = mem_format("test -z \"$(ls %s 2>/dev/null)\"", pattern);
    return system(command) == 0 ? 0 : 1;
}

static void test_a_statement_that_was_not_asked_for(void **state)
{
    struct scene *scene = *state;
    CLEANUP(mem_free_at) char *view = view_of(scene, "pending", "");
    write_ciphertext("c.b64", "body");
    run(scene,
        "break-glass request --key " KEY " --ciphertext c.b64 --reason why --ticket T-1 --context "
        "a=b --window 2h",
        view);
    assert_int_equal(scene->drive->exit, EXIT_REFUSED);
    assert_has(scene->drive->err, "let nobody sign it");
    assert_has(scene->drive->request, "\"kind\":\"open\",\"key\":\"" KEY "\",\"reason\":\"why\","
                                      "\"ticket\":\"T-1\",\"window\":\"2h\",\"ciphertext\":\"");
    assert_has(scene->drive->request, "\"context\":{\"a\":\"b\"},\"recipient\":{\"crv\":\"P-256\"");
    assert_null(strstr((const char *)scene->drive->request.data, "\"d\":"));
}

static void test_a_refused_request_leaves_no_key(void **state)
{
    struct scene *scene = *state;
    static const char line[] =
        "break-glass request --key " KEY " --ciphertext c.b64 --reason why --ticket T-1";
    write_ciphertext("c.b64", "body");
    CLEANUP(mem_free_at) char *text = mem_text(line);
    drive_refused(scene->drive, text, "409 Conflict",
                  "{\"code\":\"invalid_state\",\"detail\":\"it is frozen\"}");
    assert_has(scene->drive->err, "it is frozen (invalid_state)");
    assert_int_equal(count_files("break-glass-*"), 0);
    drive_refused(scene->drive, text, "500 Oops", "no problem document");
    assert_has(scene->drive->err, "the answer's key, kept: the request may have been made");
    assert_int_equal(count_files("break-glass-new-*.key"), 1);
    assert_ok(file_write("c.b64", span_text("bm90aGluZw=="), 0600));
    drive_run(scene->drive, line);
    assert_has(scene->drive->err, "neither as bytes nor as base64");
}

/* --- voting --- */

static void test_votes_without_network(void **state)
{
    struct scene *scene = *state;
    CLEANUP(ballot_clear) struct ballot ballot = {0};
    CLEANUP(buf_clear) struct buf message = {0};
    run(scene,
        "break-glass approve --statement statement --as ann --key ann.pem --yes-i-typed " KEY
        " --out vote",
        "");
    assert_int_equal(scene->drive->exit, EXIT_DONE);
    assert_int_equal(http_stub_count(scene->drive->stub), 0);
    assert_has(scene->drive->out, "OPEN ONE CIPHERTEXT");
    assert_has(scene->drive->out, "vote: the vote of ann (approved), signed and not sent\n");
    assert_ok(ballot_read("vote", &ballot));
    assert_int_equal(ballot.vote.choice, VOTE_APPROVE);
    assert_ok(vote_message(&ballot.vote, scene->bytes, &message));
    const struct voter_key *key = &people_person(&scene->fix, "ann")->is.keys[0];
    assert_true(voter_key_verify(key, ballot.vote.format, "hsmgate-vote", buf_span(&message),
                                 ballot.vote.signature));
    CLEANUP(mem_free_at) char *view = view_of(scene, "approved", "");
    run_id(scene, "break-glass submit ID --vote vote", view);
    assert_int_equal(scene->drive->exit, EXIT_DONE);
    assert_has(scene->drive->out, "ann: approved\n");
    assert_has(scene->drive->request, ":vote HTTP/1.1");
    assert_has(scene->drive->request, "{\"voter\":\"ann\",\"decision\":\"approve\",");
}

static void test_a_no_is_another_message(void **state)
{
    struct scene *scene = *state;
    CLEANUP(ballot_clear) struct ballot ballot = {0};
    CLEANUP(buf_clear) struct buf message = {0};
    run(scene,
        "break-glass deny --statement statement --as ann --key ann.pem --yes-i-typed " KEY
        " --out vote --json",
        "");
    assert_int_equal(scene->drive->exit, EXIT_DONE);
    assert_has(scene->drive->err, "OPEN ONE CIPHERTEXT"); /* words do not mix with JSON */
    assert_true(
        span_starts(buf_span(&scene->drive->out), "{\"voter\":\"ann\",\"decision\":\"deny\""));
    assert_ok(ballot_read("vote", &ballot));
    ballot.vote.choice = VOTE_APPROVE;
    assert_ok(vote_message(&ballot.vote, scene->bytes, &message));
    const struct voter_key *key = &people_person(&scene->fix, "ann")->is.keys[0];
    assert_false(voter_key_verify(key, ballot.vote.format, "hsmgate-vote", buf_span(&message),
                                  ballot.vote.signature));
}

static void test_what_stops_a_vote(void **state)
{
    struct scene *scene = *state;
    CLEANUP(buf_clear) struct buf changed = {0};
    assert_ok(buf_append(&changed, scene->bytes));
    changed.data[changed.len / 2] ^= 1;
    assert_ok(file_write("changed", buf_span(&changed), 0600));
    assert_ok(file_write("roster", scene->fix.links[0].roster, 0600));
    static const struct {
        const char *line, *said;
        int exit;
    } cases[] = {
        {"--statement statement --as ann --key ann.pem --yes-i-typed vault/prod/dec --out vote",
         "nothing was signed", EXIT_REFUSED},
        {"--statement changed --as ann --key ann.pem --yes-i-typed " KEY " --out vote", "changed",
         EXIT_REFUSED},
        {"--statement statement --key ann.pem --yes-i-typed " KEY " --out vote", "--as VOTER",
         EXIT_USAGE},
        {"--key ann.pem --as ann --out vote", "name the request's ID", EXIT_USAGE},
        {"--statement statement --as ann --out vote", "name your key", EXIT_USAGE},
        {"--statement statement --as Ann! --key ann.pem --yes-i-typed " KEY " --out vote",
         "(invalid_field)", EXIT_REFUSED},
        {"--statement statement --roster roster --as ann --key ann.pem --yes-i-typed " KEY
         " --out vote",
         "is not the roster that this statement adopts", EXIT_REFUSED},
        {"--statement none --as ann --key ann.pem --yes-i-typed " KEY " --out vote", "none",
         EXIT_REFUSED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(mem_free_at) char *line = mem_format("break-glass approve %s", cases[i].line);
        run(scene, line, "");
        assert_int_equal(scene->drive->exit, cases[i].exit);
        assert_has(scene->drive->err, cases[i].said);
        assert_int_not_equal(access("vote", F_OK), 0);
    }
    assert_int_equal(http_stub_count(scene->drive->stub), 0);
}

static void test_rosters_are_signed_by_their_number(void **state)
{
    struct scene *scene = *state;
    const struct statement says = people_statement(&scene->fix, STATEMENT_ROSTER);
    CLEANUP(mem_free_at)
    char *line = mem_format("break-glass approve --statement next --as ann --key ann.pem "
                            "--yes-i-typed %lu --out vote",
                            (unsigned long)says.next_number);
    assert_ok(file_write("next", people_bytes(&scene->fix, &says), 0600));
    run(scene, line, "");
    assert_int_equal(scene->drive->exit, EXIT_DONE);
    assert_has(scene->drive->out, "hsmgate roster publish --roster ROSTER");
    *strstr(line, " --out") = '\0';
    run(scene, line, "");
    assert_has(scene->drive->err, "--out VOTE, for hsmgate roster publish");
}

/* --- opening --- */

static void test_nothing_is_spent_in_vain(void **state)
{
    struct scene *scene = *state;
    CLEANUP(mem_free_at) char *view = view_of(scene, "approved", "");
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(recipient_key_clear) struct recipient_key key = {0};
    run_id(scene, "break-glass open ID", view);
    assert_has(scene->drive->err, "or --key FILE");
    assert_ok(recipient_key_make(RECIPIENT_P256, &key));
    assert_ok(recipient_key_write(&key, &text));
    assert_ok(new_file_write("other.key", buf_span(&text)));
    run_id(scene, "break-glass open ID --key other.key", view);
    assert_has(scene->drive->err, "nothing was opened");
    assert_int_equal(http_stub_count(scene->drive->stub), 2); /* only looked */
    assert_int_equal(count_files("*.part"), 0);
}

static void test_the_answer_has_its_room_first(void **state)
{
    (void)state;
    struct stat seen;
    CLEANUP(buf_clear) struct buf kept = {0};
    struct sealed_file file = {.fd = -1};
    struct sealed_file second = {.fd = -1};
    assert_ok(sealed_file_open("a.jwe", &file));
    assert_int_equal(stat("a.jwe.part", &seen), 0);
    assert_true(seen.st_blocks > 0 && (seen.st_mode & 0777) == 0600);
    assert_code(sealed_file_open("a.jwe", &second), ERR_CONFLICT);
    assert_ok(sealed_file_keep(&file, span_text("sealed")));
    sealed_file_clear(&file);
    assert_ok(file_read("a.jwe", &kept));
    assert_span_is(buf_span(&kept), "sealed");
    assert_code(sealed_file_open("a.jwe", &second), ERR_CONFLICT);
    assert_ok(sealed_file_open("b.jwe", &file));
    sealed_file_clear(&file);
    assert_int_not_equal(access("b.jwe.part", F_OK), 0);
}

/* --- the others --- */

static void test_what_else_is_asked(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const char *line, *request, *body;
    } cases[] = {
        {"break-glass request-destroy " KEY "@3 --reason old --after 2d --despite-use",
         "POST /v1/break-glass ",
         "{\"kind\":\"destroy\",\"key\":\"" KEY "@3\",\"reason\":\"old\",\"after\":\"2d\","
         "\"despite_use\":true}"},
        {"break-glass request-rule " KEY " --group ops --m 3 --reason r --ticket T --window 1d",
         "POST /v1/break-glass ",
         "{\"kind\":\"rule\",\"key\":\"" KEY "\",\"reason\":\"r\",\"ticket\":\"T\",\"window\":"
         "\"1d\",\"approval\":{\"group\":\"ops\",\"m\":3}}"},
        {"break-glass request-rule " KEY " --m 0 --reason r", "POST /v1/break-glass ",
         "{\"kind\":\"rule\",\"key\":\"" KEY "\",\"reason\":\"r\",\"approval\":{}}"},
        {"key unfreeze " KEY " --reason r", "POST /v1/break-glass ",
         "{\"kind\":\"unfreeze\",\"key\":\"" KEY "\",\"reason\":\"r\"}"},
        {"key freeze " KEY " --reason r", "POST /v1/keys/" KEY ":freeze ", "{\"reason\":\"r\"}"},
        {"key create " KEY " --algorithm aes-256-gcm --owner me --approval ops:2", "POST /v1/keys ",
         "{\"name\":\"" KEY "\",\"algorithm\":\"aes-256-gcm\",\"owner\":\"me\",\"approval\":{"
         "\"group\":\"ops\",\"m\":2}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        run(scene, cases[i].line, "{}");
        assert_true(span_starts(buf_span(&scene->drive->request), cases[i].request));
        assert_string_equal(strstr((const char *)scene->drive->request.data, "\r\n\r\n") + 4,
                            cases[i].body);
    }
    run(scene, "break-glass request-rule " KEY " --m 2 --reason r", "{}");
    assert_int_equal(scene->drive->exit, EXIT_USAGE);
    run(scene, "key create " KEY " --algorithm a --owner me --approval ops", "{}");
    assert_has(scene->drive->err, "--approval takes GROUP:M");
    CLEANUP(mem_free_at) char *view = view_of(scene, "pending", "");
    run(scene, "break-glass request-unfreeze " KEY " --reason r", view); /* it says: open */
    assert_has(scene->drive->err, "let nobody sign it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)
        SCENE(test_every_state_says_what_comes_next),
        SCENE(test_show),
        SCENE(test_list),
        SCENE(test_another_statement_is_not_signed),
        SCENE(test_a_statement_that_was_not_asked_for),
        SCENE(test_a_refused_request_leaves_no_key),
        SCENE(test_votes_without_network),
        SCENE(test_a_no_is_another_message),
        SCENE(test_what_stops_a_vote),
        SCENE(test_rosters_are_signed_by_their_number),
        SCENE(test_nothing_is_spent_in_vain),
        SCENE(test_the_answer_has_its_room_first),
        SCENE(test_what_else_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
