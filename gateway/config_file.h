/* config_file: hsmgated.yaml as it stands in the file, before it is checked. */
#ifndef HSMGATE_GATEWAY_CONFIG_FILE_H
#define HSMGATE_GATEWAY_CONFIG_FILE_H

#include "base/buf.h"

struct config_file_token {
    char *name;
    char *config;
    unsigned *channels;
    char *operation_timeout;
};

/* Absent options are NULL. */
struct config_file {
    char *listen;
    char *socket;
    char *database;
    char *audit;
    char *worker;
    char *public_url;
    char **administrators;
    unsigned administrators_count;
    struct config_file_token *tokens;
    unsigned tokens_count;
    char *default_token;
    unsigned *io_threads;
    unsigned *request_threads;
    unsigned *connections;
    char *receive_timeout;
    char *request_timeout;
    char *jwks_max_age;
};

/* ERR_CONFIG with `FILE:LINE: option: reason` in `message`. Free with config_file_free. */
MUST_USE struct err config_file_load(const char *path, struct config_file **out,
                                     struct buf *message);
/* Takes NULL. */
void config_file_free(struct config_file *file);

#endif
