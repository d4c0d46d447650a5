/* The root roster of a development instance: three voters, whose keys lie beside it, and the group
 * `officers`, of which two must agree. Made once; its digest is what both configurations pin. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/mem.h"
#include "gateway/dev_inner.h"
#include "quorum/quorum.h"

#define VOTERS    DEV_VOTERS
#define OFFICERS  "officers"
#define NEEDED    2
#define KEY_MAX   ((size_t)4096)
#define PROOF_LEN ((size_t)64) /* Ed25519 */

static void free_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void free_bio(BIO **bio)
{
    (void)BIO_free(*bio);
}

static void free_digest(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static struct err read_key(const char *path, EVP_PKEY **out)
{
    CLEANUP(buf_clear) struct buf pem = {.max = KEY_MAX};
    TRY(file_read(path, &pem));
    CLEANUP(free_bio) BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    *out = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    ENSURE(*out != NULL && EVP_PKEY_is_a(*out, "ED25519"), ERR_CONFIG,
           "%s is not an Ed25519 key: remove the folder, or use another", path);
    return err_ok();
}

static struct err write_spki(EVP_PKEY *key, struct buf *out)
{
    int len = i2d_PUBKEY(key, NULL);
    uint8_t *place = NULL;
    ENSURE(len > 0, ERR_INTERNAL, "cannot write a voter's public key");
    TRY(buf_extend(out, (size_t)len, &place));
    ENSURE(i2d_PUBKEY(key, &place) == len, ERR_INTERNAL, "cannot write a voter's public key");
    return err_ok();
}

static struct err sign(EVP_PKEY *key, struct span message, struct buf *out)
{
    CLEANUP(free_digest) EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t *place = NULL;
    size_t len = PROOF_LEN;
    TRY(buf_extend(out, len, &place));
    ENSURE(context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
               EVP_DigestSign(context, place, &len, message.data, message.len) == 1 &&
               len == PROOF_LEN,
           ERR_INTERNAL, "cannot sign with a voter's key");
    return err_ok();
}

/* One voter, and the bytes that its key borrows. */
struct dev_voter {
    char id[24];
    char name[24];
    struct buf spki;
    struct buf proof;
};

static struct err read_voter(const char *folder, int number, struct dev_voter *voter,
                             struct roster_person *out)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/voters/voter-%d.pem", folder, number);
    CLEANUP(free_key) EVP_PKEY *key = NULL;
    CLEANUP(buf_clear) struct buf message = {0};
    (void)snprintf(voter->id, sizeof(voter->id), "voter-%d", number);
    (void)snprintf(voter->name, sizeof(voter->name), "Voter %d", number);
    TRY(read_key(path, &key));
    TRY(write_spki(key, &voter->spki));
    *out = (struct roster_person){
        .id = span_text(voter->id), .name = span_text(voter->name), .key_count = 1};
    out->keys[0] = (struct voter_key){
        .kind = VOTER_KEY_ED25519, .spki = buf_span(&voter->spki), .proof_format = VOTE_RAW};
    TRY(voter_key_message(out->id, &out->keys[0], &message));
    TRY(sign(key, buf_span(&message), &voter->proof));
    out->keys[0].proof = buf_span(&voter->proof);
    return err_ok();
}

static struct err write_roster(const char *folder, struct dev_voter voters[VOTERS],
                               struct roster_person people[VOTERS], struct buf *out)
{
    struct span members[VOTERS];
    CLEANUP(mem_free_at) struct roster_group *officers = mem_alloc(sizeof(*officers));
    for (int i = 0; i < VOTERS; i++) {
        TRY(read_voter(folder, i + 1, &voters[i], &people[i]));
        members[i] = people[i].id;
    }
    officers->id = span_text(OFFICERS);
    officers->m = NEEDED;
    officers->members = members;
    officers->member_count = VOTERS;
    const struct roster roster = {.number = 1,
                                  .created_at = clock_wall_ms() / 1000 * 1000,
                                  .authority = span_text(OFFICERS),
                                  .people = people,
                                  .person_count = VOTERS,
                                  .groups = officers,
                                  .group_count = 1};
    return roster_write(&roster, out);
}

static struct err make_roster(const char *folder, const char *path)
{
    struct dev_voter voters[VOTERS] = {0};
    CLEANUP(mem_free_at)
    struct roster_person *people = mem_array(VOTERS, sizeof(struct roster_person));
    CLEANUP(buf_clear) struct buf bytes = {.max = ROSTER_MAX};
    struct err err = write_roster(folder, voters, people, &bytes);
    for (int i = 0; i < VOTERS; i++) {
        buf_clear(&voters[i].spki);
        buf_clear(&voters[i].proof);
    }
    TRY(err);
    return file_write(path, buf_span(&bytes), 0600);
}

struct err dev_roster_file(const char *folder, const char *path, struct buf *out_digest)
{
    CLEANUP(buf_clear) struct buf bytes = {.max = ROSTER_MAX};
    uint8_t digest[SHA256_LEN];
    if (access(path, F_OK) != 0) {
        TRY(make_roster(folder, path));
    }
    TRY(file_read(path, &bytes));
    roster_digest(buf_span(&bytes), digest);
    return hex_encode(span_of(digest, sizeof(digest)), out_digest);
}
