/* freeze: one person's stop for a key, kept with it until it is let go. Who may do either is the
 * gateway's to say. */
#include "base/mem.h"
#include "base/sync.h"
#include "keystore/db_keys.h"
#include "keystore/draft.h"

static struct err freeze_locked(struct keystore *store, struct span name,
                                const struct freeze *freeze)
{
    static const struct freeze none;
    CLEANUP(draft_clear) struct draft draft = {0};
    TRY(draft_begin(store, name, &draft));
    bool is_frozen = draft.key.frozen.at != 0;
    ENSURE(freeze == NULL || !is_frozen, ERR_INVALID_STATE, "the key is frozen already");
    ENSURE(freeze != NULL || is_frozen, ERR_INVALID_STATE, "the key is not frozen");
    draft.key.frozen = freeze != NULL ? *freeze : none;
    TRY(db_begin(store->db));
    TRY(db_end(store->db, db_keys_write(store->db, &draft.key)));
    draft_show(store, &draft.key);
    return err_ok();
}

struct err keystore_freeze(struct keystore *store, struct span name, const struct freeze *freeze)
{
    ENSURE(freeze == NULL || freeze->at > 0, ERR_INTERNAL, "a freeze without a time");
    sync_lock(&store->writer);
    struct err err = freeze_locked(store, name, freeze);
    sync_unlock(&store->writer);
    return err;
}
