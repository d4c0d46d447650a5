# The ciphertext format and the operations on data.
target_sources(hsmgate_gateway PRIVATE
  ops/batch.c
  ops/choice.c
  ops/cipher.c
  ops/context.c
  ops/data.c
  ops/jwt.c
  ops/mac.c
  ops/random.c
  ops/sign.c
  ops/signature.c
  ops/use_note.c)
