/* supervisor_status: what others may know of a supervisor: whether its token is ready, and its
 * figures.
 *
 * Nothing here changes anything but a counter; every answer is a copy made under the supervisor's
 * mutex, counters apart, which are atomics. */
#include "base/clock.h"
#include "pkcs11/supervisor.h"

#include "base/banned.h"

/* Whether the wait is over, and how. The mutex is held. */
static bool has_answer(const struct supervisor *supervisor, struct err *out)
{
    const char *why = supervisor->status.last_error;
    if (supervisor->latched) {
        *out = err_new(ERR_PIN, __func__, "%s", why);
        return true;
    }
    if (supervisor->failed_starts > 0) {
        *out = err_new(ERR_TOKEN_UNAVAILABLE, __func__, "%s", why);
        return true;
    }
    *out = err_ok();
    return supervisor->status.state == TOKEN_READY;
}

struct err supervisor_wait_ready(struct supervisor *supervisor, int64_t deadline_ns)
{
    struct err err = err_ok();
    sync_lock(&supervisor->mutex);
    bool answered = has_answer(supervisor, &err);
    while (!answered && clock_mono_ns() < deadline_ns) {
        (void)sync_wait(&supervisor->changed, &supervisor->mutex, deadline_ns);
        answered = has_answer(supervisor, &err);
    }
    sync_unlock(&supervisor->mutex);
    ENSURE(answered, ERR_DEADLINE, "the token did not get ready in time");
    return err;
}

void supervisor_count(struct supervisor *supervisor, enum frame_class class)
{
    if (class != FRAME_OK) {
        atomic_fetch_add_explicit(&supervisor->errors[class], 1, memory_order_relaxed);
    }
}

void supervisor_status(struct supervisor *supervisor, struct token_status *out)
{
    uint32_t epoch = 0;
    sync_lock(&supervisor->mutex);
    *out = supervisor->status;
    const struct frame_hello *hello = &supervisor->hello;
    lease_desk_look(&supervisor->desk, &out->channels_busy, &epoch);
    out->epoch = supervisor->epoch_base + (out->state == TOKEN_READY ? epoch : 0);
    memcpy(out->label, hello->label, sizeof(out->label));
    memcpy(out->serial, hello->serial, sizeof(out->serial));
    memcpy(out->manufacturer, hello->manufacturer, sizeof(out->manufacturer));
    memcpy(out->model, hello->model, sizeof(out->model));
    out->probe = hello->probe;
    sync_unlock(&supervisor->mutex);
    for (size_t i = 0; i < FRAME_CLASS_END; i++) {
        out->errors[i] = atomic_load_explicit(&supervisor->errors[i], memory_order_relaxed);
    }
}

bool supervisor_probe(struct supervisor *supervisor, struct token_probe *out)
{
    sync_lock(&supervisor->mutex);
    bool probed = supervisor->probed;
    *out = supervisor->hello.probe;
    sync_unlock(&supervisor->mutex);
    return probed;
}
