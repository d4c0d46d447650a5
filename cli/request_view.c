/* Every state has its sentence and its next command, so that nobody needs the manual at night. */
#include "cli/request_view.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/human.h"
#include "cli/output.h"

#define PRINT_SPAN(text) (int)(text).len, (const char *)(text).data

struct sentence {
    const char *state;
    bool decided;
    bool approved;
    const char *next; /* `%s` is the id */
};

static const struct sentence sentences[] = {
    {"pending", false, false, NULL},
    {"approved", true, true, "whoever asked, now: hsmgate break-glass open %s"},
    {"opening", true, true,
     "it is being opened at this moment; look again: hsmgate break-glass show %s"},
    {"opened", true, true,
     "done. For the auditors: hsmgate break-glass evidence %s --out evidence.json"},
    {"denied", true, false,
     "somebody said no, and that is final. If it is still needed: talk, then make a new request"},
    {"cancelled", true, false, "it was taken back. If it is needed: make a new request"},
    {"expired", true, false,
     "its time was over. If it is still needed: make a new request, with a longer --window"},
    {"failed", true, false,
     "it failed, and nothing was opened. If it is still needed, and the reason is mended: make a "
     "new request"},
    {"indeterminate", true, false,
     "the gateway stopped while it was opening this: nobody knows whether an answer left it. Treat "
     "it as opened, tell the auditors, and make a new request if the answer is lost"},
};

static const struct sentence *sentence_of(const struct json_value *view)
{
    const struct span state = member_text(view, "state");
    for (size_t i = 0; i < ARRAY_LEN(sentences); i++) {
        if (span_is(state, sentences[i].state)) {
            return &sentences[i];
        }
    }
    return &sentences[0]; /* a state that we do not know is not decided */
}

bool request_is_decided(const struct json_value *view)
{
    return sentence_of(view)->decided;
}

bool request_is_approved(const struct json_value *view)
{
    return sentence_of(view)->approved;
}

char *request_line(const struct json_value *view, int64_t now_ms)
{
    char until[HUMAN_MAX];
    char left[HUMAN_MAX] = "";
    int64_t at = 0;
    const struct span expires = member_text(view, "expires_at");
    human_time(expires, until);
    if (clock_parse(expires, &at).code == ERR_OK) {
        human_distance(now_ms, at, left);
    }
    const struct span id = member_text(view, "id");
    const struct span state = member_text(view, "state");
    char *line =
        request_is_decided(view)
            ? mem_format("%.*s: %.*s, %lld of %lld approvals", PRINT_SPAN(id), PRINT_SPAN(state),
                         (long long)member_integer(view, "approvals"),
                         (long long)member_integer(view, "needed"))
            : mem_format("%.*s: %.*s, %lld of %lld approvals, until %s (%s)", PRINT_SPAN(id),
                         PRINT_SPAN(state), (long long)member_integer(view, "approvals"),
                         (long long)member_integer(view, "needed"), until, left);
    output_harmless(line);
    return line;
}

void request_print_votes(const struct json_value *view)
{
    CLEANUP(table_clear) struct table table = {0};
    static const char *const titles[] = {"VOTER", "DECISION", "SIGNED AT", "VERDICT"};
    table_row(&table, ARRAY_LEN(titles), titles);
    const struct json_value *votes = json_member(view, "votes");
    for (const struct json_value *vote = json_first(votes); vote != NULL; vote = json_next(vote)) {
        char time[HUMAN_MAX];
        human_time(member_text(vote, "signed_at"), time);
        const char *const cells[] = {(const char *)member_text(vote, "voter").data,
                                     (const char *)member_text(vote, "decision").data, time,
                                     (const char *)member_text(vote, "verdict").data};
        table_row(&table, ARRAY_LEN(cells), cells);
    }
    if (table.rows == 1) {
        printf("nobody has voted yet\n");
        return;
    }
    table_print(&table);
}

static bool has_voted(const struct json_value *view, struct span voter)
{
    const struct json_value *votes = json_member(view, "votes");
    for (const struct json_value *vote = json_first(votes); vote != NULL; vote = json_next(vote)) {
        if (span_equal(member_text(vote, "voter"), voter)) {
            return true;
        }
    }
    return false;
}

struct err request_missing(const struct json_value *view, struct buf *out)
{
    const struct json_value *eligible = json_member(view, "eligible");
    for (const struct json_value *at = json_first(eligible); at != NULL; at = json_next(at)) {
        struct span voter = {0};
        if (json_as_text(at, &voter) && !has_voted(view, voter)) {
            TRY(buf_printf(out, "%s%.*s", out->len > 0 ? ", " : "", PRINT_SPAN(voter)));
        }
    }
    return err_ok();
}

static void print_pending(const struct json_value *view, const char *id)
{
    CLEANUP(buf_clear) struct buf missing = {0};
    const struct span reason = member_text(view, "decision_reason");
    if (reason.len > 0) {
        CLEANUP(mem_free_at) char *text = span_to_text(reason);
        output_harmless(text);
        printf("%s\n", text);
    }
    if (request_missing(view, &missing).code == ERR_OK && missing.len > 0) {
        CLEANUP(mem_free_at) char *people = span_to_text(buf_span(&missing));
        output_harmless(people);
        printf("who may still vote: %s\n", people);
    }
    printf("each of them runs one of:\n"
           "  hsmgate break-glass approve %s --key KEY.pem\n"
           "  hsmgate break-glass approve %s --ssh-key KEY.pub     (agent or hardware)\n"
           "  hsmgate break-glass deny %s --key KEY.pem\n"
           "or without network: hsmgate break-glass save %s --out STATEMENT, there\n"
           "  hsmgate break-glass approve --statement STATEMENT --as VOTER --key KEY.pem --out "
           "VOTE\n"
           "and back here: hsmgate break-glass submit %s --vote VOTE\n"
           "whoever asked waits: hsmgate break-glass watch %s\n",
           id, id, id, id, id, id);
}

/* Why it ended so, where the gateway says it. */
static void print_outcome(const struct json_value *view)
{
    CLEANUP(mem_free_at) char *outcome = span_to_text(member_text(view, "outcome"));
    output_harmless(outcome);
    if (outcome[0] != '\0') {
        printf("reason: %s\n", outcome);
    }
}

void request_print_next(const struct json_value *view, const char *key_file)
{
    const struct sentence *sentence = sentence_of(view);
    CLEANUP(mem_free_at) char *id = span_to_text(member_text(view, "id"));
    output_harmless(id);
    if (!sentence->decided) {
        print_pending(view, id);
    } else {
        print_outcome(view);
        /* the format is one of the table's */
        const char *mark = strstr(sentence->next, "%s");
        printf("%.*s%s%s\n",
               mark != NULL ? (int)(mark - sentence->next) : (int)strlen(sentence->next),
               sentence->next, mark != NULL ? id : "", mark != NULL ? mark + 2 : "");
    }
    if (key_file != NULL) {
        printf("then opens it: hsmgate break-glass open %s --key %s --out FILE\n"
               "keep %s until then: without it nobody can read the answer\n",
               id, key_file, key_file);
    }
}
