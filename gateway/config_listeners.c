/* Where to listen. What leaves this machine is TLS: a plain listener takes a loopback address
 * only. */
#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"
#include "gateway/config_check.h"
#include "gateway/listen_socket.h"

#define DEFAULT_LISTEN "127.0.0.1:8200"

/* `HOST:PORT` or `[HOST]:PORT`. */
static void check_address(struct config_check *check, const char *option, const char *text,
                          struct config_loaded *loaded, struct config_listener *out)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    unsigned long port = colon != NULL ? strtoul(colon + 1, &end, 10) : ULONG_MAX;
    if (colon == NULL || colon[1] < '0' || colon[1] > '9' || *end != '\0' || port < 1 ||
        port > UINT16_MAX) {
        config_find(check, option, "must be HOST:PORT, the port from 1 to 65535");
        return;
    }
    struct span host = span_of(text, (size_t)(colon - text));
    if (host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']') {
        host = span_of(host.data + 1, host.len - 2);
    }
    out->host = config_keep(loaded, span_to_text(host));
    out->port = (uint16_t)port;
    if (out->tls == NULL && !listen_is_loopback(out->host)) {
        config_find(check, option,
                    "must be a loopback address (127.0.0.1 or [::1]) unless it has `tls`: plain "
                    "HTTP carries bearer tokens in clear");
    }
}

static void check_client_certificates(struct config_check *check, const char *option,
                                      const char *value, enum client_certificates *out)
{
    static const char *const words[] = {[CLIENT_CERTIFICATES_OPTIONAL] = "optional",
                                        [CLIENT_CERTIFICATES_REQUIRED] = "required",
                                        [CLIENT_CERTIFICATES_NONE] = "none"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(value, words[i]) == 0) {
            *out = (enum client_certificates)i;
            return;
        }
    }
    config_find(check, option, "must be optional, required or none");
}

static void check_tls(struct config_check *check, const char *at,
                      const struct config_file_tls *from, struct config_tls *out)
{
    char option[CONFIG_OPTION_MAX + 32];
    const struct {
        const char *member;
        const char *value;
    } files[] = {{"certificate", from->certificate},
                 {"key", from->key},
                 {"client_ca", from->client_ca},
                 {"client_crl", from->client_crl}};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void)snprintf(option, sizeof(option), "%s.%s", at, files[i].member);
        config_check_readable(check, option, files[i].value);
    }
    *out = (struct config_tls){.certificate = from->certificate,
                               .key = from->key,
                               .client_ca = from->client_ca,
                               .client_crl = from->client_crl,
                               .client_certificates = from->client_ca != NULL
                                                          ? CLIENT_CERTIFICATES_OPTIONAL
                                                          : CLIENT_CERTIFICATES_NONE};
    (void)snprintf(option, sizeof(option), "%s.client_certificates", at);
    if (from->client_certificates != NULL) {
        check_client_certificates(check, option, from->client_certificates,
                                  &out->client_certificates);
    }
    if (from->client_ca == NULL && out->client_certificates != CLIENT_CERTIFICATES_NONE) {
        config_find(check, option, "needs client_ca, the authorities of client certificates");
    }
    if (from->client_ca == NULL && from->client_crl != NULL) {
        (void)snprintf(option, sizeof(option), "%s.client_crl", at);
        config_find(check, option, "needs client_ca");
    }
}

static void check_listener(struct config_check *check, struct config_loaded *loaded, size_t index)
{
    char option[CONFIG_OPTION_MAX];
    const struct config_file_listener *from = &loaded->file->listeners[index];
    struct config_listener *out = &loaded->listeners[index];
    if (from->tls != NULL) {
        check_tls(check, config_option(option, "listeners", index, "tls"), from->tls,
                  &loaded->tls[index]);
        out->tls = &loaded->tls[index];
    }
    check_address(check, config_option(option, "listeners", index, "address"), from->address,
                  loaded, out);
}

void config_check_listeners(struct config_check *check, struct config_loaded *loaded)
{
    const struct config_file *file = loaded->file;
    size_t count = file->listeners_count > 0 ? file->listeners_count : 1;
    loaded->listeners = mem_array(count, sizeof(*loaded->listeners));
    loaded->tls = mem_array(count, sizeof(*loaded->tls));
    loaded->config.listeners = loaded->listeners;
    loaded->config.listener_count = count;
    if (file->listeners_count == 0) {
        check_address(check, "listen", file->listen != NULL ? file->listen : DEFAULT_LISTEN, loaded,
                      &loaded->listeners[0]);
        return;
    }
    if (file->listen != NULL) {
        config_find(check, "listen", "is short for one entry of `listeners`: use one of the two");
    }
    for (size_t i = 0; i < file->listeners_count; i++) {
        check_listener(check, loaded, i);
    }
}
