/* `hsmgate roster draft`: the next roster as a file, and what it changes. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/chain_file.h"
#include "cli/command.h"
#include "cli/human.h"
#include "cli/new_file.h"
#include "cli/output.h"
#include "cli/roster_change.h"
#include "cli/roster_draft.h"

/* Every change of the command line, in the order in which they can follow each other. */
static struct err change(const struct options *options, struct roster_draft *draft)
{
    for (size_t i = 0; i < options->removed.count; i++) {
        TRY(roster_draft_remove(draft, span_text(options->removed.values[i])));
    }
    for (size_t i = 0; i < options->removed_groups.count; i++) {
        TRY(roster_draft_remove_group(draft, span_text(options->removed_groups.values[i])));
    }
    for (size_t i = 0; i < options->added.count; i++) {
        TRY(roster_draft_add(draft, options->added.values[i]));
    }
    for (size_t i = 0; i < options->groups.count; i++) {
        TRY(roster_draft_group(draft, options->groups.values[i]));
    }
    if (options_has(options, OPTION_AUTHORITY)) {
        draft->is.authority = span_text(options->values[OPTION_AUTHORITY]);
    }
    return err_ok();
}

static struct err print_json(const struct options *options, const struct roster *roster,
                             struct span changes)
{
    char digest[2 * SHA256_LEN + 1];
    CLEANUP(buf_clear) struct buf text = {0};
    struct json_writer writer = json_writer_on(&text);
    human_hex(span_of(roster->digest, SHA256_LEN), digest);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "roster", options->values[OPTION_OUT]);
    json_put_integer(&writer, "number", (int64_t)roster->number);
    json_put_text(&writer, "digest", digest);
    json_put_span(&writer, "changes", changes);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return output_stdout_line(buf_span(&text));
}

static void print_next(const char *path, const struct roster *roster, const char *digest)
{
    if (roster->number == 1) {
        printf("next: everybody compares this digest; it is the root that every token's worker "
               "pins\nin its own configuration:\n  %s\n"
               "then: hsmgate roster publish --roster %s\n",
               digest, path);
        return;
    }
    printf("next: hsmgate roster propose --roster %s --reason … --out STATEMENT\n", path);
}

static struct err print_words(const struct options *options, const struct roster *roster,
                              struct span changes)
{
    char digest[2 * SHA256_LEN + 1];
    char large[HUMAN_DIGEST_MAX];
    const char *path = options->values[OPTION_OUT];
    human_hex(span_of(roster->digest, SHA256_LEN), digest);
    human_digest(digest, large);
    printf("%s: roster %" PRIu64 "\n\n", path, roster->number);
    output_lines(changes);
    printf("\ndigest, to read out and compare:\n%s\n\n", large);
    print_next(path, roster, digest);
    return err_ok();
}

static void free_roster(const struct roster **roster)
{
    roster_free(*roster);
}

static struct err write_draft(const struct options *options, const struct roster *before,
                              struct roster_draft *draft)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    CLEANUP(buf_clear) struct buf lines = {0};
    CLEANUP(free_roster) const struct roster *after = NULL;
    TRY(change(options, draft));
    TRY(roster_draft_write(draft, &bytes));
    TRY(roster_parse(buf_span(&bytes), &after));
    TRY(roster_change_lines(before, after, &lines));
    TRY(new_file_write(options->values[OPTION_OUT], buf_span(&bytes)));
    return options_has(options, OPTION_JSON) ? print_json(options, after, buf_span(&lines))
                                             : print_words(options, after, buf_span(&lines));
}

/* The first roster comes of nothing: the gateway has none, or was not asked. */
static struct err open_chain(struct client *client, const struct options *options,
                             struct chain_file *out)
{
    const char *from = options->values[OPTION_FROM];
    if (from != NULL && strcmp(from, "none") == 0) {
        return err_ok();
    }
    const struct err err = chain_file_from(client, from, NULL, out);
    return err.code == ERR_NOT_FOUND && from == NULL ? err_ok() : err;
}

struct err roster_draft(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(chain_file_clear) struct chain_file file = {0};
    CLEANUP(roster_draft_clear) struct roster_draft draft = {0};
    TRY(open_chain(client, options, &file));
    const struct roster *before = file.chain != NULL ? roster_chain_newest(file.chain) : NULL;
    roster_draft_start(before, clock_wall_ms(), &draft);
    return write_draft(options, before, &draft);
}
