/* fuzz_config: one file as the front's configuration, as a worker's and as a list of grants. What
 * is refused has one line for people that begins with the file, and nothing comes out; what is
 * taken keeps its bounds, and taken again it is the same. */
#include "base/mem.h"
#include "base/yaml_inner.h"
#include "cli/grant_file.h"
#include "gateway/config.h"
#include "pkcs11/worker_config.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refusal(struct err err, const char *path, const struct buf *message)
{
    if (err.code == ERR_OK) {
        assert(message->len == 0);
        return;
    }
    assert(err.code == ERR_CONFIG && message->len > strlen(path));
    assert(span_starts(buf_span(message), path) && message->data[strlen(path)] == ':');
    for (size_t i = 0; i < message->len; i++) {
        assert(message->data[i] >= ' ' || message->data[i] == '\n');
    }
}

static void check_front(const char *path)
{
    CLEANUP(buf_clear) struct buf message = {0};
    struct config *config = NULL;
    struct err err = config_load(path, &config, &message);
    check_refusal(err, path, &message);
    assert((err.code == ERR_OK) == (config != NULL));
    if (config == NULL) {
        return;
    }
    assert(config->listener_count > 0 && config->token_count > 0);
    for (size_t i = 0; i < config->token_count; i++) {
        assert(config->tokens[i].channels >= 1 && config->tokens[i].channels <= 256);
        assert(config->tokens[i].config[0] == '/' && config->tokens[i].operation_ms > 0);
    }
    config_free(config);
}

static void check_worker(const char *path)
{
    CLEANUP(buf_clear) struct buf message = {0};
    CLEANUP(worker_config_free_at) struct worker_config *config = NULL;
    struct err err = worker_config_load(path, &config, &message);
    check_refusal(err, path, &message);
    assert((err.code == ERR_OK) == (config != NULL));
    if (config == NULL) {
        return;
    }
    const struct worker_pin *pin = &config->pin;
    assert(config->module[0] == '/' && config->latch_dir != NULL && config->approval_floor != 1);
    assert((config->token.label != NULL) != (config->token.serial != NULL));
    assert((pin->file != NULL) + (pin->credential != NULL) + (pin->descriptor != NULL) == 1);
    assert(config->roster_root == NULL || strlen(config->roster_root) == 64);
}

static struct err read_grants(const char *path, struct buf *text, struct buf *message)
{
    struct json_writer writer = json_writer_on(text);
    json_begin_object(&writer, NULL);
    TRY(grant_file_read(path, &writer, message));
    json_end_object(&writer);
    return json_finish(&writer);
}

static void check_grants(const char *path)
{
    CLEANUP(buf_clear) struct buf once = {0};
    CLEANUP(buf_clear) struct buf twice = {0};
    CLEANUP(buf_clear) struct buf message = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct err err = read_grants(path, &once, &message);
    check_refusal(err, path, &message);
    if (err.code != ERR_OK) {
        return;
    }
    assert(json_parse(buf_span(&once), &json).code == ERR_OK);
    assert(json_member(json.root, "namespace") != NULL && json_member(json.root, "grants") != NULL);
    assert(read_grants(path, &twice, &message).code == ERR_OK);
    assert(span_equal(buf_span(&once), buf_span(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yaml_problem problem = {0};
    const char *path = fuzz_file(span_of(data, size));
    bool is_tree = yaml_tree_check(span_of(data, size), &problem);
    assert(is_tree || problem.reason[0] != '\0');
    check_front(path);
    check_worker(path);
    check_grants(path);
    return 0;
}
