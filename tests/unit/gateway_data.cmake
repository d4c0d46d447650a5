# Operations on data: the ciphertext format, the encryption context, batches, and each verb over a token in software.
hsmgate_unit_test(test_public_key hsmgate_base)
target_link_libraries(test_public_key PRIVATE PkgConfig::OPENSSL)
hsmgate_unit_test(test_context hsmgate_gateway)

# fake_token_run.c has every function of the token's face, so the real one is never linked.
foreach(name batch ops_data ops_sign ops_mac ops_jwt)
  hsmgate_unit_test(test_${name} hsmgate_gateway PkgConfig::OPENSSL)
  target_sources(test_${name} PRIVATE
    ${CMAKE_CURRENT_LIST_DIR}/../lib/data_fixture.c
    ${CMAKE_CURRENT_LIST_DIR}/../lib/fake_token_run.c)
endforeach()
