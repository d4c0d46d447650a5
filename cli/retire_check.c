/* `hsmgate key retire-check`: whether something still needs a version, and how sure that is. Only
 * "no" is success, so that a script may stand before a destruction. */
#include <stdio.h>

#include "base/mem.h"
#include "cli/command.h"
#include "cli/human.h"
#include "cli/output.h"

/* What a word of the answer means, in a sentence. */
struct meaning {
    const char *word;
    const char *text;
};

static const struct meaning verdicts[] = {
    {"yes", "something still needs it"},
    {"no", "nothing needs it any more"},
    {"unknown", "whether something needs it is not known"},
};
static const struct meaning certainties[] = {
    {"certain", "that is certain"},
    {"recorded", "as far as uses were recorded"},
    {"unknown", "uses were not recorded well enough to be sure"},
};

static const char *meaning_of(const struct meaning *meanings, size_t count, struct span word)
{
    for (size_t i = 0; i < count; i++) {
        if (span_is(word, meanings[i].word)) {
            return meanings[i].text;
        }
    }
    return (const char *)word.data;
}

static void print_verdict(const char *name, const struct json_value *answer)
{
    char until[HUMAN_MAX];
    human_time(member_text(answer, "needed_until"), until);
    CLEANUP(mem_free_at)
    char *text =
        mem_format("%s (%s): %s%s%s; %s", name, (const char *)member_text(answer, "state").data,
                   meaning_of(verdicts, ARRAY_LEN(verdicts), member_text(answer, "needed")),
                   until[0] != '\0' ? ", until " : "", until,
                   meaning_of(certainties, ARRAY_LEN(certainties), member_text(answer, "sure")));
    output_harmless(text);
    printf("%s\n\n", text);
}

static void print_findings(const struct json_value *findings)
{
    CLEANUP(table_clear) struct table table = {0};
    static const char *const titles[] = {"WHAT", "VERDICT", "WHY", "UNTIL"};
    table_row(&table, ARRAY_LEN(titles), titles);
    for (const struct json_value *at = json_first(findings); at != NULL; at = json_next(at)) {
        char until[HUMAN_MAX];
        human_time(member_text(at, "until"), until);
        const char *const cells[] = {(const char *)member_text(at, "what").data,
                                     (const char *)member_text(at, "verdict").data,
                                     (const char *)member_text(at, "detail").data, until};
        table_row(&table, ARRAY_LEN(cells), cells);
    }
    table_print(&table);
}

/* A member of the evidence as text: its time, its words or its number; NULL when it is not there.
 * Free with mem_free. */
static char *evidence_text(const struct json_value *evidence, const char *member)
{
    const struct json_value *value = json_member(evidence, member);
    struct span text = {0};
    int64_t number = 0;
    char time[HUMAN_MAX];
    if (json_as_text(value, &text)) {
        human_time(text, time);
        return text.len >= HUMAN_MAX ? span_to_text(text) : mem_text(time);
    }
    return json_as_integer(value, &number) ? mem_format("%lld", (long long)number) : NULL;
}

static void print_evidence(const struct json_value *evidence)
{
    static const struct meaning members[] = {
        {"uses", "uses"},
        {"uses_limit", "uses at most"},
        {"last_protect_at", "last protected"},
        {"last_protect_by", "by"},
        {"last_open_at", "last opened"},
        {"last_open_by", "by"},
        {"largest_jwt_exp", "its JWTs end"},
        {"raw_signature_at", "last signed other data"},
        {"rewrapped", "ciphertexts moved away"},
        {"recorded_since", "recorded since"},
    };
    CLEANUP(table_clear) struct table table = {0};
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        CLEANUP(mem_free_at) char *text = evidence_text(evidence, members[i].word);
        if (text != NULL) {
            const char *const cells[] = {members[i].text, text};
            table_row(&table, ARRAY_LEN(cells), cells);
        }
    }
    printf("\n");
    table_print(&table);
}

struct err key_retire_check(struct client *client, const struct options *options, int *out_exit)
{
    CLEANUP(mem_free_at) char *path = NULL;
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(client_key_path(options->arguments[0], ":retire-check", &path));
    TRY(client_fetch(client, "GET", path, (struct span){0}, &response, &json));
    *out_exit = span_is(member_text(json.root, "needed"), "no") ? EXIT_DONE : EXIT_REFUSED;
    if (output_json(options, &response)) {
        return err_ok();
    }
    print_verdict(options->arguments[0], json.root);
    print_findings(json_member(json.root, "findings"));
    print_evidence(json_member(json.root, "evidence"));
    return err_ok();
}
