/* What the file says about its rosters (numbers, digests) is not believed: roster_chain_open finds
 * that out of the bytes. */
#include "cli/chain_file.h"

#include "base/encoding.h"
#include "base/mem.h"
#include "cli/input.h"
#include "cli/output.h"

#define CHAIN_TEXT_MAX ((size_t)16 << 20)

struct chain_entry {
    struct buf roster;
    struct buf statement;
    struct vote *votes;
    struct buf *signatures;
    size_t vote_count;
};

static void entry_clear(struct chain_entry *entry)
{
    for (size_t i = 0; i < entry->vote_count; i++) {
        buf_clear(&entry->signatures[i]);
    }
    mem_free(entry->signatures);
    mem_free(entry->votes);
    buf_clear(&entry->roster);
    buf_clear(&entry->statement);
}

void chain_file_clear(struct chain_file *file)
{
    roster_chain_free(file->chain);
    for (size_t i = 0; i < file->count; i++) {
        entry_clear(&file->entries[i]);
    }
    mem_free(file->entries);
    mem_free(file->links);
    json_clear(&file->json);
    buf_clear(&file->text);
    *file = (struct chain_file){0};
}

static struct err read_entry(const struct json_value *object, struct chain_entry *out)
{
    const struct json_value *votes = json_member(object, "votes");
    const size_t count = json_count(votes);
    ENSURE(count <= QUORUM_VOTES_MAX, ERR_TOO_LARGE, "a roster has more than %d votes",
           QUORUM_VOTES_MAX);
    TRY(base64_decode(member_text(object, "roster"), &out->roster));
    TRY(base64_decode(member_text(object, "statement"), &out->statement));
    out->votes = mem_array(count, sizeof *out->votes);
    out->signatures = mem_array(count, sizeof *out->signatures);
    out->vote_count = count;
    size_t i = 0;
    for (const struct json_value *at = json_first(votes); at != NULL; at = json_next(at)) {
        TRY(vote_read(at, &out->signatures[i], &out->votes[i]));
        i++;
    }
    return err_ok();
}

static struct err read_entries(struct chain_file *file)
{
    const struct json_value *chain = json_member(file->json.root, "chain");
    const size_t count = json_count(chain);
    ENSURE(chain != NULL, ERR_INVALID_FIELD, "there is no chain of rosters in it");
    ENSURE(count > 0, ERR_NOT_FOUND,
           "there is no roster yet: hsmgate roster draft --out FILE --add … makes the first one");
    ENSURE(count <= QUORUM_CHAIN_MAX, ERR_TOO_LARGE, "the chain has more than %d rosters",
           QUORUM_CHAIN_MAX);
    file->entries = mem_array(count, sizeof *file->entries);
    file->links = mem_array(count, sizeof *file->links);
    file->count = count;
    size_t i = 0;
    for (const struct json_value *at = json_first(chain); at != NULL; at = json_next(at)) {
        struct chain_entry *entry = &file->entries[i];
        TRY(read_entry(at, entry));
        file->links[i] = (struct roster_link){.roster = buf_span(&entry->roster),
                                              .statement = buf_span(&entry->statement),
                                              .votes = entry->votes,
                                              .vote_count = entry->vote_count};
        i++;
    }
    return err_ok();
}

struct err chain_file_digest(const char *hex, uint8_t out[SHA256_LEN])
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    const struct err err = hex_decode(span_text(hex), &bytes);
    ENSURE(err.code == ERR_OK && bytes.len == SHA256_LEN, ERR_INVALID_FIELD,
           "a digest has 64 hexadecimal digits, not '%.70s'", hex);
    memcpy(out, bytes.data, SHA256_LEN);
    return err_ok();
}

/* Of `file->text`. */
static struct err open_text(struct chain_file *file, const uint8_t *root)
{
    TRY(json_parse(buf_span(&file->text), &file->json));
    TRY(read_entries(file));
    if (root != NULL) {
        memcpy(file->root, root, SHA256_LEN);
    } else {
        TRY(chain_file_digest((const char *)member_text(file->json.root, "root").data, file->root));
    }
    return roster_chain_open(file->links, file->count, file->root, &file->chain);
}

static struct err give(struct chain_file *file, const uint8_t *root, struct chain_file *out)
{
    TRY(open_text(file, root));
    *out = *file;
    *file = (struct chain_file){0};
    return err_ok();
}

struct err chain_file_fetch(struct client *client, const uint8_t *root, struct chain_file *out)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(chain_file_clear) struct chain_file file = {0};
    TRY(client_call(client, "GET", "/v1/roster", (struct span){0}, &response));
    buf_move(&file.text, &response.body);
    return give(&file, root, out);
}

struct err chain_file_read(const char *path, const uint8_t *root, struct chain_file *out)
{
    CLEANUP(chain_file_clear) struct chain_file file = {0};
    TRY(input_read_named(path, CHAIN_TEXT_MAX, &file.text));
    const struct err err = give(&file, root, out);
    ENSURE(err.code == ERR_OK, err.code, "%s: %s", path, err.detail);
    return err_ok();
}

struct err chain_file_from(struct client *client, const char *path, const uint8_t *root,
                           struct chain_file *out)
{
    return path == NULL || strcmp(path, "current") == 0 ? chain_file_fetch(client, root, out)
                                                        : chain_file_read(path, root, out);
}

struct span chain_file_added_at(const struct chain_file *file, size_t index)
{
    const struct json_value *at = json_first(json_member(file->json.root, "chain"));
    for (; at != NULL && index > 0; index--) {
        at = json_next(at);
    }
    return member_text(at, "added_at");
}

static bool has_key(const struct roster_person *person, const struct voter_key *key)
{
    for (size_t i = 0; i < person->key_count; i++) {
        if (span_equal(person->keys[i].spki, key->spki)) {
            return true;
        }
    }
    return false;
}

const struct roster_person *chain_file_person(const struct chain_file *file,
                                              const struct voter_key *key)
{
    const struct roster *roster = roster_chain_newest(file->chain);
    for (size_t i = 0; i < roster->person_count; i++) {
        if (has_key(&roster->people[i], key)) {
            return &roster->people[i];
        }
    }
    return NULL;
}
