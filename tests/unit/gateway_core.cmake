# Routes, pipeline, keys, system. The fixture stands for HTTP and for the token, and is linked before the library, so
# that the real ones stay out.
add_library(gateway_fixture OBJECT unit/gateway_fixture.c unit/gateway_fake_token.c)
target_link_libraries(gateway_fixture PUBLIC hsmgate_gateway PkgConfig::CMOCKA PRIVATE PkgConfig::OPENSSL)

foreach(name problem query policy routes openapi key_facts key_view)
  hsmgate_unit_test(test_${name} hsmgate_gateway)
endforeach()
foreach(name pipeline keys public bearer_ops system)
  hsmgate_unit_test(test_${name} gateway_fixture hsmgate_gateway)
endforeach()
foreach(name openapi system)
  target_compile_definitions(test_${name} PRIVATE HSMGATE_VERSION="${PROJECT_VERSION}")
endforeach()
