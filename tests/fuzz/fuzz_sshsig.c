/* Signatures by ssh-keygen, bare or in their armour: what is valid for one key, namespace and
 * message is valid for no other, and armour comes off to one form. The seeds are signatures by the
 * keys below, whose private halves nobody has. */
#include <assert.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "quorum/quorum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* of OpenSSH's regress/unittests/sshsig/testdata, and two of ours */
static const char *const lines[] = {
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIJsaDYXQYruc6bilCYDI"
    "K4YSOeG+zmrRO2M9t03//7LHAAAABHNzaDo=",
    "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAI"
    "bmlzdHAyNTYAAABBBKDVa5jRcT5V7E6ysmwVi7HJWh7p5D+hebLPakQcpnD2ajJZ6G/4WzuhlYWnclWY63JspDp299"
    "Rlhq5AT86/g8AAAAAEc3NoOg==",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXpcZ6wrj7piIZZDqwA+rV+xAIXS93pd0VRieja+Ws2",
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBKP+Yb2kv/HZwVxcuIfj"
    "AioSgKpu9jDGrA2B/lJJhd0GUohBLPHaRcURIFmD1Q01HYk/croIylfQ+WctyvzK+3k=",
};

static struct voter_key keys[ARRAY_LEN(lines)];

/* Once: reading a key costs more than refusing a signature. */
static void read_keys(void)
{
    static struct buf bytes[ARRAY_LEN(lines)];
    for (size_t i = 0; bytes[i].len == 0; i = (i + 1) % ARRAY_LEN(lines)) {
        assert(voter_key_read(span_text(lines[i]), &bytes[i], &keys[i]).code == ERR_OK);
    }
}

static size_t count_valid(const char *name_space, const char *message, struct span blob)
{
    size_t valid = 0;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        valid += voter_key_verify(&keys[i], VOTE_SSHSIG, name_space, span_text(message), blob);
    }
    return valid;
}

static void check_blob(struct span blob)
{
    static const char message[] = "This is a test, this is only a test";
    size_t valid = count_valid("unittest", message, blob);
    assert(valid <= 1);
    if (valid == 0) {
        return;
    }
    assert(span_starts(blob, "SSHSIG"));
    assert(count_valid("hsmgate-vote", message, blob) == 0);
    assert(count_valid("unittest", "another", blob) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_clear) struct buf blob = {0};
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(buf_clear) struct buf again = {0};
    read_keys();
    check_blob(span_of(data, size));
    struct err err = vote_signature_read(VOTE_SSHSIG, span_of(data, size), &blob);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_INVALID_FIELD && blob.len == 0);
        return 0;
    }
    check_blob(buf_span(&blob));
    assert(base64_encode(buf_span(&blob), &text).code == ERR_OK);
    assert(vote_signature_read(VOTE_SSHSIG, buf_span(&text), &again).code == ERR_OK);
    assert(span_equal(buf_span(&blob), buf_span(&again)));
    return 0;
}
