/* roster_book: the rosters of the store, as the chain that they are.
 *
 * The chain is checked once, when it is loaded or grows, and then shown as immutable views that
 * readers hold while they judge. Rosters that do not follow from the pinned root are shown to
 * nobody: somebody has written into the database, and what a quorum decides waits until a person
 * has looked. The mutex guards which view is the newest. */
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sync.h"
#include "rotation/rotation.h"

/* With room for a statement and its votes in a bundle. */
#define CHAIN_TEXT_MAX (BUNDLE_MAX - ((size_t)512 << 10))

/* The view comes first, so that one is the other. */
struct page {
    struct roster_view view;
    atomic_uint references;
    struct roster_row *rows; /* what the links borrow from */
    struct roster_link *links;
    struct link_votes *votes;
    struct roster_chain *chain;
};

/* The votes of one link, read from JSON. */
struct link_votes {
    struct json json;
    struct vote *votes;
    struct buf *signatures;
    size_t count;
};

struct roster_book {
    struct keystore *store;
    uint8_t root[SHA256_LEN];
    pthread_mutex_t mutex; /* guards the rest */
    struct page *newest;   /* NULL: there are none, or … */
    struct err broken;     /* … they do not follow from the root */
};

/* --- one page --- */

static void page_free(struct page *page)
{
    if (page == NULL) {
        return;
    }
    roster_chain_free(page->chain);
    for (size_t i = 0; i < page->view.count; i++) {
        struct link_votes *votes = &page->votes[i];
        for (size_t j = 0; j < votes->count; j++) {
            buf_clear(&votes->signatures[j]);
        }
        mem_free(votes->signatures);
        mem_free(votes->votes);
        json_clear(&votes->json);
    }
    mem_free(page->votes);
    mem_free(page->links);
    mem_free(page->rows);
    mem_free(page);
}

static void page_free_at(struct page **page)
{
    page_free(*page);
}

static struct err read_votes(struct span text, struct link_votes *out)
{
    if (text.len == 0) {
        return err_ok();
    }
    TRY(json_parse(text, &out->json));
    size_t count = json_count(out->json.root);
    ENSURE(json_is(out->json.root, JSON_ARRAY) && count <= QUORUM_VOTES_MAX, ERR_CORRUPT,
           "the votes of a roster are no list of votes");
    out->votes = mem_array(count, sizeof(struct vote));
    out->signatures = mem_array(count, sizeof(struct buf));
    for (const struct json_value *at = json_first(out->json.root); at != NULL; at = json_next(at)) {
        size_t i = out->count++;
        TRY(vote_read(at, &out->signatures[i], &out->votes[i]));
    }
    return err_ok();
}

static struct err link_rows(struct page *page)
{
    page->links = mem_array(page->view.count, sizeof(struct roster_link));
    page->votes = mem_array(page->view.count, sizeof(struct link_votes));
    for (size_t i = 0; i < page->view.count; i++) {
        const struct roster_row *row = &page->rows[i];
        TRY(read_votes(row->votes, &page->votes[i]));
        page->links[i] = (struct roster_link){.roster = row->roster,
                                              .statement = row->statement,
                                              .votes = page->votes[i].votes,
                                              .vote_count = page->votes[i].count};
    }
    return err_ok();
}

/* NULL comes out when the store has none. */
static struct err page_load(const struct roster_book *book, struct page **out)
{
    CLEANUP(page_free_at) struct page *page = mem_alloc(sizeof(*page));
    TRY(keystore_rosters(book->store, &page->rows, &page->view.count));
    if (page->view.count == 0) {
        return err_ok();
    }
    TRY(link_rows(page));
    TRY(roster_chain_open(page->links, page->view.count, book->root, &page->chain));
    page->view.chain = page->chain;
    page->view.newest = roster_chain_newest(page->chain);
    page->view.links = page->links;
    page->view.rows = page->rows;
    atomic_init(&page->references, 1);
    *out = TAKE(page);
    return err_ok();
}

void roster_view_release(const struct roster_view *view)
{
    struct page *page = (struct page *)(uintptr_t)view;
    if (page != NULL && atomic_fetch_sub(&page->references, 1) == 1) {
        page_free(page);
    }
}

void roster_view_release_at(const struct roster_view *const *view)
{
    roster_view_release(*view);
}

/* --- the book --- */

static void put_page(struct roster_book *book, struct page *page, struct err broken)
{
    sync_lock(&book->mutex);
    struct page *old = book->newest;
    book->newest = page;
    book->broken = broken;
    sync_unlock(&book->mutex);
    roster_view_release(old != NULL ? &old->view : NULL);
}

void roster_book_open(struct keystore *store, const uint8_t root[SHA256_LEN],
                      struct roster_book **out)
{
    struct roster_book *book = mem_alloc(sizeof(*book));
    struct page *page = NULL;
    book->store = store;
    memcpy(book->root, root, SHA256_LEN);
    sync_init(&book->mutex, NULL);
    struct err err = page_load(book, &page);
    put_page(book, page, err);
    *out = book;
}

void roster_book_close(struct roster_book *book)
{
    if (book == NULL) {
        return;
    }
    put_page(book, NULL, err_ok());
    sync_destroy(&book->mutex, NULL);
    mem_free(book);
}

const uint8_t *roster_book_root(const struct roster_book *book)
{
    return book->root;
}

struct err roster_book_view(struct roster_book *book, const struct roster_view **out)
{
    ENSURE(book != NULL, ERR_INVALID_STATE,
           "The configuration pins no roster, so no quorum can decide anything here.");
    sync_lock(&book->mutex);
    struct page *page = book->newest;
    struct err broken = book->broken;
    if (page != NULL) {
        (void)atomic_fetch_add(&page->references, 1);
    }
    sync_unlock(&book->mutex);
    ENSURE(broken.code == ERR_OK, ERR_APPROVAL_REQUIRED,
           "The rosters are not to be trusted: %.100s", broken.detail);
    ENSURE(page != NULL, ERR_INVALID_STATE,
           "There is no roster yet: publish the root whose digest the configuration pins.");
    *out = &page->view;
    return err_ok();
}

/* Old links are judged by the moment at which their quorum agreed. A new one has to hold now: not
 * expired, and with the group's waiting time behind it. */
static struct err check_now(const struct roster_view *view, const struct roster_link *link,
                            int64_t now)
{
    struct statement_read statement = {0};
    struct decision decision;
    TRY(statement_parse(link->statement, &statement));
    const struct quorum_case about = {.statement = link->statement,
                                      .says = &statement.is,
                                      .votes = link->votes,
                                      .vote_count = link->vote_count,
                                      .then = view->newest,
                                      .now = view->newest,
                                      .rule_now = statement.is.rule};
    quorum_decide(&about, now, &decision, NULL);
    statement_clear(&statement);
    ENSURE(decision.state == DECISION_MET, ERR_APPROVAL_REQUIRED, "%.150s", decision.reason);
    return err_ok();
}

/* Every opening shows the worker the whole chain: it must stay small enough for that. */
static struct err check_size(const struct roster_link *links, size_t count)
{
    CLEANUP(buf_clear) struct buf text = {.max = CHAIN_TEXT_MAX};
    const struct bundle bundle = {.rosters = links, .roster_count = count};
    struct err err = bundle_write(&bundle, &text);
    ENSURE(err.code != ERR_TOO_LARGE, ERR_TOO_LARGE,
           "The chain of rosters is full: begin a new one from a new root.");
    return err;
}

/* Whether the chain would hold with the new link at its end. */
static struct err check_next(struct roster_book *book, const struct roster_link *link, int64_t now,
                             uint64_t *out_number)
{
    CLEANUP(roster_view_release_at) const struct roster_view *view = NULL;
    struct err err = roster_book_view(book, &view);
    if (err.code != ERR_OK && err.code != ERR_INVALID_STATE) {
        return err;
    }
    size_t count = view != NULL ? view->count : 0;
    ENSURE(count < QUORUM_CHAIN_MAX, ERR_TOO_LARGE, "The chain of rosters is full.");
    CLEANUP(mem_free_at)
    struct roster_link *links = mem_array(count + 1, sizeof(struct roster_link));
    if (count > 0) {
        memcpy(links, view->links, count * sizeof(*links));
    }
    links[count] = *link;
    CLEANUP(roster_chain_free_at) struct roster_chain *chain = NULL;
    TRY(roster_chain_open(links, count + 1, book->root, &chain));
    TRY(count > 0 ? check_now(view, link, now) : err_ok());
    TRY(check_size(links, count + 1));
    *out_number = roster_chain_newest(chain)->number;
    return err_ok();
}

static struct err write_votes(const struct roster_link *link, struct buf *out)
{
    struct json_writer writer = json_writer_on(out);
    json_begin_array(&writer, NULL);
    for (size_t i = 0; i < link->vote_count; i++) {
        vote_put(&writer, NULL, &link->votes[i]);
    }
    json_end_array(&writer);
    return json_finish(&writer);
}

struct err roster_book_add(struct roster_book *book, const struct roster_link *link, int64_t now)
{
    CLEANUP(buf_clear) struct buf votes = {0};
    struct page *page = NULL;
    struct roster_row row = {.roster = link->roster, .statement = link->statement, .added_at = now};
    TRY(check_next(book, link, now, &row.number));
    if (row.number > 1) {
        TRY(write_votes(link, &votes));
        row.votes = buf_span(&votes);
    }
    TRY(keystore_put_roster(book->store, &row));
    struct err err = page_load(book, &page);
    put_page(book, page, err);
    return err;
}
