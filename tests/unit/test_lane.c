/* Which threads a request is for, in each dialect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gateway/lane.h"

static void requests_have_lanes(void **state)
{
    (void)state;
    static const struct {
        enum method method;
        const char *path;
        const char *target;
        enum lane lane;
    } rows[] = {
        {METHOD_POST, "/v1/keys/team/app/key:sign", NULL, LANE_DATA},
        {METHOD_POST, "/v1/keys/team/app/key@3:verify-mac", NULL, LANE_DATA},
        {METHOD_POST, "/v1/keys/team/app/key:jwt", NULL, LANE_DATA},
        {METHOD_GET, "/v1/keys/team/app/key:sign", NULL, LANE_GENERAL},
        {METHOD_POST, "/v1/keys/team/app/key:rotate", NULL, LANE_GENERAL},
        {METHOD_POST, "/v1/keys/team/sign/encrypt:rotate", NULL, LANE_GENERAL},
        {METHOD_POST, "/v1/keys/team/app/sign", NULL, LANE_GENERAL},
        {METHOD_POST, "/v1/keys", NULL, LANE_GENERAL},
        {METHOD_PUT, "/v1/grants/sign", NULL, LANE_GENERAL},
        {METHOD_POST, "/v1/break-glass/sign:open", NULL, LANE_GENERAL},
        {METHOD_GET, "/healthz", NULL, LANE_URGENT},
        {METHOD_POST, "/v1/transit/encrypt/key", NULL, LANE_DATA},
        {METHOD_PUT, "/v1/transit/datakey/plaintext/key", NULL, LANE_DATA},
        {METHOD_POST, "/v1/teams/a/transit/sign/key/sha2-256", NULL, LANE_DATA},
        {METHOD_POST, "/v1/transit/keys/key/rotate", NULL, LANE_GENERAL},
        {METHOD_GET, "/v1/sys/health", NULL, LANE_URGENT},
        {METHOD_POST, "/", "TrentService.Encrypt", LANE_DATA},
        {METHOD_POST, "/", "TrentService.GenerateDataKeyWithoutPlaintext", LANE_DATA},
        {METHOD_POST, "/", "TrentService.CreateKey", LANE_GENERAL},
        {METHOD_POST, "/", "TrentService.EncryptNot", LANE_GENERAL},
        {METHOD_POST, "/xks/kms/xks/v1/keys/id/decrypt", NULL, LANE_DATA},
        {METHOD_POST, "/xks/kms/xks/v1/keys/id/metadata", NULL, LANE_GENERAL},
        {METHOD_POST, "/", NULL, LANE_GENERAL},
        {METHOD_POST, "", NULL, LANE_GENERAL},
        {METHOD_POST, "//", NULL, LANE_GENERAL},
        {METHOD_POST, "/v1/", NULL, LANE_GENERAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct request request = {.method = rows[i].method, .path = span_text(rows[i].path)};
        if (rows[i].target != NULL) {
            request.amz_target = span_text(rows[i].target);
        }
        if (lane_of(&request) != rows[i].lane) {
            fail_msg("%s %s", rows[i].path, rows[i].target != NULL ? rows[i].target : "");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(requests_have_lanes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
