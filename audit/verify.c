/* The auditor's judgement over what a walk through the log has noted.
 *
 * What is nearest to the start decides: a checkpoint that is contradicted before the first record
 * that differs from its leaf outweighs that record, and both outweigh what is missing at the end.
 * Never changes the folder, never takes the log's lock: it also runs on a copy. */
#include "audit/verify.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "audit/verify_walk.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

const char *audit_verdict_name(enum audit_verdict verdict)
{
    static const char *const names[AUDIT_VERDICT_COUNT] = {
        [AUDIT_INTACT] = "intact",
        [AUDIT_CHANGED] = "a record was changed",
        [AUDIT_MISSING_END] = "records are missing at the end",
        [AUDIT_CONTRADICTS] = "the log contradicts its checkpoint",
        [AUDIT_TORN] = "the last line is torn",
    };
    assert((unsigned)verdict < AUDIT_VERDICT_COUNT);
    return names[verdict];
}

/* --- saying it --- */

static void say(struct audit_finding *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(struct audit_finding *out, const char *format, ...)
{
    size_t used = strlen(out->detail);
    va_list values;
    va_start(values, format);
    (void)vsnprintf(out->detail + used, sizeof(out->detail) - used, format, values);
    va_end(values);
}

/* Of the checkpoint; 0 without one. */
static uint64_t head_size(const struct walk *walk)
{
    return walk->head == NULL ? 0 : walk->head->size;
}

static unsigned long long number(uint64_t value)
{
    return value;
}

/* Which of line and leaf is wrong, as far as the checkpoint tells. */
static void say_which(const struct walk *walk, struct audit_finding *out)
{
    bool reached = head_size(walk) >= walk->fault_seq;
    if (!reached) {
        say(out, "no checkpoint over it tells which of both was changed");
    } else if (walk->lines_fit == FIT_SAME) {
        say(out, "the record fits the checkpoint: the leaf file was changed");
    } else if (walk->leaves_fit == FIT_SAME) {
        say(out, "the leaf fits the checkpoint: the record was changed");
    } else {
        say(out, walk->lines_fit == FIT_OTHER ? "neither fits the checkpoint"
                                              : "the log ends before its checkpoint");
    }
}

static void say_fault(const struct walk *walk, struct audit_finding *out)
{
    unsigned long long file = number(walk->fault_file);
    switch (walk->fault) {
    case FAULT_LEAF:
        say(out, "audit-%012llu: record and leaf differ; ", file);
        say_which(walk, out);
        return;
    case FAULT_EDGE:
        say(out, "audit-%012llu.leaves begins with another tree; ", file);
        say_which(walk, out);
        return;
    case FAULT_SHORT:
        say(out, "audit-%012llu.leaves lacks this record; ", file);
        say_which(walk, out);
        return;
    case FAULT_LONG:
        say(out, "audit-%012llu.leaves has more records than its log file", file);
        return;
    case FAULT_LINE:
        say(out, "audit-%012llu.jsonl has another line in its place", file);
        return;
    case FAULT_FILE:
        say(out, "audit-%012llu.jsonl does not begin where the file before ends", file);
        return;
    case FAULT_START:
        say(out, "records 1 to %llu are not in the folder; what follows %s", file - 1,
            walk->lines_fit == FIT_SAME ? "fits the checkpoint" : "fits no checkpoint here");
        return;
    case FAULT_NONE:
    default:
        return;
    }
}

static void say_contradiction(const struct walk *walk, struct audit_finding *out)
{
    uint64_t to = walk->other_size != 0 ? walk->other_size : head_size(walk);
    say(out, "among records %llu to %llu is one that is not what was signed",
        number(walk->fit_size + 1), number(to));
    if (walk->no_leaves) {
        say(out, "; a leaf file that would name it is not there");
    }
}

static void say_intact(const struct walk *walk, struct audit_finding *out)
{
    if (walk->no_leaves) {
        say(out, "a leaf file is not there: checked by number%s only",
            walk->lines_fit == FIT_SAME ? " and checkpoint" : "");
    } else if (walk->unleaved > 0) {
        say(out, "the last %llu records have no leaf yet", number(walk->unleaved));
    } else if (walk->head == NULL) {
        say(out, "there is no checkpoint: checked by number and leaf only");
    } else {
        say(out, "%llu records are behind the checkpoint",
            number(walk->edge.size - head_size(walk)));
    }
}

/* --- judging --- */

static bool contradicts(const struct walk *walk)
{
    bool before_fault = walk->fault == FAULT_NONE || walk->fault == FAULT_START ||
                        head_size(walk) < walk->fault_seq;
    bool history = walk->other_size != 0 && walk->edge.size < head_size(walk) &&
                   (walk->fault == FAULT_NONE || walk->other_size < walk->fault_seq);
    return (before_fault && walk->lines_fit == FIT_OTHER) || history;
}

static void judge(const struct walk *walk, struct audit_finding *out)
{
    bool is_short = walk->edge.size < head_size(walk);
    if (contradicts(walk)) {
        out->verdict = AUDIT_CONTRADICTS;
        out->seq = walk->fit_size + 1;
        say_contradiction(walk, out);
    } else if (walk->fault != FAULT_NONE) {
        out->verdict = AUDIT_CHANGED;
        out->seq = walk->fault_seq;
        say_fault(walk, out);
    } else if (is_short || walk->surplus) {
        out->verdict = AUDIT_MISSING_END;
        out->seq = walk->edge.size + 1;
        say(out, "the log ends with record %llu%s, %s", number(walk->edge.size),
            walk->torn ? " and a part of the next" : "",
            is_short ? "the checkpoint later" : "its leaf file later");
    } else if (walk->torn) {
        out->verdict = AUDIT_TORN;
        out->seq = walk->edge.size;
        say(out, "the line behind record %llu is not whole", number(walk->edge.size));
    } else {
        out->verdict = AUDIT_INTACT;
        say_intact(walk, out);
    }
}

/* --- the checkpoint --- */

static struct err read_checkpoint(const struct audit_verify *what, int folder,
                                  struct audit_finding *out)
{
    CLEANUP(buf_clear) struct buf own = {0};
    struct span note = what->checkpoint;
    char origin[CHECKPOINT_ORIGIN_MAX];
    if (note.len == 0) {
        struct err err = history_newest(folder, &own);
        if (err.code == ERR_NOT_FOUND) {
            return err_ok();
        }
        TRY(err);
        note = buf_span(&own);
    }
    TRY(what->verifier == NULL ? checkpoint_read(note, origin, &out->checkpoint)
                               : checkpoint_open(note, what->verifier, &out->checkpoint));
    out->has_checkpoint = true;
    out->checkpoint_signed = what->verifier != NULL;
    return err_ok();
}

/* Those that the checkpoint can be compared with. */
static struct err read_history(struct walk *walk)
{
    for (size_t i = 0; i < walk->names.count && walk->head != NULL; i++) {
        TRY(history_read(walk->folder, walk->names.firsts[i], walk->what->verifier,
                         &walk->history));
    }
    struct heads *history = &walk->history;
    while (history->count > 0 && history->all[history->count - 1].size > head_size(walk)) {
        history->count--;
    }
    return err_ok();
}

static void walk_clear(struct walk *walk)
{
    fd_close(&walk->folder);
    log_names_clear(&walk->names);
    heads_clear(&walk->history);
}

struct err audit_verify(const struct audit_verify *what, struct audit_finding *out)
{
    struct audit_finding finding = {.verdict = AUDIT_INTACT};
    CLEANUP(walk_clear) struct walk walk = {.what = what};
    walk.folder = open(what->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ENSURE(walk.folder >= 0, ERR_IO, "cannot open the audit folder: %s", strerrordesc_np(errno));
    TRY(log_names_list(walk.folder, &walk.names));
    TRY(read_checkpoint(what, walk.folder, &finding));
    walk.head = finding.has_checkpoint ? &finding.checkpoint : NULL;
    ENSURE(walk.names.count > 0 || walk.head != NULL, ERR_IO, "the folder has no audit log");
    TRY(read_history(&walk));
    TRY(walk_run(&walk));
    judge(&walk, &finding);
    finding.records = walk.edge.size;
    finding.head = tree_head_of(&walk.edge);
    *out = finding;
    return err_ok();
}
