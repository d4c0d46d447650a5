# Bearer JWTs: HTTPS fetches, key sets, verification.
target_sources(hsmgate_gateway PRIVATE
  fetch.c
  issuer_claims.c
  issuers.c
  jws.c
  jws_signature.c
  key_set.c)
target_link_libraries(hsmgate_gateway PRIVATE PkgConfig::CURL PkgConfig::JOSE)
