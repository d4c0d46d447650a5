/* Speaks to one server with libcurl. Answers are bounded, redirects are not followed, and the token
 * is sent to nobody else. */
#include "cli/client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/name.h"

#define ANSWER_MAX      ((size_t)16 << 20)
#define DEFAULT_ADDRESS "http://127.0.0.1:8200"
#define UNIX_PREFIX     "unix:"

struct client {
    CURL *curl;
    const char *address; /* as the user gave it */
    const char *base;    /* what a path is put behind */
    size_t base_len;     /* without slashes at its end */
    struct curl_slist *headers;
};

static struct err set_address(struct client *client)
{
    const char *address = getenv("HSMGATE_ADDR");
    client->address = address == NULL || *address == '\0' ? DEFAULT_ADDRESS : address;
    if (strncmp(client->address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
        curl_easy_setopt(client->curl, CURLOPT_UNIX_SOCKET_PATH,
                         client->address + strlen(UNIX_PREFIX));
        client->base = "http://localhost";
        client->base_len = strlen(client->base);
        return err_ok();
    }
    ENSURE(strncmp(client->address, "http://", 7) == 0 ||
               strncmp(client->address, "https://", 8) == 0,
           ERR_CONFIG,
           "HSMGATE_ADDR is '%s': it must start with http://, https:// or unix:", client->address);
    client->base = client->address;
    client->base_len = strlen(client->base);
    while (client->base[client->base_len - 1] == '/') {
        client->base_len--;
    }
    return err_ok();
}

static void set_credentials(struct client *client)
{
    const char *token = getenv("HSMGATE_TOKEN");
    client->headers = curl_slist_append(client->headers, "Content-Type: application/json");
    client->headers = curl_slist_append(client->headers, "Expect:");
    if (token != NULL && *token != '\0') {
        CLEANUP(mem_free_at) char *header = mem_format("Authorization: Bearer %s", token);
        client->headers = curl_slist_append(client->headers, header);
        mem_wipe(header, strlen(header));
    }
    static const struct {
        const char *variable;
        CURLoption option;
    } files[] = {{"HSMGATE_CACERT", CURLOPT_CAINFO},
                 {"HSMGATE_CERT", CURLOPT_SSLCERT},
                 {"HSMGATE_KEY", CURLOPT_SSLKEY}};
    bool only_this_ca = false;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        const char *path = getenv(files[i].variable);
        if (path != NULL && *path != '\0') {
            curl_easy_setopt(client->curl, files[i].option, path);
            only_this_ca = only_this_ca || files[i].option == CURLOPT_CAINFO;
        }
    }
    if (only_this_ca) { /* else the system's folder of authorities would be believed, too */
        curl_easy_setopt(client->curl, CURLOPT_CAPATH, NULL);
    }
}

static void client_close_at(struct client **client)
{
    client_close(*client);
}

struct err client_open(struct client **out)
{
    CLEANUP(client_close_at) struct client *client = mem_alloc(sizeof *client);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    client->curl = curl_easy_init();
    ENSURE(client->curl != NULL, ERR_INTERNAL, "libcurl could not be started");
    TRY(set_address(client));
    set_credentials(client);
    *out = TAKE(client);
    return err_ok();
}

void client_close(struct client *client)
{
    if (client == NULL) {
        return;
    }
    curl_slist_free_all(client->headers);
    curl_easy_cleanup(client->curl);
    curl_global_cleanup();
    mem_free(client);
}

const char *client_address(const struct client *client)
{
    return client->address;
}

void response_clear(struct response *response)
{
    buf_clear(&response->body);
}

static size_t take_bytes(char *bytes, size_t size, size_t count, void *arg)
{
    struct buf *body = arg;
    const struct err err = buf_append(body, span_of(bytes, size * count));
    return err.code == ERR_OK ? size * count : 0;
}

/* One line of the answer's head; of them all only Cache-Control is wanted. */
static size_t take_header(char *bytes, size_t size, size_t count, void *arg)
{
    static const char name[] = "cache-control:";
    static const char age[] = "max-age=";
    int64_t *max_age_s = arg;
    if (size * count < sizeof name || strncasecmp(bytes, name, sizeof name - 1) != 0) {
        return size * count;
    }
    CLEANUP(mem_free_at) char *line = span_to_text(span_of(bytes, size * count));
    const char *found = strcasestr(line, age);
    *max_age_s = found != NULL ? strtoll(found + sizeof age - 1, NULL, 10) : 0;
    return size * count;
}

static void set_request(struct client *client, const char *method, struct span body)
{
    CURL *curl = client->curl;
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, client->headers);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 120L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    if (body.len > 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)body.data);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    } else {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, NULL);
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    }
}

/* Parts of a path may be arguments: what libcurl would cut off, encode or refuse is refused here.
 * Only values of the query are escaped, by who writes them. */
static struct err check_path(const char *path)
{
    const char *query = path + strcspn(path, "?");
    for (const char *at = path; *at != '\0'; at++) {
        const bool is_escape = *at == '%' && at > query;
        ENSURE(is_escape || (*at > ' ' && *at < 0x7f && strchr("#%\\\"<>^`{|}", *at) == NULL),
               ERR_INVALID_NAME, "'%s' has a character that no name may have", path);
    }
    return err_ok();
}

struct err client_exchange(struct client *client, const char *method, const char *path,
                           struct span body, struct response *out)
{
    TRY(check_path(path));
    CLEANUP(mem_free_at)
    char *url = mem_format("%.*s%s", (int)client->base_len, client->base, path);
    CLEANUP(response_clear) struct response response = {0};
    buf_init(&response.body, ANSWER_MAX);
    set_request(client, method, body);
    curl_easy_setopt(client->curl, CURLOPT_URL, url);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, &response.body);
    curl_easy_setopt(client->curl, CURLOPT_HEADERDATA, &response.max_age_s);
    const CURLcode code = curl_easy_perform(client->curl);
    ENSURE(code == CURLE_OK, ERR_IO, "%s: %s", client->address, curl_easy_strerror(code));
    curl_off_t retry_after = 0;
    curl_easy_getinfo(client->curl, CURLINFO_RETRY_AFTER, &retry_after);
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &out->status);
    out->retry_after_s = (int64_t)retry_after;
    out->max_age_s = response.max_age_s;
    buf_move(&out->body, &response.body);
    return err_ok();
}

/* The code whose word stands in a problem document. */
static enum err_code code_of_word(struct span word)
{
    for (int code = ERR_OK + 1; code < ERR_COUNT; code++) {
        if (span_is(word, err_word((enum err_code)code))) {
            return (enum err_code)code;
        }
    }
    return ERR_INTERNAL;
}

struct err client_problem_of(const struct json_value *problem)
{
    struct span word = {0};
    struct span detail = {0};
    ENSURE(problem != NULL && json_as_text(json_member(problem, "code"), &word) &&
               json_as_text(json_member(problem, "detail"), &detail),
           ERR_INTERNAL, "the server answered without a problem document: is it hsmgate?");
    return err_new(code_of_word(word), __func__, "%.*s", (int)detail.len,
                   (const char *)detail.data);
}

struct err client_problem(const struct response *response)
{
    CLEANUP(json_clear) struct json json = {0};
    const struct err parsed = json_parse(buf_span(&response->body), &json);
    ENSURE(parsed.code == ERR_OK && json_member(json.root, "code") != NULL, ERR_INTERNAL,
           "the server answered HTTP %ld without a problem document: is it hsmgate?",
           response->status);
    return client_problem_of(json.root);
}

struct err client_call(struct client *client, const char *method, const char *path,
                       struct span body, struct response *out)
{
    CLEANUP(response_clear) struct response response = {0};
    TRY(client_exchange(client, method, path, body, &response));
    if (response.status < 200 || response.status > 299) {
        return client_problem(&response);
    }
    out->status = response.status;
    out->max_age_s = response.max_age_s;
    buf_move(&out->body, &response.body);
    return err_ok();
}

struct err client_key_path(const char *name, const char *verb, char **out)
{
    struct span bare = {0};
    uint32_t version = 0;
    TRY(name_split_version(span_text(name), &bare, &version));
    TRY(name_check(bare));
    *out = mem_format("/v1/keys/%s%s", name, verb);
    return err_ok();
}

struct err client_call_key(struct client *client, const char *method, const char *name,
                           const char *verb, struct span body, struct response *out)
{
    CLEANUP(mem_free_at) char *path = NULL;
    TRY(client_key_path(name, verb, &path));
    return client_call(client, method, path, body, out);
}

struct err client_fetch(struct client *client, const char *method, const char *path,
                        struct span body, struct response *out, struct json *out_json)
{
    TRY(client_call(client, method, path, body, out));
    return json_parse(buf_span(&out->body), out_json);
}
