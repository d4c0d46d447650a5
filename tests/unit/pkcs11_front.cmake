# The front's half of pkcs11/: tests run against a scripted worker without a module.
add_executable(fake_worker lib/fake_worker.c)
target_link_libraries(fake_worker PRIVATE hsmgate_pkcs11)

add_library(token_fixture STATIC lib/token_fixture.c)
target_link_libraries(token_fixture PUBLIC hsmgate_pkcs11 PRIVATE PkgConfig::CMOCKA)
target_compile_definitions(token_fixture PRIVATE HSMGATE_FAKE_WORKER="$<TARGET_FILE:fake_worker>")
add_dependencies(token_fixture fake_worker)

hsmgate_unit_test(test_backoff hsmgate_pkcs11)
hsmgate_unit_test(test_frame hsmgate_pkcs11)
hsmgate_unit_test(test_convoy hsmgate_pkcs11)
hsmgate_unit_test(test_lease hsmgate_pkcs11)
hsmgate_unit_test(test_line hsmgate_pkcs11)
hsmgate_unit_test(test_reply hsmgate_pkcs11)
hsmgate_unit_test(test_supervisor token_fixture)
hsmgate_unit_test(test_token token_fixture)
hsmgate_unit_test(test_token_faults token_fixture)
hsmgate_unit_test(test_token_quorum token_fixture)
