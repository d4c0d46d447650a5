/* `hsmgate voter keygen` and `register`: how a person comes to have a key that votes. The private
 * half never leaves the person; what is sent around is the registration, with its proof. */
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/command.h"
#include "cli/human.h"
#include "cli/new_file.h"
#include "cli/output.h"
#include "cli/pem_key.h"
#include "cli/signing_key.h"
#include "cli/voter_file.h"

static struct err person_of(const struct options *options, struct roster_person *out)
{
    const char *id = options->values[OPTION_ID];
    const char *name = options->values[OPTION_NAME];
    ENSURE(options->principals.count <= QUORUM_PRINCIPALS_MAX, ERR_INVALID_FIELD,
           "a person is at most %d principals", QUORUM_PRINCIPALS_MAX);
    TRY(quorum_check_id(span_text(id)));
    *out = (struct roster_person){.id = span_text(id),
                                  .name = span_text(name != NULL ? name : id),
                                  .principal_count = options->principals.count,
                                  .key_count = 1};
    for (size_t i = 0; i < out->principal_count; i++) {
        out->principals[i] = span_text(options->principals.values[i]);
    }
    return err_ok();
}

/* What registering a key makes besides the file. */
struct registered {
    struct buf spki;
    struct buf proof;
    struct roster_person person;
};

static void registered_clear(struct registered *registered)
{
    buf_clear(&registered->spki);
    buf_clear(&registered->proof);
}

static struct err prove(struct signing_key *signer, struct registered *out)
{
    struct voter_key *key = &out->person.keys[0];
    CLEANUP(buf_clear) struct buf message = {0};
    TRY(signing_key_public(signer, &out->spki, key));
    TRY(voter_key_message(out->person.id, key, &message));
    TRY(signing_key_sign(signer, SIGNING_PROOF, buf_span(&message), &out->proof));
    key->proof = buf_span(&out->proof);
    key->proof_format = signing_key_format(signer);
    ENSURE(voter_key_verify(key, key->proof_format, SIGNING_PROOF, buf_span(&message), key->proof),
           ERR_INVALID_FIELD, "what was signed is not of this public key: is it of another pair?");
    return err_ok();
}

static struct err print_json(const struct registered *made, const char *path)
{
    char fingerprint[VOTER_FINGERPRINT_LEN];
    CLEANUP(buf_clear) struct buf text = {0};
    struct json_writer writer = json_writer_on(&text);
    voter_fingerprint(&made->person.keys[0], fingerprint);
    json_begin_object(&writer, NULL);
    json_put_span(&writer, "id", made->person.id);
    json_put_text(&writer, "kind", voter_key_kind_name(made->person.keys[0].kind));
    json_put_text(&writer, "registration", path);
    json_put_text(&writer, "fingerprint", fingerprint);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return output_stdout_line(buf_span(&text));
}

static void print_words(const struct registered *made, const char *path)
{
    char fingerprint[VOTER_FINGERPRINT_LEN];
    char large[HUMAN_DIGEST_MAX];
    voter_fingerprint(&made->person.keys[0], fingerprint);
    human_digest(fingerprint, large);
    printf("%s: the registration of %.*s (%s). Send it to whoever keeps the roster\n"
           "(hsmgate roster draft --add %s), and read this out to them by another way:\n\n%s\n",
           path, (int)made->person.id.len, (const char *)made->person.id.data,
           voter_key_kind_name(made->person.keys[0].kind), path, large);
}

static struct err register_key(const struct options *options, struct signing_key *signer,
                               const char *path)
{
    CLEANUP(registered_clear) struct registered made = {0};
    CLEANUP(buf_clear) struct buf text = {0};
    TRY(person_of(options, &made.person));
    TRY(prove(signer, &made));
    TRY(voter_file_write(&made.person, &text));
    TRY(new_file_write(path, buf_span(&text)));
    if (options_has(options, OPTION_JSON)) {
        return print_json(&made, path);
    }
    print_words(&made, path);
    return err_ok();
}

struct err voter_keygen(struct client *client, const struct options *options, int *out_exit)
{
    (void)client;
    (void)out_exit;
    const char *path = options->values[OPTION_OUT];
    CLEANUP(mem_free_at) char *registration = mem_format("%s" VOTER_FILE_SUFFIX, path);
    struct roster_person checked;
    TRY(person_of(options, &checked));
    ENSURE(access(registration, F_OK) != 0, ERR_CONFLICT, "%s is there already", registration);
    TRY(pem_key_make(path));
    if (!options_has(options, OPTION_JSON)) {
        printf("%s: your private key. Nobody else gets it, and there is no copy of it.\n", path);
    }
    CLEANUP(signing_key_clear) struct signing_key signer = {.pem = path};
    return register_key(options, &signer, registration);
}

struct err voter_register(struct client *client, const struct options *options, int *out_exit)
{
    (void)client;
    CLEANUP(signing_key_clear) struct signing_key signer = {0};
    if (!signing_key_choose(options, out_exit, &signer)) {
        return err_ok();
    }
    const char *out = options->values[OPTION_OUT];
    CLEANUP(mem_free_at)
    char *path = out != NULL ? mem_text(out)
                             : mem_format("%s" VOTER_FILE_SUFFIX,
                                          signer.pem != NULL ? signer.pem : signer.ssh);
    return register_key(options, &signer, path);
}
