/* One HTTPS exchange with libcurl. Whatever libcurl would take from its surroundings (proxies,
 * redirects, netrc, cookies, the system's authorities beside ours) is set here to what the face
 * promises, so that an answer comes from the host in the configuration or not at all.
 *
 * The URL is parsed once, by libcurl; the checks look at that parse and the transfer uses it, so no
 * second reading can differ. A handle lives for one exchange; nothing is shared, nothing locks. */
#include "gateway/fetch.h"

#include <curl/curl.h>

#include "base/clock.h"
#include "base/mem.h"

#define URL_LEN_MAX 2048
#define CONNECT_MS  5000
#define DROPPED_MAX ((size_t)64 << 10)
#define STATUS_OK   200

static void url_cleanup(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void easy_cleanup(CURL **curl)
{
    curl_easy_cleanup(*curl);
}

static void list_cleanup(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

static bool part_is(CURLU *url, CURLUPart part, const char *const *texts, size_t count)
{
    char *found = NULL;
    bool is = false;
    if (curl_url_get(url, part, &found, 0) == CURLUE_OK) {
        for (size_t i = 0; i < count; i++) {
            is = is || strcmp(found, texts[i]) == 0;
        }
    }
    curl_free(found);
    return is;
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char *found = NULL;
    CURLUcode code = curl_url_get(url, part, &found, 0);
    curl_free(found);
    return code == CURLUE_OK;
}

/* Only plain characters: what a URL parser may drop or turn is not there to be dropped or turned.
 */
static bool is_plain(const char *url)
{
    size_t len = 0;
    while (len <= URL_LEN_MAX && url[len] > ' ' && url[len] < 0x7f && url[len] != '\\') {
        len++;
    }
    return url[len] == '\0' && len > 0;
}

static struct err parse_url(const char *text, CURLU *url)
{
    static const char *const loopback[] = {"127.0.0.1", "[::1]", "localhost"};
    static const char *const tls[] = {"https"};
    static const char *const plain[] = {"http"};
    ENSURE(url != NULL, ERR_INTERNAL, "libcurl could not be started");
    ENSURE(is_plain(text), ERR_CONFIG, "a URL has no blanks and no other than ASCII characters");
    ENSURE(curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) == CURLUE_OK, ERR_CONFIG,
           "this is no URL of the form https://HOST/PATH, without a user");
    bool is_tls = part_is(url, CURLUPART_SCHEME, tls, ARRAY_LEN(tls));
    ENSURE(is_tls || part_is(url, CURLUPART_SCHEME, plain, ARRAY_LEN(plain)), ERR_CONFIG,
           "the URL must be https, or http on a loopback address");
    ENSURE(is_tls || part_is(url, CURLUPART_HOST, loopback, ARRAY_LEN(loopback)), ERR_CONFIG,
           "http is for loopback addresses; another host needs https");
    ENSURE(!has_part(url, CURLUPART_FRAGMENT), ERR_CONFIG, "the URL must have no fragment");
    return err_ok();
}

struct err fetch_check_url(const char *url)
{
    CLEANUP(url_cleanup) CURLU *parsed = curl_url();
    return parse_url(url, parsed);
}

/* --- the exchange --- */

/* Where a reply's body goes. */
struct sink {
    struct buf *body; /* NULL: nowhere */
    size_t left;
    bool full;
};

static size_t take_bytes(char *bytes, size_t size, size_t count, void *arg)
{
    struct sink *sink = arg;
    size_t len = size * count;
    if (len > sink->left) {
        sink->full = true;
        return 0;
    }
    sink->left -= len;
    if (sink->body != NULL) {
        struct err err = buf_append(sink->body, span_of(bytes, len));
        sink->full = err.code != ERR_OK;
    }
    return sink->full ? 0 : len;
}

/* Whether every option was taken: one that is not would leave a default that is less strict. */
static bool set_rules(CURL *curl, CURLU *url, const char *ca, int64_t left_ms)
{
    bool good = curl_easy_setopt(curl, CURLOPT_CURLU, url) == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
    good = good &&
           curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
    good = good &&
           curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)left_ms) == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) == CURLE_OK;
    if (ca != NULL) {
        /* the file replaces the system's folder of authorities, it does not add to it */
        good = good && curl_easy_setopt(curl, CURLOPT_CAINFO, ca) == CURLE_OK;
        good = good && curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK;
    }
    return good;
}

static bool set_sink(CURL *curl, struct sink *sink)
{
    bool good = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes) == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_WRITEDATA, sink) == CURLE_OK;
    return good;
}

static bool set_post(CURL *curl, struct curl_slist *headers, struct span body)
{
    bool good = curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                                    body.len > 0 ? (const char *)body.data : "") == CURLE_OK;
    good = good &&
           curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len) == CURLE_OK;
    good = good && curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
    return good;
}

/* Runs what is set; the error's text is libcurl's and names no URL. */
static struct err perform(CURL *curl, const struct sink *sink, int *out_status)
{
    long status = 0;
    CURLcode code = curl_easy_perform(curl);
    ENSURE(!sink->full, ERR_TOO_LARGE, "the reply is too large");
    ENSURE(code != CURLE_OPERATION_TIMEDOUT, ERR_DEADLINE, "no whole reply in time");
    ENSURE(code == CURLE_OK, ERR_IO, "%s", curl_easy_strerror(code));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    *out_status = (int)status;
    return err_ok();
}

struct err fetch_get(const char *url, const char *ca, size_t max, int64_t deadline_ns,
                     struct buf *out)
{
    CLEANUP(url_cleanup) CURLU *parsed = curl_url();
    CLEANUP(easy_cleanup) CURL *curl = curl_easy_init();
    CLEANUP(buf_clear) struct buf body = {0};
    struct sink sink = {.body = &body, .left = max};
    int64_t left_ms = clock_left_ms(deadline_ns);
    int status = 0;
    TRY(parse_url(url, parsed));
    ENSURE(left_ms > 0, ERR_DEADLINE, "no whole reply in time");
    buf_init(&body, max > 0 ? max : 1);
    ENSURE(curl != NULL && set_rules(curl, parsed, ca, left_ms) && set_sink(curl, &sink),
           ERR_INTERNAL, "libcurl could not be started");
    TRY(perform(curl, &sink, &status));
    ENSURE(status == STATUS_OK, ERR_IO, "the reply's status is %d", status);
    buf_move(out, &body);
    return err_ok();
}

static bool add_header(struct curl_slist **headers, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*headers, line);
    *headers = longer != NULL ? longer : *headers;
    return longer != NULL;
}

static bool set_headers(const struct fetch_message *message, struct curl_slist **headers)
{
    CLEANUP(mem_free_at) char *type = mem_format("Content-Type: %s", message->content_type);
    return add_header(headers, type) &&
           (message->header == NULL || add_header(headers, message->header));
}

struct err fetch_post(const char *url, const char *ca, const struct fetch_message *message,
                      int64_t deadline_ns, int *out_status)
{
    CLEANUP(url_cleanup) CURLU *parsed = curl_url();
    CLEANUP(easy_cleanup) CURL *curl = curl_easy_init();
    CLEANUP(list_cleanup) struct curl_slist *headers = NULL;
    struct sink sink = {.left = DROPPED_MAX};
    int64_t left_ms = clock_left_ms(deadline_ns);
    TRY(parse_url(url, parsed));
    ENSURE(left_ms > 0, ERR_DEADLINE, "no whole reply in time");
    ENSURE(curl != NULL && set_headers(message, &headers) && set_rules(curl, parsed, ca, left_ms) &&
               set_sink(curl, &sink) && set_post(curl, headers, message->body),
           ERR_INTERNAL, "libcurl could not be started");
    return perform(curl, &sink, out_status);
}
