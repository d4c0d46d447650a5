# Bearer JWTs, from one HTTP exchange to the principal.
add_library(issuer_fixture OBJECT lib/jwt_fixture.c lib/http_stub.c)
target_link_libraries(issuer_fixture PUBLIC hsmgate_gateway PRIVATE PkgConfig::OPENSSL)
target_include_directories(issuer_fixture PUBLIC lib)
foreach(name jws key_set fetch issuer_claims issuers)
  hsmgate_unit_test(test_${name} issuer_fixture hsmgate_gateway PkgConfig::OPENSSL)
endforeach()
if(NOT HSMGATE_FUZZ) # clang's sanitizers are within the program: there is no malloc below ours
  hsmgate_unit_test(test_starving issuer_fixture hsmgate_gateway PkgConfig::OPENSSL)
  target_sources(test_starving PRIVATE lib/starving.c)
endif()
hsmgate_unit_test(test_caller gateway_fixture issuer_fixture hsmgate_gateway PkgConfig::OPENSSL)
# fake_token_face.c stands for the token, and is linked before the real one.
hsmgate_unit_test(test_access_keys hsmgate_gateway PkgConfig::OPENSSL)
target_sources(test_access_keys PRIVATE lib/fake_token_face.c)
