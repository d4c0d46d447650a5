/* Threads, times and rates. */
#include "base/mem.h"
#include "gateway/config_check.h"

#define DEFAULT_IO_THREADS    1
#define SPARE_REQUEST_THREADS 32 /* that one token that hangs cannot hold */
#define TOKEN_REQUEST_THREADS 32 /* for each token, or one for each channel */
#define REQUEST_THREADS_MAX   1024
#define DEFAULT_CONNECTIONS   4096
#define CONNECTIONS_MAX       100000
#define DEFAULT_RECEIVE_S     30
#define DEFAULT_REQUEST_S     30
#define TIME_MAX_S            3600
#define DEFAULT_JWKS_S        300
#define JWKS_MAX_S            86400
#define RATE_MAX              1000000
#define DEFAULT_TOKEN_QUEUE   0 /* as many as the token has channels */

/* Some for each token and some more, so that a token that hangs cannot hold them all. */
static unsigned default_request_threads(const struct config *config)
{
    unsigned threads = SPARE_REQUEST_THREADS;
    for (size_t i = 0; i < config->token_count; i++) {
        unsigned channels = config->tokens[i].channels;
        threads += channels > TOKEN_REQUEST_THREADS ? channels : TOKEN_REQUEST_THREADS;
    }
    return threads < REQUEST_THREADS_MAX ? threads : REQUEST_THREADS_MAX;
}

/* What a token may hold of the request threads; the rest is for the others, half of few. */
static unsigned calls_max_of(const struct config *config)
{
    unsigned threads = config->request_threads;
    unsigned spare = threads < 2 * SPARE_REQUEST_THREADS ? threads / 2 : SPARE_REQUEST_THREADS;
    return config->token_count > 1 ? threads - spare : 0;
}

/* 0 and absent: no limit; a burst is at least one second's worth unless it is given. */
static struct config_rate check_rate(struct config_check *check, const char *option,
                                     const unsigned *per_second, const unsigned *burst)
{
    struct config_rate rate = {.per_second = per_second != NULL ? *per_second : 0};
    rate.burst = burst != NULL ? *burst : rate.per_second;
    if (rate.per_second > RATE_MAX || rate.burst > RATE_MAX) {
        config_find(check, option, "must be at most %d a second, and the burst as well", RATE_MAX);
    }
    if (rate.per_second > 0 && rate.burst == 0) {
        config_find(check, option, "a burst of 0 lets nothing through");
    }
    if (rate.per_second == 0 && rate.burst > 0) {
        config_find(check, option, "a burst needs per_second");
    }
    return rate;
}

static struct config_rate_rule *check_rules(struct config_check *check, const char *list,
                                            const struct config_file_rate_rule *from, size_t count)
{
    struct config_rate_rule *rules = mem_array(count, sizeof(*rules));
    for (size_t i = 0; i < count; i++) {
        char option[CONFIG_OPTION_MAX];
        rules[i].pattern = from[i].pattern;
        rules[i].rate = check_rate(check, config_option(option, list, i, "pattern"),
                                   from[i].per_second, from[i].burst);
    }
    return rules;
}

static void check_rates(struct config_check *check, struct config_loaded *loaded)
{
    static const struct config_file_limits none;
    static const struct config_file_rate no_rate;
    const struct config_file_limits *from =
        loaded->file->limits != NULL ? loaded->file->limits : &none;
    const struct config_file_rate *principal = from->principal != NULL ? from->principal : &no_rate;
    const struct config_file_rate *key = from->key != NULL ? from->key : &no_rate;
    struct config_limits *out = &loaded->config.limits;
    out->principal = check_rate(check, "limits.principal", principal->per_second, principal->burst);
    out->key = check_rate(check, "limits.key", key->per_second, key->burst);
    loaded->principal_rules =
        check_rules(check, "limits.principals", from->principals, from->principals_count);
    loaded->key_rules = check_rules(check, "limits.keys", from->keys, from->keys_count);
    out->principals = loaded->principal_rules;
    out->principal_count = from->principals_count;
    out->keys = loaded->key_rules;
    out->key_count = from->keys_count;
    out->connections_per_address = config_check_number(
        check, "limits.connections_per_address", from->connections_per_address, 0, CONNECTIONS_MAX);
    out->token_queue = config_check_number(check, "limits.token_queue", from->token_queue,
                                           DEFAULT_TOKEN_QUEUE, REQUEST_THREADS_MAX);
}

void config_check_limits(struct config_check *check, struct config_loaded *loaded)
{
    const struct config_file *file = loaded->file;
    struct config *config = &loaded->config;
    config->io_threads =
        config_check_number(check, "io_threads", file->io_threads, DEFAULT_IO_THREADS, 64);
    config->request_threads =
        config_check_number(check, "request_threads", file->request_threads,
                            default_request_threads(config), REQUEST_THREADS_MAX);
    config->calls_max = calls_max_of(config);
    config->connections_max = config_check_number(check, "connections", file->connections,
                                                  DEFAULT_CONNECTIONS, CONNECTIONS_MAX);
    config->receive_ms = config_check_duration(check, "receive_timeout", file->receive_timeout,
                                               DEFAULT_RECEIVE_S, TIME_MAX_S) *
                         1000;
    config->request_ms = config_check_duration(check, "request_timeout", file->request_timeout,
                                               DEFAULT_REQUEST_S, TIME_MAX_S) *
                         1000;
    config->jwks_max_age_s = config_check_duration(check, "jwks_max_age", file->jwks_max_age,
                                                   DEFAULT_JWKS_S, JWKS_MAX_S);
    check_rates(check, loaded);
}
