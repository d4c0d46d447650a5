# AWS KMS's API, and what AWS's protocols have in common.
target_sources(hsmgate_gateway PRIVATE
  aws/aws_aliases.c
  aws/aws_create.c
  aws/aws_data.c
  aws/aws_describe.c
  aws/aws_dialect.c
  aws/aws_list.c
  aws/aws_names.c
  aws/aws_pair.c
  aws/aws_reencrypt.c
  aws/aws_reply.c
  aws/aws_rotation.c
  aws/aws_shape.c
  aws/aws_sign.c
  aws/aws_states.c
  aws/aws_verify.c
  aws/replay.c
  aws/sigv4.c
  aws/sigv4_canonical.c
  aws/sigv4_query.c
  aws/xks.c
  aws/xks_ops.c)
