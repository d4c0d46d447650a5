/* The checks that every part of the configuration uses. A finding is added and the check goes on,
 * so that a person sees all of them at once. */
#include "gateway/config_check.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "gateway/listen_socket.h"

void config_find(struct config_check *check, const char *option, const char *format, ...)
{
    char reason[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    const char *before = check->message->len > 0 ? "\n" : "";
    struct err full = buf_printf(check->message, "%s%s:%u: %s: %s", before, check->path,
                                 yaml_line_of(check->path, option), option, reason);
    check->findings += full.code == ERR_OK ? 1 : 2; /* a full buffer is a finding all the same */
}

const char *config_keep(struct config_loaded *loaded, char *text)
{
    loaded->texts = mem_resize(loaded->texts, loaded->text_count + 1, sizeof(*loaded->texts));
    loaded->texts[loaded->text_count++] = text;
    return text;
}

const char *config_option(char out[CONFIG_OPTION_MAX], const char *list, size_t index,
                          const char *member)
{
    (void)snprintf(out, CONFIG_OPTION_MAX, "%s[%zu]%s%s", list, index, member[0] == '\0' ? "" : ".",
                   member);
    return out;
}

void config_check_path(struct config_check *check, const char *option, const char *value)
{
    if (value != NULL && value[0] != '/') {
        config_find(check, option, "must be an absolute path");
    }
}

void config_check_readable(struct config_check *check, const char *option, const char *value)
{
    config_check_path(check, option, value);
    if (value != NULL && value[0] == '/' && access(value, R_OK) != 0) {
        config_find(check, option, "cannot be read: %s", strerrordesc_np(errno));
    }
}

int64_t config_check_duration(struct config_check *check, const char *option, const char *value,
                              int64_t otherwise, int64_t most)
{
    int64_t seconds = otherwise;
    if (value == NULL) {
        return seconds;
    }
    struct err err = clock_parse_duration(span_text(value), &seconds);
    if (err.code != ERR_OK) {
        config_find(check, option, "must be a duration such as 90s or 5m");
    } else if (seconds > most) {
        config_find(check, option, "must be at most %llds", (long long)most);
    }
    return seconds;
}

unsigned config_check_number(struct config_check *check, const char *option, const unsigned *value,
                             unsigned otherwise, unsigned most)
{
    if (value == NULL) {
        return otherwise;
    }
    if (*value < 1 || *value > most) {
        config_find(check, option, "must be from 1 to %u", most);
    }
    return *value;
}

/* The host of `http://HOST[:PORT]/…` is a loopback address. */
static bool url_is_loopback(const char *url)
{
    const char *host = url + strlen("http://");
    bool six = host[0] == '[';
    host += six ? 1 : 0;
    size_t len = strcspn(host, six ? "]" : ":/?");
    CLEANUP(mem_free_at) char *text = span_to_text(span_of(host, len));
    return listen_is_loopback(text);
}

void config_check_url(struct config_check *check, const char *option, const char *value)
{
    if (value == NULL) {
        return;
    }
    if (strpbrk(value, "@# \\") != NULL) {
        config_find(check, option, "must have no user, no fragment and no blank");
        return;
    }
    bool secure = span_starts(span_text(value), "https://") && value[8] != '\0';
    bool plain = span_starts(span_text(value), "http://") && value[7] != '\0';
    if (!secure && !(plain && url_is_loopback(value))) {
        config_find(check, option, "must begin with https:// (http:// only on 127.0.0.1 or [::1])");
    }
}
