/* adopt: a version from material that somebody else made. Looking at it changes nothing on the
 * token, so it is looked at, judged, and only then gets a row; from there on it is made like ours,
 * but that nothing is generated, and that undoing it leaves it where it is. */
#include "rotation/adopt.h"

#include "base/mem.h"

#define BIT(attribute) (1u << TOKEN_ATTRIBUTE_##attribute)

uint32_t adoption_extractable(void)
{
    return BIT(EXTRACTABLE) | BIT(NOT_SENSITIVE) | BIT(PUBLIC_OBJECT);
}

uint32_t adoption_modifiable(void)
{
    return BIT(MODIFIABLE) | BIT(COPYABLE);
}

static struct err judge(uint32_t attributes, uint32_t allow)
{
    uint32_t refused = attributes & (adoption_extractable() | adoption_modifiable()) & ~allow;
    bool extractable = (refused & adoption_extractable()) != 0;
    bool modifiable = (refused & adoption_modifiable()) != 0;
    ENSURE(refused == 0, ERR_UNSUPPORTED_OPERATION,
           "the material is %s%s%s; adopt it only if that is known, with \"allow\": [%s%s%s]",
           extractable ? "extractable" : "", extractable && modifiable ? " and " : "",
           modifiable ? "modifiable" : "", extractable ? "\"extractable\"" : "",
           extractable && modifiable ? ", " : "", modifiable ? "\"modifiable\"" : "");
    return err_ok();
}

static struct err look(const struct adopting *adopting, const struct token_selector *which,
                       struct adopted *out)
{
    CLEANUP(buf_clear) struct buf public_key = {0};
    struct adopted found = {
        .key = {.algorithm = adopting->algorithm, .purpose = adopting->purpose}};
    TRY(token_adopt(adopting->token, which, &found.key, adopting->deadline_ns, &found.attributes,
                    &public_key));
    *out = found;
    return err_ok();
}

/* A CKA_ID may read as two; only one of them may be there. */
static struct err look_by_id(const struct adopting *adopting, struct adopted *out)
{
    const struct rotation_adoption *adoption = adopting->adoption;
    struct err last = err_new(ERR_NOT_FOUND, __func__, "no object has this CKA_ID");
    size_t found = 0;
    for (size_t i = 0; i < adoption->cka_id_count; i++) {
        struct token_selector which = {.cka_id = adoption->cka_ids[i]};
        struct err err = look(adopting, &which, out);
        if (err.code == ERR_OK) {
            found++;
        } else if (err.code != ERR_NOT_FOUND) {
            last = err;
        }
    }
    ENSURE(found < 2, ERR_CONFLICT,
           "the CKA_ID reads as hex and as base64, and both are there: name it by its label");
    return found == 1 ? err_ok() : last;
}

struct err adopt_find(const struct adopting *adopting, struct adopted *out)
{
    const struct rotation_adoption *adoption = adopting->adoption;
    struct token_selector which = {.label = adoption->label};
    ENSURE(adopting->approval->m == 0, ERR_UNSUPPORTED_OPERATION,
           "a key that opens by approval has its rule in its CKA_ID, which adopted material does "
           "not have");
    struct adopted found = {0};
    TRY(adoption->cka_id_count > 0 ? look_by_id(adopting, &found) : look(adopting, &which, &found));
    TRY(judge(found.attributes, adoption->allow));
    *out = found;
    return err_ok();
}
