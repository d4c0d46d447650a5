/* judge: believes the pinned root, its own files and its own clock, and nothing that the front
 * says.
 *
 * What was seen and spent is read and written under a lock on a file, not on a mutex: a front that
 * was taken over can start a second worker for the same token, and both would open once what may
 * be opened once. The lock keeps threads apart, too, and is held for a few file operations. What
 * cannot be read or written fails closed. */
#include "pkcs11/judge.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "base/banned.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "pkcs11/newest.h"
#include "pkcs11/spent.h"

static char *path_of(const struct worker_config *config, const char *what, const char *serial,
                     const char *end)
{
    char *path = mem_format("%s/%s-%s%s", config->latch_dir, what, serial, end);
    for (char *at = path + strlen(config->latch_dir) + 1; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && *at != '.' && *at != '-') {
            *at = '_';
        }
    }
    return path;
}

void judge_init(struct judge *judge, const struct worker_config *config, const char *serial)
{
    CLEANUP(buf_clear) struct buf root = {0};
    *judge = (struct judge){
        .floor = config->approval_floor,
        .newest_path = path_of(config, "rosters", serial, ".json"),
        .spent_path = path_of(config, "spent", serial, ".json"),
        .lock_path = path_of(config, "quorum", serial, ".lock"),
    };
    judge->pinned = config->roster_root != NULL &&
                    hex_decode(span_text(config->roster_root), &root).code == ERR_OK &&
                    root.len == SHA256_LEN;
    if (judge->pinned) {
        memcpy(judge->root, root.data, SHA256_LEN);
    }
}

void judge_clear(struct judge *judge)
{
    mem_free(judge->newest_path);
    mem_free(judge->spent_path);
    mem_free(judge->lock_path);
    *judge = (struct judge){0};
}

bool judge_demands(const struct judge *judge, struct span cka_id)
{
    return judge->floor > 0 || approval_m_of(cka_id) > 0;
}

void judged_clear(struct judged *judged)
{
    bundle_verdict_clear(&judged->verdict);
    bundle_clear(&judged->bundle);
}

/* Until the descriptor is closed. */
static struct err lock(const struct judge *judge, int *out_fd)
{
    CLEANUP(fd_close)
    int fd = open(judge->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    ENSURE(fd >= 0, ERR_IO, "the worker's memory cannot be locked: %s", strerrordesc_np(errno));
    int locked = -1;
    do {
        locked = flock(fd, LOCK_EX);
    } while (locked != 0 && errno == EINTR);
    ENSURE(locked == 0, ERR_IO, "the worker's memory cannot be locked: %s", strerrordesc_np(errno));
    *out_fd = fd_take(&fd);
    return err_ok();
}

static struct err keep_newest(const struct judge *judge, const struct roster_chain *chain)
{
    CLEANUP(fd_close) int held = -1;
    TRY(lock(judge, &held));
    return newest_keep(judge->newest_path, chain);
}

/* The same code for whatever is wrong with a bundle: it proves nothing. */
static struct err proves(struct err err)
{
    ENSURE(err.code == ERR_OK, ERR_APPROVAL_REQUIRED, "%s", err.detail);
    return err_ok();
}

static struct err read_bundle(const struct judge *judge, struct span bytes, struct bundle_read *out)
{
    ENSURE(judge->pinned, ERR_INVALID_STATE, "the token's worker pins no roster");
    ENSURE(bytes.len > 0, ERR_APPROVAL_REQUIRED, "this needs the approval of a quorum");
    return proves(bundle_parse(bytes, out));
}

struct err judge_bundle(const struct judge *judge, struct span bundle, int64_t now_ms,
                        struct judged *out)
{
    TRY(read_bundle(judge, bundle, &out->bundle));
    TRY(proves(bundle_judge(&out->bundle.is, judge->root, now_ms, &out->verdict)));
    return keep_newest(judge, out->verdict.chain);
}

struct err judge_rosters(const struct judge *judge, struct span bundle)
{
    CLEANUP(bundle_clear) struct bundle_read shown = {0};
    CLEANUP(roster_chain_free_at) struct roster_chain *chain = NULL;
    TRY(read_bundle(judge, bundle, &shown));
    TRY(proves(roster_chain_open(shown.is.rosters, shown.is.roster_count, judge->root, &chain)));
    return keep_newest(judge, chain);
}

struct err judge_rule(const struct judge *judge, const struct judged *judged, struct span cka_id)
{
    const struct quorum_rule *rule = &judged->verdict.statement.is.rule;
    uint32_t own = approval_m_of(cka_id);
    uint32_t least = own > QUORUM_M_MIN ? own : QUORUM_M_MIN;
    least = judge->floor > least ? judge->floor : least;
    ENSURE(rule->m >= least, ERR_APPROVAL_REQUIRED,
           "the statement asks for %u approvals, but the token demands %u", rule->m, least);
    if (own > 0) {
        ENSURE(approval_group_is(cka_id, rule->group), ERR_APPROVAL_REQUIRED,
               "the statement asks another group than the one that the key is bound to");
        return err_ok();
    }
    const struct roster *newest = roster_chain_newest(judged->verdict.chain);
    ENSURE(span_equal(rule->group, newest->authority), ERR_APPROVAL_REQUIRED,
           "the key is bound to no group, so the authority over the roster must be asked");
    return err_ok();
}

struct err judge_spend(const struct judge *judge, const struct judged *judged, int64_t now_ms)
{
    uint8_t digest[SHA256_LEN];
    CLEANUP(fd_close) int held = -1;
    statement_digest(judged->bundle.is.statement, digest);
    TRY(lock(judge, &held));
    return spent_note(judge->spent_path, digest, judged->verdict.statement.is.expires_at, now_ms);
}

static enum frame_class class_of(enum err_code code)
{
    switch ((int)code) {
    case ERR_CONFLICT:
        return FRAME_SPENT;
    case ERR_INVALID_CIPHERTEXT:
        return FRAME_CALLER_DATA;
    case ERR_INVALID_STATE:
        return FRAME_UNPINNED;
    case ERR_APPROVAL_REQUIRED:
    case ERR_IO:
    case ERR_CORRUPT:
        return FRAME_UNAPPROVED;
    default:
        return FRAME_OUR_MISTAKE;
    }
}

/* Names and texts of statements may stand in it, so it is made printable here. */
static struct err put_reason(const char *detail, struct buf *results, struct span *out)
{
    uint8_t *place = NULL;
    size_t len = strlen(detail);
    TRY(buf_extend(results, len, &place));
    for (size_t i = 0; i < len; i++) {
        place[i] = detail[i] >= ' ' && detail[i] <= '~' ? (uint8_t)detail[i] : '?';
    }
    *out = span_of(place, len);
    return err_ok();
}

struct ckr_verdict judge_refusal(struct err err, struct frame_item *reply, struct buf *results)
{
    enum frame_class class = class_of(err.code);
    if (err.code != ERR_APPROVAL_REQUIRED && class != FRAME_CALLER_DATA && class != FRAME_SPENT) {
        log_error("judge", "%s", err.detail);
    }
    buf_reset(results);
    *reply = (struct frame_item){0};
    if (class == FRAME_UNAPPROVED &&
        put_reason(err.detail, results, &reply->input).code != ERR_OK) {
        return ckr_own(FRAME_OUR_MISTAKE);
    }
    return ckr_own(class);
}
