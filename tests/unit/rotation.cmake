# The same sources as hsmgate_rotation, with the fake token in the place of hsmgate_pkcs11.
get_target_property(rotation_sources hsmgate_rotation SOURCES)
list(TRANSFORM rotation_sources PREPEND ${CMAKE_SOURCE_DIR}/rotation/)
add_library(rotation_on_fake STATIC ${rotation_sources} lib/fake_token_face.c
  ${CMAKE_SOURCE_DIR}/pkcs11/token_attribute.c ${CMAKE_SOURCE_DIR}/pkcs11/token_mechanism.c)
target_link_libraries(rotation_on_fake PUBLIC hsmgate_keystore hsmgate_audit hsmgate_quorum PRIVATE PkgConfig::OPENSSL)

foreach(noun adoption agenda fake_token first_use forecast inventory lifecycle plan reconcile retire_check rotation rotation_crash scheduler sense)
  hsmgate_unit_test(test_${noun} rotation_on_fake)
endforeach()
# With people who decide.
foreach(noun docket moving roster_book)
  hsmgate_unit_test(test_${noun} rotation_on_fake)
  target_sources(test_${noun} PRIVATE unit/quorum_fixture.c)
  target_link_libraries(test_${noun} PRIVATE PkgConfig::OPENSSL)
endforeach()
