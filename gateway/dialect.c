/* Which dialects there are, and the native one, which takes what no other does. */
#include "gateway/dialect.h"

#include "gateway/aws/aws.h"
#include "gateway/aws/xks.h"
#include "gateway/ops/batch.h"
#include "gateway/problem.h"
#include "gateway/vault/vault.h"

static bool takes_all(const struct gateway *gateway, const struct request *request)
{
    (void)gateway;
    (void)request;
    return true;
}

static struct err find_native(struct call *call)
{
    return route_find(&call->exchange->request, &call->route, &call->target, &call->version_asked,
                      &call->exchange->reply.allow);
}

static struct err context_member(const struct call *call, const struct json_value *item,
                                 struct json *made, const struct json_value **out)
{
    (void)call;
    (void)made;
    *out = json_member(item, "context");
    return err_ok();
}

static void refuse_native(struct exchange *exchange, const struct route *route,
                          const struct err *err)
{
    (void)route;
    problem_reply(&exchange->reply, err, exchange->request.id);
}

const struct dialect dialect_native = {
    .takes = takes_all,
    .find = find_native,
    .items = "items",
    .context = context_member,
    .reply_one = batch_reply_one,
    .reply_many = batch_reply_many,
    .refuse = refuse_native,
};

static const struct dialect *const dialects[] = {&dialect_vault, &dialect_aws, &dialect_xks,
                                                 &dialect_native};

const struct dialect *dialect_of(const struct gateway *gateway, const struct request *request)
{
    size_t i = 0;
    while (!dialects[i]->takes(gateway, request)) { /* the last one takes all */
        i++;
    }
    return dialects[i];
}

bool dialect_is_urgent(const struct request *request)
{
    return route_is_urgent(request) || vault_is_urgent(request);
}

void dialect_refuse(void *gateway, struct exchange *exchange, const struct err *err)
{
    dialect_of(gateway, &exchange->request)->refuse(exchange, NULL, err);
}
