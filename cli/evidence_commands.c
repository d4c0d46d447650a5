/* `hsmgate evidence verify`: each step as a line, and one verdict. Offline. */
#include <stdio.h>

#include "base/mem.h"
#include "cli/chain_file.h"
#include "cli/command.h"
#include "cli/evidence.h"
#include "cli/input.h"
#include "cli/output.h"

static void print_step(void *arg, bool good, const char *text)
{
    (void)arg;
    printf("%s %s\n", good ? "✔" : "✘", text);
}

static void put_step(void *arg, bool good, const char *text)
{
    struct json_writer *writer = arg;
    json_begin_object(writer, NULL);
    json_put_flag(writer, "good", good);
    json_put_text(writer, "step", text);
    json_end_object(writer);
}

static struct err verify_to_json(const struct options *options, struct span file,
                                 const uint8_t root[SHA256_LEN], bool *out_good)
{
    CLEANUP(buf_clear) struct buf text = {0};
    struct json_writer writer = json_writer_on(&text);
    json_begin_object(&writer, NULL);
    json_begin_array(&writer, "steps");
    *out_good =
        evidence_check(file, root, &(struct evidence_listener){.say = put_step, .arg = &writer});
    json_end_array(&writer);
    json_put_flag(&writer, "good", *out_good);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return output_line(options, buf_span(&text));
}

struct err evidence_verify(struct client *client, const struct options *options, int *out_exit)
{
    (void)client;
    uint8_t root[SHA256_LEN];
    bool good = false;
    const char *path = options->arguments[0];
    CLEANUP(buf_clear) struct buf file = {0};
    TRY(chain_file_digest(options->values[OPTION_ROSTER_ROOT], root));
    TRY(input_read_named(path, EVIDENCE_MAX, &file));
    if (options_has(options, OPTION_JSON)) {
        TRY(verify_to_json(options, buf_span(&file), root, &good));
    } else {
        good =
            evidence_check(buf_span(&file), root, &(struct evidence_listener){.say = print_step});
        printf("\n%s: %s\n", path,
               good ? "good: these people approved exactly this before it was done"
                    : "NOT good: it proves nothing");
    }
    *out_exit = good ? EXIT_DONE : EXIT_REFUSED;
    return err_ok();
}
