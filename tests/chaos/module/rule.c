/* rule: faults, one per call.
 *
 * A rule without `done` takes the call's place, so that an operation that was begun stays active,
 * as it does in a module that fails on the way to its device. A crash is a real one: the handlers
 * of a sanitizer are taken away first, because it is not their finding. */
#include "tests/chaos/module/rule.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/chaos/module/watch.h"
#include "tests/chaos/module/world.h"

#define LOOK_US   2000
#define EXIT_CODE 3

static bool hits(struct board_rule *rule, const char *name)
{
    if (atomic_load(&rule->active) == 0 ||
        (rule->incarnation != 0 && rule->incarnation != board_incarnation()) ||
        (strcmp(rule->function, "*") != 0 && strcmp(rule->function, name) != 0)) {
        return false;
    }
    uint32_t seen = atomic_fetch_add(&rule->seen, 1);
    bool hit = seen >= rule->skip && (rule->times == 0 || seen - rule->skip < rule->times);
    if (hit) {
        atomic_fetch_add(&rule->fired, 1);
    }
    return hit;
}

struct board_rule *rule_for(enum function function)
{
    atomic_fetch_add(&board()->functions[function].calls, 1);
    for (unsigned i = 0; i < BOARD_RULES; i++) {
        struct board_rule *rule = &board()->rules[i];
        if (hits(rule, function_info[function].name)) {
            return rule;
        }
    }
    return NULL;
}

static void pause_us(uint64_t us)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(us / 1000000);
    until.tv_nsec += (long)(us % 1000000) * 1000;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0) {
    }
}

static void delay(const struct board_rule *rule)
{
    bool slow = rule->every > 0 && atomic_load(&rule->fired) % rule->every == 0;
    pause_us(slow ? rule->other : rule->value);
}

static void hang(const struct board_rule *rule)
{
    while (atomic_load(&rule->active) != 0) {
        pause_us(LOOK_US);
    }
}

static void __attribute__((noreturn)) crash(const struct board_rule *rule)
{
    if (rule->value != 0) {
        (void)signal((int)rule->value, SIG_DFL);
        (void)raise((int)rule->value);
    }
    _exit(EXIT_CODE);
}

/* The codes of a device that is not there; its list of slots is empty, see forward.c. */
static bool removed(enum function function, CK_RV *out)
{
    static const CK_RV codes[] = {
        [OF_SLOT] = CKR_TOKEN_NOT_PRESENT, [OF_SESSION] = CKR_DEVICE_REMOVED};
    world_remove();
    *out = codes[function_info[function].subject];
    return *out != CKR_OK;
}

static bool full(const struct board_rule *rule, CK_RV *out)
{
    *out = CKR_SESSION_COUNT;
    return watch_open_sessions() >= rule->value;
}

bool rule_before(struct board_rule *rule, enum function function, CK_RV *out)
{
    switch ((enum board_action)rule->action) {
    case BOARD_CKR:
        *out = rule->value;
        return rule->done == 0;
    case BOARD_DELAY:
        delay(rule);
        return false;
    case BOARD_HANG:
        hang(rule);
        return false;
    case BOARD_CRASH:
        if (rule->done == 0) {
            crash(rule);
        }
        return false;
    case BOARD_RENUMBER:
        world_renumber();
        return false;
    case BOARD_LOSE_LOGIN:
        world_log_out();
        return false;
    case BOARD_LOSE_SESSIONS:
        world_close_sessions();
        return false;
    case BOARD_REMOVE:
        return removed(function, out);
    case BOARD_LIMIT:
        return full(rule, out);
    case BOARD_SHORTER:
    case BOARD_LONGER:
    case BOARD_FILL:
    case BOARD_FLIP:
    case BOARD_REPEAT:
    case BOARD_SWAP:
    case BOARD_FLAGS:
        return false;
    }
    return false;
}

/* The first output is kept; two threads that both think theirs is the first do no harm. */
static void repeat(struct board_rule *rule, CK_BYTE *out, CK_ULONG len)
{
    if (atomic_load(&rule->kept_len) == len) {
        memcpy(out, rule->kept, len);
    } else if (atomic_load(&rule->kept_len) == 0 && len <= BOARD_KEPT_MAX) {
        memcpy(rule->kept, out, len);
        atomic_store(&rule->kept_len, (uint32_t)len);
    }
}

static void damage(struct board_rule *rule, CK_BYTE *out, CK_ULONG *len)
{
    switch (rule->action) {
    case BOARD_SHORTER:
        *len -= rule->value < *len ? rule->value : *len;
        break;
    case BOARD_LONGER:
        *len += rule->value;
        break;
    case BOARD_FILL:
        memset(out, (int)rule->value, *len);
        break;
    case BOARD_FLIP:
        out[*len / 2] ^= 1;
        break;
    case BOARD_REPEAT:
        repeat(rule, out, *len);
        break;
    default:
        break;
    }
}

CK_RV rule_after(struct board_rule *rule, CK_RV ckr, CK_BYTE *out, CK_ULONG *len)
{
    if (rule->action == BOARD_CRASH && rule->done != 0) {
        crash(rule);
    }
    if (rule->action == BOARD_CKR && rule->done != 0) {
        return rule->value;
    }
    if (ckr == CKR_OK && out != NULL && *len > 0) {
        damage(rule, out, len);
    }
    return ckr;
}
