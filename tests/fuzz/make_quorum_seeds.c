/* make_quorum_seeds: writes the seeds of fuzz_statement, fuzz_roster, fuzz_bundle and fuzz_vote.
 * Run it again when their forms change: `make_quorum_seeds tests/fuzz/corpus`. Keys are new each
 * time. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/unit/quorum_fixture.h"

static void keep(const char *corpus, const char *name, struct span bytes)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/%s", corpus, name);
    struct err err = file_write(path, bytes, 0644);
    if (err.code != ERR_OK) {
        (void)fprintf(stderr, "make_quorum_seeds: %s: %s\n", path, err.detail);
        exit(EXIT_FAILURE);
    }
}

static void keep_vote(const char *corpus, const char *name, const struct vote *vote)
{
    CLEANUP(buf_clear) struct buf text = {0};
    struct json_writer writer = json_writer_on(&text);
    vote_put(&writer, NULL, vote);
    if (json_finish(&writer).code != ERR_OK) {
        exit(EXIT_FAILURE);
    }
    keep(corpus, name, buf_span(&text));
}

static void seed_statements(const char *corpus, struct quorum_fixture *fix)
{
    for (int kind = 0; kind < STATEMENT_KIND_COUNT; kind++) {
        struct statement says = people_statement(fix, (enum statement_kind)kind);
        const char *name = statement_kind_name(says.kind);
        CLEANUP(mem_free_at) char *path = mem_format("statement/%s", name);
        keep(corpus, path, people_bytes(fix, &says));
    }
}

static void seed_bundles(const char *corpus, struct quorum_fixture *fix, const char *met,
                         const char *denied)
{
    struct statement says = people_statement(fix, STATEMENT_OPEN);
    struct span bytes = people_bytes(fix, &says);
    struct vote votes[] = {people_vote(fix, "ann", VOTE_APPROVE, bytes, FIXTURE_NOW),
                           people_vote(fix, "bob", VOTE_APPROVE, bytes, FIXTURE_NOW),
                           people_vote(fix, "ann", VOTE_DENY, bytes, FIXTURE_NOW)};
    keep(corpus, met, people_bundle(fix, bytes, votes, 2));
    keep(corpus, denied, people_bundle(fix, bytes, votes, 3));
    keep_vote(corpus, "vote/approve", &votes[0]);
    keep_vote(corpus, "vote/deny", &votes[2]);
}

int main(int argc, char **argv)
{
    static struct quorum_fixture fix;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: make_quorum_seeds CORPUS\n");
        return 2;
    }
    people_open_empty(&fix);
    (void)people_person(&fix, "ann");
    (void)people_person(&fix, "bob");
    people_add_key(&fix, "bob", VOTER_KEY_P256);
    (void)people_group(&fix, "ops", 2, "ann,bob");
    (void)people_group(&fix, "admins", 2, "group:ops");
    keep(argv[1], "roster/root",
         people_next_roster(&fix, "")->number == 1 ? fix.links[0].roster : (struct span){0});
    seed_statements(argv[1], &fix);
    seed_bundles(argv[1], &fix, "bundle/met", "bundle/denied");
    (void)people_next_roster(&fix, "ann,bob");
    keep(argv[1], "roster/second", fix.links[1].roster);
    seed_bundles(argv[1], &fix, "bundle/met-second", "bundle/denied-second");
    people_close(&fix);
    return EXIT_SUCCESS;
}
