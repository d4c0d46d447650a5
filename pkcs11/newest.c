/* newest: number and digest of one roster in a file.
 *
 * A chain that follows from the pinned root proves that its rosters were once good, not that none
 * came after: whoever keeps the chain could show it without its last links, and people who were
 * removed would count again. So a roster that was believed once is written down before anything
 * follows from it, and a chain without it is never believed again. A file that is there but cannot
 * be read means that no chain is. */
#include "pkcs11/newest.h"

#include <inttypes.h>
#include <string.h>

#include "base/banned.h"
#include "base/file.h"
#include "base/mem.h"

#define FILE_MAX 1024
#define FORMAT   1

struct newest {
    uint64_t number; /* 0: none was seen yet */
    uint8_t digest[SHA256_LEN];
};

static struct err read_json(struct span text, struct newest *out)
{
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(buf_clear) struct buf digest = {0};
    int64_t format = 0;
    int64_t number = 0;
    TRY(json_parse(text, &json));
    const struct json_field fields[] = {
        {.name = "format", .kind = JSON_INTEGER, .need = JSON_REQUIRED, .out = &format},
        {.name = "number", .kind = JSON_INTEGER, .need = JSON_REQUIRED, .out = &number},
        {.name = "digest", .kind = JSON_BYTES, .need = JSON_REQUIRED, .out = &digest},
    };
    TRY(json_read(json.root, fields, ARRAY_LEN(fields)));
    ENSURE(format == FORMAT && number >= 1 && digest.len == SHA256_LEN, ERR_CORRUPT,
           "unknown format");
    out->number = (uint64_t)number;
    memcpy(out->digest, digest.data, SHA256_LEN);
    return err_ok();
}

static struct err read_file(const char *path, struct newest *out)
{
    CLEANUP(buf_clear) struct buf text = {.max = FILE_MAX};
    struct err err = file_read(path, &text);
    if (err.code == ERR_NOT_FOUND) {
        return err_ok();
    }
    err = err.code == ERR_OK ? read_json(buf_span(&text), out) : err;
    ENSURE(err.code == ERR_OK, ERR_CORRUPT, "the worker cannot read which roster it saw last: %s",
           err.detail);
    return err_ok();
}

static struct err write_file(const char *path, const struct roster *roster)
{
    CLEANUP(buf_clear) struct buf text = {.max = FILE_MAX};
    struct json_writer writer = json_writer_on(&text);
    json_begin_object(&writer, NULL);
    json_put_integer(&writer, "format", FORMAT);
    json_put_integer(&writer, "number", (int64_t)roster->number);
    json_put_bytes(&writer, "digest", span_of(roster->digest, SHA256_LEN));
    json_end_object(&writer);
    TRY(json_finish(&writer));
    struct err err = file_write(path, buf_span(&text), 0600);
    ENSURE(err.code == ERR_OK, ERR_IO, "the worker cannot keep the newest roster: %s", err.detail);
    return err_ok();
}

struct err newest_keep(const char *path, const struct roster_chain *chain)
{
    struct newest seen = {0};
    const struct roster *last = roster_chain_newest(chain);
    TRY(read_file(path, &seen));
    ENSURE(last->number >= seen.number, ERR_APPROVAL_REQUIRED,
           "rolled back: the newest roster shown is number %" PRIu64
           ", but the token has seen number %" PRIu64,
           last->number, seen.number);
    if (seen.number > 0) {
        const struct roster *same = roster_chain_number(chain, seen.number);
        ENSURE(same != NULL &&
                   span_equal(span_of(same->digest, SHA256_LEN), span_of(seen.digest, SHA256_LEN)),
               ERR_APPROVAL_REQUIRED,
               "forked: roster number %" PRIu64 " is not the one that the token has seen",
               seen.number);
    }
    return last->number > seen.number ? write_file(path, last) : err_ok();
}
