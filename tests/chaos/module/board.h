/* board: what the test and every incarnation of the module share, in one mapped file. */
#ifndef HSMGATE_TESTS_CHAOS_BOARD_H
#define HSMGATE_TESTS_CHAOS_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define BOARD_RULES     32
#define BOARD_FUNCTIONS 72
#define BOARD_NAME_MAX  32
#define BOARD_ID_MAX    64
#define BOARD_KEPT_MAX  64

/* The numbers are tests/lib/chaos.py's too. */
enum board_action {
    BOARD_CKR = 1,       /* says `value` */
    BOARD_DELAY,         /* takes `value` µs more; one call in `every`, `other` µs */
    BOARD_HANG,          /* until the rule is taken back */
    BOARD_CRASH,         /* of signal `value`; 0: ends with _exit */
    BOARD_RENUMBER,      /* every object handle that was given is void; each gets another */
    BOARD_LOSE_LOGIN,    /* the token is logged out, which renumbers too */
    BOARD_LOSE_SESSIONS, /* all sessions are closed, which logs out too */
    BOARD_REMOVE,        /* the device is not there */
    BOARD_SHORTER,       /* the output, by `value` bytes */
    BOARD_LONGER,        /* only the length lies */
    BOARD_FILL,          /* the output is `value` in every byte */
    BOARD_FLIP,          /* one bit of it */
    BOARD_REPEAT,        /* the first output of this length again and again */
    BOARD_SWAP,          /* a search for the CKA_ID from[] finds the objects of to[] */
    BOARD_LIMIT,         /* C_OpenSession: `value` sessions are the most */
    BOARD_FLAGS          /* C_GetTokenInfo: `value` is or-ed into the flags */
};

struct board_id {
    uint32_t len;
    uint8_t bytes[BOARD_ID_MAX];
};

/* The test fills a rule and then sets `active`; the module changes only what is atomic, and kept.
 */
struct board_rule {
    _Atomic uint32_t active;
    uint32_t action;
    char function[BOARD_NAME_MAX]; /* "*": every one */
    uint64_t value;
    uint64_t other;
    uint32_t every;
    uint32_t done;        /* not 0: the call is made first, then code or crash follow */
    uint32_t skip;        /* so many calls pass */
    uint32_t times;       /* then so many are hit; 0: all */
    uint32_t incarnation; /* only this one; 0: any */
    _Atomic uint32_t seen;
    _Atomic uint32_t fired;
    _Atomic uint32_t kept_len; /* BOARD_REPEAT */
    uint8_t kept[BOARD_KEPT_MAX];
    struct board_id from;
    struct board_id to;
};

struct board_function {
    char name[BOARD_NAME_MAX];
    _Atomic uint64_t calls; /* by all incarnations */
};

struct board {
    uint32_t size;                 /* as the module takes it */
    _Atomic uint32_t incarnations; /* processes that have loaded the module, so the current one's
                                      number */
    _Atomic uint32_t numbering;    /* of object handles */
    struct board_function functions[BOARD_FUNCTIONS];
    struct board_rule rules[BOARD_RULES];
};

/* Maps the file, which the test has made, and becomes the next incarnation. */
bool board_open(const char *path);
/* What was opened. */
struct board *board(void);
uint32_t board_incarnation(void);
/* What we must never do: a line in PATH.violations. */
void board_violation(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
