/* certify: the X.509 chain that is kept with a version. */
#include "base/mem.h"
#include "base/sync.h"
#include "keystore/db_keys.h"
#include "keystore/draft.h"

static struct err certify_locked(struct keystore *store, struct span name, uint32_t number,
                                 const char *chain)
{
    CLEANUP(draft_clear) struct draft draft = {0};
    struct version *version = NULL;
    TRY(draft_begin(store, name, &draft));
    TRY(draft_version(&draft, number, &version));
    ENSURE(version->public_key.len > 0 && version->state != VERSION_DESTROYED, ERR_INVALID_STATE,
           "version %u has no key that could be certified", number);
    version->certificates = chain;
    TRY(db_begin(store->db));
    TRY(db_end(store->db, db_versions_certify(store->db, draft.key.id, number, chain)));
    draft_show(store, &draft.key);
    return err_ok();
}

struct err keystore_certify(struct keystore *store, struct span name, uint32_t number,
                            const char *chain)
{
    sync_lock(&store->writer);
    struct err err = certify_locked(store, name, number, chain);
    sync_unlock(&store->writer);
    return err;
}
