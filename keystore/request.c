/* The life of a request, as a table: there is no way out of a state that ends it, and none into
 * `opening` but from `approved`, so that nothing is opened twice. Back from there goes only what
 * the token was certainly not asked. */
#include "keystore/request.h"

#include <assert.h>
#include <stdalign.h>

#include "base/mem.h"
#include "keystore/arena.h"
#include "quorum/quorum.h"

#define BIT(state) (1u << REQUEST_##state)

static const struct {
    const char *name;
    unsigned next;
} states[REQUEST_STATE_END] = {
    [REQUEST_PENDING] = {"pending", BIT(APPROVED) | BIT(DENIED) | BIT(CANCELLED) | BIT(EXPIRED)},
    [REQUEST_APPROVED] = {"approved", BIT(OPENING) | BIT(DENIED) | BIT(CANCELLED) | BIT(EXPIRED) |
                                          BIT(PENDING) /* who approved has left the roster */},
    [REQUEST_OPENING] = {"opening", BIT(OPENED) | BIT(FAILED) | BIT(INDETERMINATE) |
                                        BIT(APPROVED) /* there was no room for it */},
    [REQUEST_OPENED] = {"opened", 0},
    [REQUEST_DENIED] = {"denied", 0},
    [REQUEST_CANCELLED] = {"cancelled", 0},
    [REQUEST_EXPIRED] = {"expired", 0},
    [REQUEST_FAILED] = {"failed", 0},
    [REQUEST_INDETERMINATE] = {"indeterminate", 0},
};

const char *request_state_name(enum request_state state)
{
    assert(state > 0 && state < REQUEST_STATE_END);
    return states[state].name;
}

bool request_state_by_name(struct span name, enum request_state *out)
{
    for (enum request_state state = REQUEST_PENDING; state < REQUEST_STATE_END; state++) {
        if (span_is(name, states[state].name)) {
            *out = state;
            return true;
        }
    }
    return false;
}

bool request_allows(enum request_state from, enum request_state to)
{
    return (states[from].next >> to & 1) != 0;
}

/* A roster's statement stands with the roster, not here. */
bool request_kind_known(const char *kind)
{
    enum statement_kind known;
    return kind != NULL && statement_kind_by_name(span_text(kind), &known) &&
           known != STATEMENT_ROSTER;
}

/* --- one block --- */

static const struct request_vote *place_votes(struct arena *arena,
                                              const struct quorum_request *draft)
{
    struct request_vote *votes = arena_place(
        arena, draft->votes, draft->vote_count * sizeof(*votes), alignof(struct request_vote));
    for (size_t i = 0; i < draft->vote_count; i++) {
        struct request_vote vote = draft->votes[i];
        vote.voter = arena_text(arena, vote.voter);
        vote.choice = arena_text(arena, vote.choice);
        vote.format = arena_text(arena, vote.format);
        vote.signed_at = arena_text(arena, vote.signed_at);
        vote.signature = arena_span(arena, vote.signature);
        if (votes != NULL) {
            votes[i] = vote;
        }
    }
    return votes;
}

static struct quorum_request place_request(struct arena *arena, const struct quorum_request *draft)
{
    struct quorum_request request = *draft;
    request.votes = place_votes(arena, draft);
    request.kind = arena_text(arena, draft->kind);
    request.key = arena_text(arena, draft->key);
    request.requester = arena_text(arena, draft->requester);
    request.statement = arena_span(arena, draft->statement);
    request.ciphertext = arena_span(arena, draft->ciphertext);
    request.context = arena_span(arena, draft->context);
    request.outcome = arena_text(arena, draft->outcome);
    request.result = arena_span(arena, draft->result);
    return request;
}

const struct quorum_request *request_make(const struct quorum_request *draft)
{
    struct arena arena = {.used = sizeof(*draft)};
    (void)place_request(&arena, draft);
    arena.base = mem_alloc(arena.used);
    arena.used = sizeof(*draft);
    struct quorum_request *request = (struct quorum_request *)(void *)arena.base;
    *request = place_request(&arena, draft);
    return request;
}

void request_free(const struct quorum_request *request)
{
    mem_free((void *)(uintptr_t)request);
}

void request_free_at(const struct quorum_request *const *request)
{
    request_free(*request);
}

void request_list_free(const struct quorum_request **requests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        request_free(requests[i]);
    }
    mem_free((void *)(uintptr_t)requests);
}
