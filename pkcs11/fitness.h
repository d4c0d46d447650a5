/* fitness: whether a key that is on the token already may become one of ours. Pure. */
#ifndef HSMGATE_PKCS11_FITNESS_H
#define HSMGATE_PKCS11_FITNESS_H

#include "pkcs11/frame.h"

/* Judges the secret or private object by its description: its CKA_ID, algorithm and role must be
 * those of `key`, and its uses must not give other keys away. How well it is protected is not
 * judged here: who adopts it decides about that. */
enum frame_unfit fitness_judge(const struct token_object *object, const struct token_key *key);

#endif
