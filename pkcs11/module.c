/* module: dlopen, C_Initialize and the choice of the token.
 *
 * Slot numbers change between starts, so a token is chosen by what is written on it. Exactly one
 * must match, or the worker does not start: a PIN must never be spent on a guess. */
#include "pkcs11/module.h"

#include <dlfcn.h>
#include <string.h>

#include "base/banned.h"
#include "base/mem.h"
#include "pkcs11/ckr.h"

#define SLOTS_MAX 1024

/* NSS reads a longer structure than the standard's; what follows must be zero. */
struct init_args {
    CK_C_INITIALIZE_ARGS standard;
    void *tail[4];
};

static struct err initialize(CK_FUNCTION_LIST *list, char *init_args)
{
    struct init_args args = {.standard = {.flags = CKF_OS_LOCKING_OK}};
    args.standard.pReserved = init_args;
    CK_RV ckr = list->C_Initialize(&args);
    ENSURE(ckr_rule(ckr)->class == FRAME_OK, ERR_TOKEN_UNAVAILABLE,
           "C_Initialize failed with CKR_%s (0x%lx): check init_args and the module's own set-up",
           ckr_name(ckr), ckr);
    return err_ok();
}

/* Copies a field padded with blanks (or, against the standard, with NUL). */
static void trim(char out[TOKEN_TEXT_MAX + 1], const CK_UTF8CHAR *field, size_t len)
{
    while (len > 0 && (field[len - 1] == ' ' || field[len - 1] == '\0')) {
        len--;
    }
    memcpy(out, field, len);
    out[len] = '\0';
}

static void describe(struct module *module, CK_SLOT_ID slot, const CK_TOKEN_INFO *info)
{
    module->slot = slot;
    module->hardware = info->hardwareVersion;
    module->firmware = info->firmwareVersion;
    trim(module->label, info->label, sizeof(info->label));
    trim(module->serial, info->serialNumber, sizeof(info->serialNumber));
    trim(module->manufacturer, info->manufacturerID, sizeof(info->manufacturerID));
    trim(module->model, info->model, sizeof(info->model));
}

static bool matches(const struct module *module, const struct worker_token *wanted)
{
    if (wanted->label != NULL) {
        return strcmp(module->label, wanted->label) == 0;
    }
    return strcmp(module->serial, wanted->serial) == 0;
}

static struct err list_slots(CK_FUNCTION_LIST *list, CK_SLOT_ID **out, CK_ULONG *out_count)
{
    CK_ULONG count = SLOTS_MAX;
    CLEANUP(mem_free_at) CK_SLOT_ID *slots = mem_array(SLOTS_MAX, sizeof(CK_SLOT_ID));
    CK_RV ckr = list->C_GetSlotList(CK_TRUE, slots, &count);
    ENSURE(ckr == CKR_OK, ERR_TOKEN_UNAVAILABLE, "C_GetSlotList failed with CKR_%s (0x%lx)",
           ckr_name(ckr), ckr);
    *out_count = count;
    *out = TAKE(slots);
    return err_ok();
}

static struct err pick(const struct worker_config *config, struct module *module)
{
    CLEANUP(mem_free_at) CK_SLOT_ID *slots = NULL;
    CK_ULONG count = 0;
    struct module found = {.list = module->list};
    unsigned hits = 0;
    TRY(list_slots(module->list, &slots, &count));
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info = {0};
        struct module seen = {.list = module->list};
        bool read = module->list->C_GetTokenInfo(slots[i], &info) == CKR_OK;
        if (!read || (info.flags & CKF_TOKEN_INITIALIZED) == 0) {
            continue;
        }
        describe(&seen, slots[i], &info);
        if (matches(&seen, &config->token)) {
            found = seen;
            hits++;
        }
    }
    const char *option = config->token.label != NULL ? "label" : "serial";
    const char *name = config->token.label != NULL ? config->token.label : config->token.serial;
    ENSURE(hits > 0, ERR_TOKEN_UNAVAILABLE, "token.%s: no token '%s' among %lu present", option,
           name, count);
    ENSURE(hits == 1, ERR_CONFIG, "token.%s: %u tokens are '%s'; choose by serial", option, hits,
           name);
    *module = found;
    return err_ok();
}

struct err module_attach(CK_FUNCTION_LIST *list, const struct worker_config *config,
                         struct module *out)
{
    struct module module = {.list = list};
    TRY(initialize(list, config->init_args));
    TRY(pick(config, &module));
    *out = module;
    return err_ok();
}

struct err module_open(const struct worker_config *config, struct module *out)
{
    void *library = dlopen(config->module, RTLD_NOW | RTLD_LOCAL);
    ENSURE(library != NULL, ERR_CONFIG, "module: %s", dlerror());
    /* POSIX has dlsym return functions as void *; ISO C has no such cast. */
    union {
        void *symbol;
        CK_C_GetFunctionList get;
    } entry = {.symbol = dlsym(library, "C_GetFunctionList")};
    ENSURE(entry.symbol != NULL, ERR_CONFIG, "module: %s is not a PKCS#11 module", config->module);
    CK_FUNCTION_LIST *list = NULL;
    CK_RV ckr = entry.get(&list);
    ENSURE(ckr == CKR_OK && list != NULL, ERR_TOKEN_UNAVAILABLE,
           "C_GetFunctionList failed with CKR_%s (0x%lx)", ckr_name(ckr), ckr);
    return module_attach(list, config, out);
}

struct err module_token_flags(const struct module *module, CK_FLAGS *out)
{
    CK_TOKEN_INFO info = {0};
    CK_RV ckr = module->list->C_GetTokenInfo(module->slot, &info);
    ENSURE(ckr == CKR_OK, ERR_TOKEN_UNAVAILABLE, "C_GetTokenInfo failed with CKR_%s (0x%lx)",
           ckr_name(ckr), ckr);
    *out = info.flags;
    return err_ok();
}
