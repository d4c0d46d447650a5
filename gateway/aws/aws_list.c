/* ListKeys and ListAliases: what the caller may read, page by page.
 *
 * Each key has its own name as an alias, and those that were made for it. A page of aliases may end
 * between two of one key, so a marker names the last key and, behind a line feed, the last alias of
 * it when more follow; it says nothing that the page before did not. */
#include "base/encoding.h"
#include "base/mem.h"
#include "gateway/aws/aws.h"
#include "gateway/ops/key_walk.h"
#include "gateway/policy.h"

#define LIMIT_DEFAULT 100
#define MARKER_MAX    (NAME_MAX_LEN + 1 + ALIAS_MAX)

struct listing {
    struct call *call;
    struct json_writer *writer;
    bool one; /* the aliases of `only` alone, NULL: of none */
    const struct key *only;
    const struct alias *aliases; /* all that were made, by name */
    size_t alias_count;
    size_t room;              /* for so many more */
    bool inside;              /* the page before ended inside of a key, … */
    char last[ALIAS_MAX + 1]; /* … behind this alias that was made for it, or its own name */
    bool cut;                 /* so does this one, in `key` */
    char key[NAME_MAX_LEN + 1];
};

/* --- what is listed --- */

/* The gateway's own keys are nobody's work. */
static bool is_listed(const struct key *key, void *context)
{
    const struct listing *listing = context;
    bool meant = !listing->one || (listing->only != NULL && uuid_equal(listing->only->id, key->id));
    return meant && !span_starts(span_text(key->name), POLICY_RESERVED);
}

static bool is_full(void *context)
{
    const struct listing *listing = context;
    return listing->room == 0;
}

static struct err put_key(const struct key *key, void *context)
{
    char id[UUID_TEXT_LEN + 1], arn[AWS_ARN_MAX];
    struct listing *listing = context;
    uuid_format(key->id, id);
    aws_arn(listing->call, key, arn);
    json_begin_object(listing->writer, NULL);
    json_put_text(listing->writer, "KeyId", id);
    json_put_text(listing->writer, "KeyArn", arn);
    json_end_object(listing->writer);
    listing->room--;
    return err_ok();
}

static void put_one_alias(const struct listing *listing, const struct key *key,
                          const struct alias *alias)
{
    char id[UUID_TEXT_LEN + 1], arn[AWS_ARN_MAX], name[ALIAS_MAX + 8];
    char alias_arn[AWS_ARN_MAX + ALIAS_MAX];
    uuid_format(key->id, id);
    aws_arn(listing->call, key, arn);
    snprintf(name, sizeof(name), "alias/%s", alias->name);
    const char *resource = strstr(arn, "key/");
    snprintf(alias_arn, sizeof(alias_arn), "%.*s%s", (int)(resource - arn), arn, name);
    json_begin_object(listing->writer, NULL);
    json_put_text(listing->writer, "AliasName", name);
    json_put_text(listing->writer, "AliasArn", alias_arn);
    json_put_text(listing->writer, "TargetKeyId", id);
    aws_put_time(listing->writer, "CreationDate", alias->created_at);
    aws_put_time(listing->writer, "LastUpdatedDate", alias->updated_at);
    json_end_object(listing->writer);
}

/* Whether the alias is one of the key's, and not hidden by a key of that name. */
static bool means(const struct listing *listing, const struct alias *alias, const struct key *key)
{
    if (!uuid_equal(alias->key, key->id)) {
        return false;
    }
    CLEANUP(key_release_at)
    const struct key *named = keystore_find(listing->call->gateway->store, span_text(alias->name));
    return named == NULL;
}

static void put_made_aliases(const struct key *key, struct listing *listing)
{
    snprintf(listing->key, sizeof(listing->key), "%s", key->name);
    for (size_t i = 0; i < listing->alias_count && !listing->cut; i++) {
        const struct alias *alias = &listing->aliases[i];
        if (strcmp(alias->name, listing->last) <= 0 || !means(listing, alias, key)) {
            continue;
        }
        listing->cut = listing->room == 0;
        if (!listing->cut) {
            put_one_alias(listing, key, alias);
            snprintf(listing->last, sizeof(listing->last), "%s", alias->name);
            listing->room--;
        }
    }
}

/* There is room for one. */
static struct err put_aliases(const struct key *key, void *context)
{
    struct listing *listing = context;
    struct alias own = {.created_at = key->created_at, .updated_at = key->created_at};
    snprintf(own.name, sizeof(own.name), "%s", key->name);
    put_one_alias(listing, key, &own);
    listing->room--;
    listing->last[0] = '\0';
    put_made_aliases(key, listing);
    return err_ok();
}

/* The rest of the key that the page before ended in. */
static void put_rest(struct listing *listing, const char *name)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(listing->call->gateway->store, span_text(name));
    bool shown = key != NULL && is_listed(key, listing) &&
                 pipeline_may(listing->call, "read", span_text(key->name));
    if (shown) {
        put_made_aliases(key, listing);
    }
}

/* --- pages --- */

static struct err read_marker(struct span marker, struct key_walk *walk, struct listing *listing)
{
    CLEANUP(buf_clear) struct buf text = {.max = MARKER_MAX};
    struct err err = base64url_decode(marker, &text);
    const uint8_t *line =
        err.code == ERR_OK && text.len > 0 ? memchr(text.data, '\n', text.len) : NULL;
    size_t name = line != NULL ? (size_t)(line - text.data) : text.len;
    size_t alias = line != NULL ? text.len - name - 1 : 0;
    ENSURE(err.code == ERR_OK && name < sizeof(walk->after) && alias < sizeof(listing->last),
           ERR_INVALID_FIELD, AWS_MARKER " that was given here.");
    memcpy(walk->after, name > 0 ? text.data : (const uint8_t *)"", name);
    walk->after[name] = '\0';
    listing->inside = line != NULL;
    memcpy(listing->last, alias > 0 ? line + 1 : (const uint8_t *)"", alias);
    listing->last[alias] = '\0';
    return err_ok();
}

static struct err read_page(struct key_walk *walk, struct listing *listing)
{
    int64_t limit = LIMIT_DEFAULT;
    struct span marker = {0};
    const struct loose_field fields[] = {
        {"Limit", LOOSE_INTEGER, 0, &limit, NULL},
        {"Marker", LOOSE_TEXT, 0, &marker, NULL},
    };
    TRY(loose_read(listing->call->json.root, fields, ARRAY_LEN(fields)));
    walk->most = (size_t)limit;
    listing->room = (size_t)limit;
    return read_marker(marker, walk, listing);
}

static void put_next(const struct key_walk *walk, const struct listing *listing)
{
    char marker[MARKER_MAX + 1];
    int len = listing->cut ? snprintf(marker, sizeof(marker), "%s\n%s", listing->key, listing->last)
                           : snprintf(marker, sizeof(marker), "%s", walk->after);
    json_put_bytes_url(listing->writer, "NextMarker", span_of(marker, (size_t)len));
}

static struct err list(struct listing *listing, const char *member,
                       struct err (*visit)(const struct key *key, void *context))
{
    struct json_writer *writer = listing->writer;
    struct key_walk walk = {
        .listed = is_listed, .full = is_full, .visit = visit, .context = listing};
    TRY(read_page(&walk, listing));
    json_begin_array(writer, member);
    if (listing->inside) {
        put_rest(listing, walk.after);
    }
    if (!listing->cut) {
        TRY(key_walk(listing->call, &walk));
    }
    json_end_array(writer);
    bool more = walk.more || listing->cut;
    json_put_flag(writer, "Truncated", more);
    if (more) {
        put_next(&walk, listing);
    }
    return aws_end(writer);
}

struct err aws_list_keys(struct call *call)
{
    struct json_writer writer = aws_begin(call);
    struct listing listing = {.call = call, .writer = &writer};
    return list(&listing, "Keys", put_key);
}

struct err aws_list_aliases(struct call *call)
{
    struct span id = {0};
    CLEANUP(key_release_at) const struct key *only = NULL;
    const struct loose_field field = {"KeyId", LOOSE_TEXT, 0, &id, NULL};
    TRY(loose_read(call->json.root, &field, 1));
    if (id.len > 0) {
        only = aws_resolve(call->gateway, id);
    }
    size_t count = 0;
    CLEANUP(mem_free_at)
    struct alias *aliases = keystore_list_aliases(call->gateway->store, &count);
    struct json_writer writer = aws_begin(call);
    struct listing listing = {.call = call,
                              .writer = &writer,
                              .one = id.len > 0,
                              .only = only,
                              .aliases = aliases,
                              .alias_count = count};
    return list(&listing, "Aliases", put_aliases);
}
