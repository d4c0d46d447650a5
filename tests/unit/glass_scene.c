#include "tests/unit/glass_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/mem.h"

struct scene scene;

void locked_clear(struct locked *locked)
{
    buf_clear(&locked->blob);
}

void scene_ok(struct err err)
{
    assert_string_equal(err.detail, "");
    assert_int_equal(err.code, ERR_OK);
}

/* --- the scene --- */

void scene_output_of(const char *command, struct buf *out)
{
    uint8_t chunk[256];
    FILE *pipe = popen(command, "re"); /* NOLINT(cert-env33-c): a test's own command */
    assert_non_null(pipe);
    for (size_t got = 1; got > 0;) {
        got = fread(chunk, 1, sizeof(chunk), pipe);
        scene_ok(buf_append(out, span_of(chunk, got)));
    }
    assert_int_equal(pclose(pipe), 0);
}

static void make_recipient(void)
{
    const char *folder = scene.softhsm.folder;
    CLEANUP(mem_free_at)
    char *command = mem_format("jose jwk gen -i '{\"kty\":\"EC\",\"crv\":\"P-256\"}' -o %s/key && "
                               "jose jwk pub -i %s/key",
                               folder, folder);
    scene_output_of(command, &scene.jwk_text);
    scene_ok(json_parse(buf_span(&scene.jwk_text), &scene.jwk));
    scene_ok(recipient_read(scene.jwk.root, &scene.recipient));
}

bool scene_unseals(struct span jwe, const char *plaintext)
{
    CLEANUP(buf_clear) struct buf out = {0};
    const char *folder = scene.softhsm.folder;
    CLEANUP(mem_free_at) char *path = mem_format("%s/jwe", folder);
    CLEANUP(mem_free_at)
    char *command = mem_format("jose jwe dec -i %s/jwe -k %s/key", folder, folder);
    scene_ok(file_write(path, jwe, 0600));
    scene_output_of(command, &out);
    return span_is(buf_span(&out), plaintext);
}

struct token *scene_open_token(void)
{
    struct token *token = NULL;
    const struct token_config config = {.name = "unit",
                                        .worker_path = HSMGATE_TOKEN_PATH,
                                        .worker_config = scene.softhsm.config,
                                        .channels = 2,
                                        .operation_ms = 20000};
    scene_ok(token_open(&config, &token));
    scene_ok(token_wait_ready(token, SOON));
    return token;
}

void scene_restart(void)
{
    token_close(scene.token);
    scene.token = scene_open_token();
}

/* The lines that pin the first roster, and more. */
void scene_configure(const char *extra)
{
    CLEANUP(buf_clear) struct buf hex = {0};
    scene_ok(hex_encode(span_of(scene.glass.chain[0].digest, SHA256_LEN), &hex));
    CLEANUP(mem_free_at)
    char *lines =
        mem_format("roster_root: \"%.*s\"\n%s", (int)hex.len, (const char *)hex.data, extra);
    softhsm_write_config(&scene.softhsm, lines);
}

int scene_start(void **state)
{
    (void)state;
    scene = (struct scene){0};
    glass_make(&scene.glass);
    glass_add_roster(&scene.glass, "root");
    softhsm_make(&scene.softhsm, "");
    scene_configure("");
    make_recipient();
    scene.token = scene_open_token();
    return 0;
}

int scene_stop(void **state)
{
    (void)state;
    token_close(scene.token);
    softhsm_remove(&scene.softhsm);
    glass_clear(&scene.glass);
    json_clear(&scene.jwk);
    buf_clear(&scene.jwk_text);
    (void)unsetenv("HSMGATE_FAILPOINTS");
    return 0;
}

void scene_generate(enum algorithm algorithm, enum purpose purpose, uint8_t m,
                    struct token_key *out, struct buf *public_key)
{
    uint8_t random[UUID_LEN];
    random_bytes(random, sizeof(random));
    *out = (struct token_key){
        .algorithm = algorithm, .purpose = purpose, .cka_id_len = APPROVAL_CKA_ID_LEN};
    approval_cka_id(span_text("keepers"), m, random, out->cka_id);
    scene_ok(token_generate(scene.token, out, GLASS_KEY "@3", SOON, public_key));
}

static void item_clear(struct token_item *item)
{
    buf_clear(&item->output);
    buf_clear(&item->extra);
    buf_clear(&item->plaintext);
}

void scene_lock_up(uint8_t m, enum envelope_type type, struct locked *out)
{
    CLEANUP(buf_clear) struct buf none = {0};
    CLEANUP(buf_clear) struct buf aad = {0};
    *out = (struct locked){.id = uuid_make()};
    scene_generate(ALGORITHM_AES_256_GCM, PURPOSE_ENCRYPT, m, &out->key, &none);
    struct envelope envelope = {
        .type = type, .key = out->id, .version = GLASS_VERSION, .algorithm = ENVELOPE_AES_256_GCM};
    scene_ok(envelope_aad(&envelope, span_text(CONTEXT), &aad));
    CLEANUP(item_clear)
    struct token_item item = {.key = &out->key,
                              .mechanism = TOKEN_AES_GCM,
                              .aad = buf_span(&aad),
                              .input = span_text(SECRET)};
    scene_ok(token_run(scene.token, TOKEN_ENCRYPT, &item, 1, SOON));
    scene_ok(item.result);
    envelope.iv = buf_span(&item.extra);
    envelope.body = buf_span(&item.output);
    scene_ok(envelope_encode(&envelope, &out->blob));
}

/* --- asking --- */

void ask_clear(struct ask *ask)
{
    buf_clear(&ask->statement);
    buf_clear(&ask->bundle);
}

void locked_identify(struct statement *says, const struct locked *locked)
{
    const struct token_key *key = &locked->key;
    says->key = span_text(GLASS_KEY);
    says->key_id = locked->id;
    says->version = GLASS_VERSION;
    says->cka_id = span_of(key->cka_id, key->cka_id_len);
    says->identity = span_of(key->identity, key->identity_len);
}

void scene_digest(struct span bytes, uint8_t out[SHA256_LEN])
{
    digest_sha256_parts(&bytes, 1, out);
}

void ask_begin(struct ask *ask, const struct locked *locked)
{
    *ask = (struct ask){.voters = "01",
                        .rosters = scene.glass.rosters,
                        .glass = &scene.glass,
                        .key = locked->key,
                        .ciphertext = buf_span(&locked->blob),
                        .context = span_text(CONTEXT)};
    glass_begin_statement(&scene.glass, STATEMENT_OPEN, glass_now(), &ask->says);
    locked_identify(&ask->says, locked);
    scene_digest(ask->ciphertext, ask->says.ciphertext_sha256);
    scene_digest(ask->context, ask->says.context_sha256);
    ask->says.recipient = scene.recipient;
}

static size_t sign_all(struct ask *ask, struct span statement)
{
    size_t count = 0;
    for (const char *at = ask->voters; *at != '\0'; at++) {
        unsigned person = (unsigned)(*at - '0');
        bool denies = at[1] == 'd';
        struct vote *vote = &ask->votes[count];
        glass_sign(ask->glass, person, denies ? VOTE_DENY : VOTE_APPROVE, statement,
                   ask->says.created_at - (at[1] == 'e' ? HOUR_MS : 0), &ask->signatures[count],
                   vote);
        if (at[1] == 'f') {
            ask->signatures[count].signature[7] ^= 1;
        }
        if (ask->twisted) {
            vote->choice = vote->choice == VOTE_DENY ? VOTE_APPROVE : VOTE_DENY;
        }
        at += at[1] >= 'a' ? 1 : 0;
        count++;
    }
    return count;
}

void ask_bundle(struct ask *ask)
{
    CLEANUP(buf_clear) struct buf other = {0};
    scene_ok(statement_write(&ask->says, &ask->statement));
    struct statement says = ask->says;
    says.id = uuid_make();
    scene_ok(statement_write(&says, &other));
    struct span statement = buf_span(&ask->statement);
    size_t count = sign_all(ask, ask->another ? buf_span(&other) : statement);
    glass_bundle(ask->glass, statement, ask->votes, count, ask->rosters, &ask->bundle);
}

struct err ask_send(struct token *token, const struct ask *ask, struct buf *jwe)
{
    const struct token_opening opening = {.key = &ask->key,
                                          .bundle = buf_span(&ask->bundle),
                                          .ciphertext = ask->ciphertext,
                                          .context = ask->context};
    return token_open_sealed(token, &opening, SOON, jwe);
}

struct err ask_open(struct ask *ask, struct buf *jwe)
{
    ask_bundle(ask);
    return ask_send(scene.token, ask, jwe);
}

void scene_expect(struct err err, enum err_code code, const char *says)
{
    if (err.code != code || strstr(err.detail, says) == NULL) {
        fail_msg("'%s': %s: %s", says, err_word(err.code), err.detail);
    }
}

/* The same bundle again does not open. */
void ask_expect_spent(const struct ask *ask)
{
    CLEANUP(buf_clear) struct buf jwe = {0};
    scene_expect(ask_send(scene.token, ask, &jwe), ERR_CONFLICT, "used before");
    assert_int_equal(jwe.len, 0);
}

void locked_expect_opens(const struct locked *locked)
{
    CLEANUP(ask_clear) struct ask ask;
    CLEANUP(buf_clear) struct buf jwe = {0};
    ask_begin(&ask, locked);
    scene_ok(ask_open(&ask, &jwe));
    assert_true(scene_unseals(buf_span(&jwe), SECRET));
}

struct err locked_decrypt_plainly(const struct locked *locked)
{
    struct envelope envelope;
    CLEANUP(buf_clear) struct buf aad = {0};
    scene_ok(envelope_decode(buf_span(&locked->blob), &envelope));
    scene_ok(envelope_aad(&envelope, span_text(CONTEXT), &aad));
    CLEANUP(item_clear)
    struct token_item item = {.key = &locked->key,
                              .mechanism = TOKEN_AES_GCM,
                              .aad = buf_span(&aad),
                              .iv = envelope.iv,
                              .input = envelope.body};
    scene_ok(token_run(scene.token, TOKEN_DECRYPT, &item, 1, SOON));
    return item.result;
}
