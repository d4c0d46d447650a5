/* `hsmgate roster verify`: the chain of rosters checked here, link by link, from a root that the
 * caller brings. Without --root the gateway's own root is taken, which is said: it proves nothing
 * against the gateway. */
#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "cli/chain_file.h"
#include "cli/command.h"
#include "cli/human.h"
#include "cli/output.h"

static void add_row(struct table *table, const struct chain_file *file, size_t index)
{
    char added[HUMAN_MAX];
    char digest[2 * SHA256_LEN + 1];
    const struct roster *roster = roster_chain_number(file->chain, index + 1);
    human_time(chain_file_added_at(file, index), added);
    human_hex(span_of(roster->digest, SHA256_LEN), digest);
    CLEANUP(mem_free_at) char *number = mem_format("%" PRIu64, roster->number);
    CLEANUP(mem_free_at) char *people = mem_format("%zu", roster->person_count);
    CLEANUP(mem_free_at) char *votes = mem_format("%zu", file->links[index].vote_count);
    const char *const cells[] = {number, added, people, index == 0 ? "root" : votes, digest};
    table_row(table, ARRAY_LEN(cells), cells);
}

static struct err print_json(const struct options *options, const struct chain_file *file)
{
    CLEANUP(buf_clear) struct buf text = {0};
    struct json_writer writer = json_writer_on(&text);
    const struct roster *newest = roster_chain_newest(file->chain);
    json_begin_object(&writer, NULL);
    json_put_flag(&writer, "verified", true);
    json_put_flag(&writer, "root_given", options_has(options, OPTION_ROOT));
    json_put_hex(&writer, "root", span_of(file->root, SHA256_LEN));
    json_put_integer(&writer, "number", (int64_t)newest->number);
    json_put_hex(&writer, "digest", span_of(newest->digest, SHA256_LEN));
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return output_line(options, buf_span(&text));
}

static void print_words(const struct options *options, const struct chain_file *file)
{
    static const char *const titles[] = {"ROSTER", "SINCE", "PEOPLE", "VOTES", "DIGEST"};
    CLEANUP(table_clear) struct table table = {0};
    char root[2 * SHA256_LEN + 1];
    table_row(&table, ARRAY_LEN(titles), titles);
    for (size_t i = 0; i < file->count; i++) {
        add_row(&table, file, i);
    }
    table_print(&table);
    human_hex(span_of(file->root, SHA256_LEN), root);
    printf("\neach of them follows from the root by the votes of the one before\n");
    if (!options_has(options, OPTION_ROOT)) {
        printf("but this root is what the file or the gateway says: check with your own,\n"
               "hsmgate roster verify --root %s\n",
               root);
    }
}

struct err roster_verify(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    uint8_t root[SHA256_LEN];
    const bool given = options_has(options, OPTION_ROOT);
    CLEANUP(chain_file_clear) struct chain_file file = {0};
    if (given) {
        TRY(chain_file_digest(options->values[OPTION_ROOT], root));
    }
    TRY(chain_file_from(client, options->values[OPTION_CHAIN_FILE], given ? root : NULL, &file));
    if (options_has(options, OPTION_JSON)) {
        return print_json(options, &file);
    }
    print_words(options, &file);
    return err_ok();
}
