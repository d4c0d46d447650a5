/* Figures that others keep, as text. Each is read when somebody asks; nothing here is on the path
 * of a request. gauges_*.c have one part each; the text format itself is here. */
#include "gateway/gauges.h"

#include "base/mem.h"
#include "gateway/gauges_inner.h"

struct err gauges_head(struct buf *out, const char *name, const char *type, const char *help)
{
    return buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Text that stays what it is within the quotes of a label. */
static bool is_plain(char c)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

struct err gauges_label(struct buf *out, const char *name, const char *value)
{
    TRY(buf_printf(out, "%s=\"", name));
    for (const char *at = value; *at != '\0'; at++) {
        size_t plain = 0;
        while (is_plain(at[plain])) {
            plain++;
        }
        TRY(buf_append(out, span_of(at, plain)));
        at += plain;
        if (*at == '\0') {
            break;
        }
        bool quoted = *at == '"' || *at == '\\';
        TRY(quoted ? buf_printf(out, "\\%c", *at)
                   : buf_printf(out, "\\\\x%02x", (unsigned)(uint8_t)*at));
    }
    return buf_append_text(out, "\"");
}

struct err gauges_one(struct buf *out, const char *name, const char *type, const char *help,
                      uint64_t value)
{
    TRY(gauges_head(out, name, type, help));
    return buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

struct err gauges_write(const struct gateway *gateway, struct buf *out)
{
    TRY(gauges_head(out, "hsmgate_build_info", "gauge", "The version, as a label."));
    TRY(buf_printf(out, "hsmgate_build_info{version=\"%s\"} 1\n", HSMGATE_VERSION));
    TRY(gauges_one(out, "hsmgate_start_time_seconds", "gauge", "When the gateway started.",
                   (uint64_t)(gateway->started_ms / 1000)));
    TRY(gauges_one(out, "hsmgate_keys", "gauge", "Keys in the store.",
                   keystore_count(gateway->store)));
    TRY(gauges_server(gateway->server, out));
    TRY(gauges_audit(gateway, out));
    TRY(gauges_issuers(gateway->issuers, out));
    TRY(gauges_rotation(gateway, out));
    TRY(gauges_quorum(gateway, out));
    return gauges_tokens(gateway, out);
}
