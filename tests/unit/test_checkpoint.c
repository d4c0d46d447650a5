/* Checkpoints and their keys: round trips with both kinds of key, keys that the world published,
 * and each way in which a note or a key can be wrong. */
#include "audit_signer.h"
#include "base_test.h"

#include "base/encoding.h"
#include "base/public_key.h"

#define NAME "example.com/hsmgate"

static struct tree_head some_head(void)
{
    struct tree_head head = {.size = 20852163};
    for (size_t i = 0; i < TREE_HASH_LEN; i++) {
        head.root.bytes[i] = (uint8_t)(i * 7);
    }
    return head;
}

static void check_round_trip(const char *kind)
{
    struct signer signer;
    signer_make(&signer, NAME, kind);
    struct tree_head head = some_head();
    CLEANUP(buf_clear) struct buf note = {0};
    CLEANUP(checkpoint_verifier_clear) struct checkpoint_verifier verifier = {0};
    signer_note(&signer, &head, &note);
    signer_verifier(&signer, &verifier);
    assert_string_equal(verifier.name, NAME);
    assert_true(span_equal(buf_span(&verifier.public_key), signer.as.public_key));
    struct tree_head read = {0};
    char origin[CHECKPOINT_ORIGIN_MAX];
    assert_ok(checkpoint_read(buf_span(&note), origin, &read));
    assert_string_equal(origin, NAME);
    assert_int_equal(read.size, head.size);
    struct tree_head opened = {0};
    assert_ok(checkpoint_open(buf_span(&note), &verifier, &opened));
    assert_true(tree_hash_equal(&opened.root, &head.root));
    /* any changed byte is refused, one way or the other */
    for (size_t i = 0; i < note.len; i++) {
        note.data[i] ^= 0x02;
        assert_int_not_equal(checkpoint_open(buf_span(&note), &verifier, &opened).code, ERR_OK);
        note.data[i] ^= 0x02;
    }
    signer_clear(&signer);
}

static void round_trips(void **state)
{
    (void)state;
    check_round_trip("ED25519");
    check_round_trip("P-256");
}

static void ecdsa_signatures_may_come_raw(void **state)
{
    (void)state;
    struct signer signer;
    signer_make(&signer, NAME, "P-256");
    struct tree_head head = some_head();
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(buf_clear) struct buf der = {0};
    CLEANUP(buf_clear) struct buf raw = {0};
    CLEANUP(buf_clear) struct buf note = {0};
    CLEANUP(checkpoint_verifier_clear) struct checkpoint_verifier verifier = {0};
    assert_ok(checkpoint_body(NAME, &head, &body));
    signer_sign(&signer, buf_span(&body), &der);
    assert_ok(ecdsa_der_to_raw(buf_span(&der), 64, &raw));
    assert_ok(checkpoint_note(&signer.as, &head, buf_span(&raw), &note));
    signer_verifier(&signer, &verifier);
    assert_ok(checkpoint_open(buf_span(&note), &verifier, &head));
    signer_clear(&signer);
}

/* Of Go's note package, of the Go checksum database and of Sigstore's log. */
static void published_keys_are_read_and_written_alike(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "rekor.sigstore.dev+c0d23d6a+"
        "AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNhtmPtrWm3U1eQXBogSMdGvXwB"
        "cK5AW5i0hrZLOC96l+smGNM7nwZ4QvFK/4sueRoVj//QP22Ni4Qt9DPfkWLc=",
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        CLEANUP(checkpoint_verifier_clear) struct checkpoint_verifier verifier = {0};
        CLEANUP(buf_clear) struct buf again = {0};
        assert_ok(checkpoint_verifier_read(span_text(keys[i]), &verifier));
        struct checkpoint_key key = {verifier.name, buf_span(&verifier.public_key)};
        assert_ok(checkpoint_key_text(&key, &again));
        assert_span_is(buf_span(&again), keys[i]);
    }
}

static void bad_keys_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        const char *text;
    } rows[] = {
        {"empty", ""},
        {"no id", "PeterNeumann"},
        {"no key", "PeterNeumann+c74f20a3"},
        {"no name", "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"},
        {"blank", "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"},
        {"id", "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"},
        {"id length", "PeterNeumann+c74f20+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"},
        {"algorithm", "PeterNeumann+c74f20a3+BBpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"},
        {"base64", "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq_LDE4izWy10TW"},
        {"short", "PeterNeumann+c74f20a3+AQ=="},
        {"length", "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10Q="},
        {"two lines", "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct checkpoint_verifier verifier = {0};
        assert_code_of(rows[i].label, checkpoint_verifier_read(span_text(rows[i].text), &verifier),
                       ERR_CORRUPT);
        assert_null(verifier.public_key.data);
    }
}

#define ROOT "AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk="
#define SIGN "\xe2\x80\x94 log "

static void bad_notes_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        const char *text;
    } rows[] = {
        {"empty", ""},
        {"no signature", "log\n5\n" ROOT "\n"},
        {"no signature line", "log\n5\n" ROOT "\n\n"},
        {"no root", "log\n5\n\n" SIGN "AAAAAAA=\n"},
        {"no origin", "\n5\n" ROOT "\n\n" SIGN "AAAAAAA=\n"},
        {"origin", "l g\n5\n" ROOT "\n\n" SIGN "AAAAAAA=\n"},
        {"leading zero", "log\n05\n" ROOT "\n\n" SIGN "AAAAAAA=\n"},
        {"sign of size", "log\n-5\n" ROOT "\n\n" SIGN "AAAAAAA=\n"},
        {"no size", "log\n\n" ROOT "\n\n" SIGN "AAAAAAA=\n"},
        {"huge size", "log\n99999999999999999999\n" ROOT "\n\n" SIGN "AAAAAAA=\n"},
        {"root", "log\n5\nAAcO\n\n" SIGN "AAAAAAA=\n"},
        {"root base64", "log\n5\n*" ROOT "\n\n" SIGN "AAAAAAA=\n"},
        {"dash", "log\n5\n" ROOT "\n\n- log AAAAAAA=\n"},
        {"no name", "log\n5\n" ROOT "\n\n\xe2\x80\x94  AAAAAAA=\n"},
        {"plus in name", "log\n5\n" ROOT "\n\n\xe2\x80\x94 l+g AAAAAAA=\n"},
        {"no signature bytes", "log\n5\n" ROOT "\n\n" SIGN "AAAAAA==\n"},
        {"signature base64", "log\n5\n" ROOT "\n\n" SIGN "AAAAAA\n"},
        {"last line", "log\n5\n" ROOT "\n\n" SIGN "AAAAAAA="},
        {"empty line behind", "log\n5\n" ROOT "\n\n" SIGN "AAAAAAA=\n\n"},
        {"carriage return", "log\r\n5\n" ROOT "\n\n" SIGN "AAAAAAA=\n"},
    };
    char origin[CHECKPOINT_ORIGIN_MAX];
    struct tree_head head;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_code_of(rows[i].label, checkpoint_read(span_text(rows[i].text), origin, &head),
                       ERR_CORRUPT);
    }
    assert_ok(
        checkpoint_read(span_text("log\n0\n" ROOT "\next\n\n" SIGN "AAAAAAA=\n"), origin, &head));
    assert_int_equal(head.size, 0);
    CLEANUP(buf_clear) struct buf large = {0};
    for (size_t i = 0; i <= CHECKPOINT_MAX; i++) {
        assert_ok(buf_append_text(&large, "x"));
    }
    assert_code(checkpoint_read(buf_span(&large), origin, &head), ERR_CORRUPT);
}

static void signatures_of_others_do_not_count(void **state)
{
    (void)state;
    struct signer ours;
    struct signer theirs;
    struct signer same_name;
    signer_make(&ours, NAME, "ED25519");
    signer_make(&theirs, "example.com/other", "P-256");
    signer_make(&same_name, NAME, "ED25519");
    struct tree_head head = some_head();
    CLEANUP(buf_clear) struct buf note = {0};
    CLEANUP(buf_clear) struct buf other = {0};
    CLEANUP(checkpoint_verifier_clear) struct checkpoint_verifier verifier = {0};
    CLEANUP(checkpoint_verifier_clear) struct checkpoint_verifier stranger = {0};
    CLEANUP(checkpoint_verifier_clear) struct checkpoint_verifier twin = {0};
    signer_verifier(&ours, &verifier);
    signer_verifier(&theirs, &stranger);
    signer_verifier(&same_name, &twin);
    signer_note(&ours, &head, &note);
    assert_code(checkpoint_open(buf_span(&note), &stranger, &head), ERR_FORBIDDEN);
    assert_code(checkpoint_open(buf_span(&note), &twin, &head), ERR_FORBIDDEN);
    /* a line of theirs on our note is skipped by us; for them, the log is another one */
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(buf_clear) struct buf signature = {0};
    assert_ok(checkpoint_body(NAME, &head, &body));
    signer_sign(&theirs, buf_span(&body), &signature);
    assert_ok(checkpoint_note(&theirs.as, &head, buf_span(&signature), &other));
    const uint8_t *line = memmem(other.data, other.len, "\n\n", 2);
    assert_ok(buf_append(&note, span_of(line + 2, other.len - (size_t)(line + 2 - other.data))));
    assert_ok(checkpoint_open(buf_span(&note), &verifier, &head));
    assert_code(checkpoint_open(buf_span(&note), &stranger, &head), ERR_FORBIDDEN);
    signer_clear(&ours);
    signer_clear(&theirs);
    signer_clear(&same_name);
}

static void bad_keys_make_no_note(void **state)
{
    (void)state;
    struct signer curve;
    struct signer signer;
    signer_make(&curve, NAME, "P-384");
    signer_make(&signer, NAME, "P-256");
    struct tree_head head = some_head();
    uint8_t bytes[70] = {0};
    CLEANUP(buf_clear) struct buf out = {0};
    assert_code(checkpoint_note(&curve.as, &head, span_of(bytes, 64), &out), ERR_INVALID_FIELD);
    assert_code(checkpoint_key_text(&curve.as, &out), ERR_INVALID_FIELD);
    assert_code(checkpoint_note(&signer.as, &head, span_of(bytes, 70), &out), ERR_INVALID_FIELD);
    signer.as.name = "a+b";
    assert_code(checkpoint_note(&signer.as, &head, span_of(bytes, 64), &out), ERR_INVALID_FIELD);
    assert_code(checkpoint_body("", &head, &out), ERR_INVALID_FIELD);
    assert_int_equal(out.len, 0);
    signer_clear(&curve);
    signer_clear(&signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(ecdsa_signatures_may_come_raw),
        cmocka_unit_test(published_keys_are_read_and_written_alike),
        cmocka_unit_test(bad_keys_are_refused),
        cmocka_unit_test(bad_notes_are_refused),
        cmocka_unit_test(signatures_of_others_do_not_count),
        cmocka_unit_test(bad_keys_make_no_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
