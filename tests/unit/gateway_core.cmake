# Routes, pipeline, keys, system. The fixture stands for HTTP and for the token, and is linked before the library, so
# that the real ones stay out.
add_library(gateway_fixture OBJECT unit/gateway_fixture.c unit/gateway_fake_token.c)
target_link_libraries(gateway_fixture PUBLIC hsmgate_gateway PkgConfig::CMOCKA PRIVATE PkgConfig::OPENSSL)

foreach(name adopt_facts problem query policy policy_pattern routes openapi key_facts key_policy key_view)
  hsmgate_unit_test(test_${name} hsmgate_gateway)
endforeach()
foreach(name pipeline keys moves plans backups public bearer_ops ops_grants system metrics)
  hsmgate_unit_test(test_${name} gateway_fixture hsmgate_gateway)
endforeach()
# What lint proposes is held against the table of commands.
hsmgate_unit_test(test_lint hsmgate_gateway hsmgate_cli)
foreach(name openapi system)
  target_compile_definitions(test_${name} PRIVATE HSMGATE_VERSION="${PROJECT_VERSION}")
endforeach()

hsmgate_unit_test(test_events hsmgate_gateway)
target_sources(test_events PRIVATE lib/http_stub.c)

# The test is the webhook.
hsmgate_unit_test(test_copies hsmgate_gateway)
hsmgate_unit_test(test_witness gateway_fixture hsmgate_gateway)

# Where a quorum decides.
add_library(gate OBJECT unit/gate.c unit/quorum_fixture.c)
target_link_libraries(gate PUBLIC gateway_fixture hsmgate_gateway PkgConfig::OPENSSL PkgConfig::CMOCKA)
target_include_directories(gate PRIVATE ${CMAKE_SOURCE_DIR})
foreach(name judged quorum_settle quorum_watch ask break_glass_ops rosters_op gauges_quorum)
  hsmgate_unit_test(test_${name} gate gateway_fixture hsmgate_gateway PkgConfig::OPENSSL)
endforeach()
