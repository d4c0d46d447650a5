/* `hsmgate lint`: the gateway's findings, worst first, each with its reason and the command that
 * mends it. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/command.h"
#include "cli/output.h"

static void print_line(const char *label, struct span text)
{
    CLEANUP(mem_free_at) char *line = span_to_text(text);
    output_harmless(line);
    printf("    %s%s\n", label, line);
}

/* The table's row, and under it what does not fit in a column. */
static void print_finding(const struct json_value *finding, int rule_width)
{
    CLEANUP(mem_free_at)
    char *row = mem_format("%-8s  %-*s  %s", (const char *)member_text(finding, "severity").data,
                           rule_width, (const char *)member_text(finding, "rule").data,
                           (const char *)member_text(finding, "subject").data);
    output_harmless(row);
    printf("%s\n", row);
    print_line("", member_text(finding, "reason"));
    print_line("mend: ", member_text(finding, "remedy"));
}

static void print_findings(const struct json_value *findings)
{
    size_t width = strlen("RULE");
    for (const struct json_value *finding = json_first(findings); finding != NULL;
         finding = json_next(finding)) {
        const size_t len = member_text(finding, "rule").len;
        width = len > width && len < 64 ? len : width;
    }
    printf("%-8s  %-*s  %s\n", "SEVERITY", (int)width, "RULE", "SUBJECT");
    for (const struct json_value *finding = json_first(findings); finding != NULL;
         finding = json_next(finding)) {
        print_finding(finding, (int)width);
    }
}

struct err lint_lint(struct client *client, const struct options *options, int *out_exit)
{
    const char *severity = options->values[OPTION_SEVERITY];
    CLEANUP(mem_free_at)
    char *path = mem_format("/v1/lint?severity=%s", severity != NULL ? severity : "warning");
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(client_call(client, "GET", path, (struct span){0}, &response));
    TRY(json_parse(buf_span(&response.body), &json));
    const struct json_value *findings = json_member(json.root, "findings");
    const size_t count = json_count(findings);
    *out_exit = count > 0 ? EXIT_REFUSED : EXIT_DONE;
    if (output_json(options, &response)) {
        return err_ok();
    }
    if (count == 0) {
        printf("no findings\n");
        return err_ok();
    }
    print_findings(findings);
    printf("\n%zu finding%s\n", count, count == 1 ? "" : "s");
    return err_ok();
}
