/* key_body: what requests about keys say of them, from the options of the command line. */
#ifndef HSMGATE_CLI_KEY_BODY_H
#define HSMGATE_CLI_KEY_BODY_H

#include "base/json.h"
#include "cli/options.h"

/* A text option and its member. */
struct key_field {
    enum option_id option;
    const char *name;
};
/* Those of the fields that were given. */
void key_put_texts(struct json_writer *writer, const struct options *options,
                   const struct key_field *fields, size_t count);
/* owner, description, contact, classification, labels, rotation, jwt. ERR_INVALID_FIELD. */
MUST_USE struct err key_put_facts(struct json_writer *writer, const struct options *options);
/* `adopt`, for material that is on the token already. */
void key_put_adopt(struct json_writer *writer, const struct options *options);
/* Whether --adopt-id, --adopt-label and --allow go together; else says so and sets EXIT_USAGE. */
bool key_adopt_is_sound(const struct options *options, int *out_exit);

/* --approval GROUP:M as the member `approval`, when it was given. ERR_INVALID_FIELD. */
MUST_USE struct err key_put_approval(struct json_writer *writer, const struct options *options);

#endif
