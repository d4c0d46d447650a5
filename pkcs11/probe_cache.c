/* probe_cache: the last probe's result in a file, with what it was true of.
 *
 * A cache, no more: whatever is odd about the file means that the probe runs again, and the
 * algorithms it lists are still refused by the token if it cannot do them. */
#include <sys/stat.h>

#include "base/banned.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "pkcs11/probe.h"

#define FILE_MAX 8192
#define FORMAT   4

static char *path_of(const char *folder, const struct module *module)
{
    uint8_t hash[DIGEST_MAX];
    digest_of(DIGEST_SHA256, span_text(module->serial), hash);
    return mem_format("%s/probe-%02x%02x%02x%02x%02x%02x.json", folder, hash[0], hash[1], hash[2],
                      hash[3], hash[4], hash[5]);
}

/* What the result is true of: a new module file, firmware or hsmgate asks for another probe. */
static char *subject_of(const char *module_path, const struct module *module)
{
    struct stat status = {0};
    if (stat(module_path, &status) != 0) {
        status.st_size = 0;
    }
    return mem_format("hsmgate %s; %s %lld %lld; %s %s; hardware %u.%u, firmware %u.%u",
                      HSMGATE_VERSION, module_path, (long long)status.st_size,
                      (long long)status.st_mtim.tv_sec, module->label, module->serial,
                      module->hardware.major, module->hardware.minor, module->firmware.major,
                      module->firmware.minor);
}

struct kept {
    int64_t format;
    int64_t algorithms;
    int64_t mechanisms;
    int64_t iv;
    int64_t tamper;
    int64_t oaep_tamper;
    bool empty_plaintext;
    bool copies_extractable;
    bool makes_token_keys;
    struct span subject;
};

static struct err read_kept(const struct json *json, struct kept *kept)
{
    const struct json_field fields[] = {
        {.name = "format", .kind = JSON_INTEGER, .need = JSON_REQUIRED, .out = &kept->format},
        {.name = "subject", .kind = JSON_TEXT, .need = JSON_REQUIRED, .out = &kept->subject},
        {.name = "algorithms",
         .kind = JSON_INTEGER,
         .need = JSON_REQUIRED,
         .out = &kept->algorithms},
        {.name = "mechanisms",
         .kind = JSON_INTEGER,
         .need = JSON_REQUIRED,
         .out = &kept->mechanisms},
        {.name = "iv", .kind = JSON_INTEGER, .need = JSON_REQUIRED, .out = &kept->iv},
        {.name = "tamper", .kind = JSON_INTEGER, .need = JSON_REQUIRED, .out = &kept->tamper},
        {.name = "oaep_tamper",
         .kind = JSON_INTEGER,
         .need = JSON_REQUIRED,
         .out = &kept->oaep_tamper},
        {.name = "empty_plaintext",
         .kind = JSON_FLAG,
         .need = JSON_REQUIRED,
         .out = &kept->empty_plaintext},
        {.name = "copies_extractable",
         .kind = JSON_FLAG,
         .need = JSON_REQUIRED,
         .out = &kept->copies_extractable},
        {.name = "makes_token_keys",
         .kind = JSON_FLAG,
         .need = JSON_REQUIRED,
         .out = &kept->makes_token_keys},
    };
    return json_read(json->root, fields, ARRAY_LEN(fields));
}

static struct err load(const char *path, const char *subject, struct probe *out)
{
    CLEANUP(buf_clear) struct buf text = {.max = FILE_MAX};
    CLEANUP(json_clear) struct json json = {0};
    struct kept kept = {0};
    TRY(file_read(path, &text));
    TRY(json_parse(buf_span(&text), &json));
    TRY(read_kept(&json, &kept));
    ENSURE(kept.format == FORMAT && span_is(kept.subject, subject), ERR_NOT_FOUND,
           "the result is of another token");
    bool known = kept.algorithms >= 0 && kept.algorithms < 1 << ALGORITHM_COUNT &&
                 kept.mechanisms >= 0 && kept.mechanisms < 1 << TOKEN_MECHANISM_COUNT &&
                 kept.iv >= 0 && kept.iv < OPERATION_IV_COUNT;
    ENSURE(known && kept.tamper >= 0 && kept.oaep_tamper >= 0, ERR_CORRUPT, "out of range");
    *out = (struct probe){
        .found = {.algorithms = (uint32_t)kept.algorithms,
                  .mechanisms = (uint32_t)kept.mechanisms,
                  .gcm_iv_by_caller = kept.iv == OPERATION_IV_RANDOM,
                  .empty_plaintext = kept.empty_plaintext,
                  .copies_extractable = kept.copies_extractable,
                  .tamper_ckr = (uint64_t)kept.tamper},
        .iv = (enum operation_iv)kept.iv,
        .oaep_tamper_ckr = (CK_RV)kept.oaep_tamper,
        .makes_token_keys = kept.makes_token_keys,
    };
    return err_ok();
}

bool probe_load(const char *folder, const char *module_path, const struct module *module,
                struct probe *out)
{
    CLEANUP(mem_free_at) char *path = path_of(folder, module);
    CLEANUP(mem_free_at) char *subject = subject_of(module_path, module);
    return load(path, subject, out).code == ERR_OK;
}

struct err probe_save(const char *folder, const char *module_path, const struct module *module,
                      const struct probe *probe)
{
    CLEANUP(mem_free_at) char *path = path_of(folder, module);
    CLEANUP(mem_free_at) char *subject = subject_of(module_path, module);
    CLEANUP(buf_clear) struct buf text = {.max = FILE_MAX};
    struct json_writer writer = json_writer_on(&text);
    json_begin_object(&writer, NULL);
    json_put_integer(&writer, "format", FORMAT);
    json_put_text(&writer, "subject", subject);
    json_put_integer(&writer, "algorithms", probe->found.algorithms);
    json_put_integer(&writer, "mechanisms", probe->found.mechanisms);
    json_put_integer(&writer, "iv", (int64_t)probe->iv);
    json_put_integer(&writer, "tamper", (int64_t)probe->found.tamper_ckr);
    json_put_integer(&writer, "oaep_tamper", (int64_t)probe->oaep_tamper_ckr);
    json_put_flag(&writer, "empty_plaintext", probe->found.empty_plaintext);
    json_put_flag(&writer, "copies_extractable", probe->found.copies_extractable);
    json_put_flag(&writer, "makes_token_keys", probe->makes_token_keys);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return file_write(path, buf_span(&text), 0600);
}
