/* `hsmgate clock show` and `accept`: the time that the gateway goes by, which does not follow a
 * clock that jumped until a person says so. */
#include <stdio.h>

#include "base/mem.h"
#include "cli/command.h"
#include "cli/human.h"
#include "cli/output.h"

#define MS_PER_S 1000

static void print_clock(const struct json_value *clock)
{
    CLEANUP(table_clear) struct table table = {0};
    char wall[HUMAN_MAX];
    char now[HUMAN_MAX];
    char behind[HUMAN_MAX];
    char lived[HUMAN_MAX];
    human_time(member_text(clock, "wall"), wall);
    human_time(member_text(clock, "now"), now);
    human_span(member_integer(clock, "behind_ms") / MS_PER_S, behind);
    human_span(member_integer(clock, "lived_ms") / MS_PER_S, lived);
    const char *const rows[][2] = {{"the machine's clock", wall},
                                   {"the gateway goes by", now},
                                   {"behind by", behind},
                                   {"lived", lived},
                                   {"jumped", member_flag(clock, "jumped") ? "yes" : "no"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        table_row(&table, 2, rows[i]);
    }
    table_print(&table);
}

struct err clock_show(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(client_fetch(client, "GET", "/v1/clock", (struct span){0}, &response, &json));
    if (output_json(options, &response)) {
        return err_ok();
    }
    print_clock(json.root);
    if (member_flag(json.root, "jumped")) {
        printf("what cannot be undone waits until somebody has looked: when the machine's clock is "
               "right, hsmgate clock accept --reason TEXT\n");
    }
    return err_ok();
}

struct err clock_accept(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(buf_clear) struct buf body = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "reason", options->values[OPTION_REASON]);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(client_fetch(client, "POST", "/v1/clock:accept", buf_span(&body), &response, &json));
    if (output_json(options, &response)) {
        return err_ok();
    }
    char now[HUMAN_MAX];
    human_time(member_text(json.root, "now"), now);
    printf("accepted: the gateway goes by %s now\n", now);
    return err_ok();
}
