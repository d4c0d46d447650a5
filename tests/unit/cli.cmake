# The command line. Its table of commands is held against its manual page.
foreach(name options output input manual)
  hsmgate_unit_test(test_cli_${name} hsmgate_cli)
endforeach()
target_compile_definitions(test_cli_manual PRIVATE HSMGATE_MANUAL="${CMAKE_SOURCE_DIR}/docs/man/hsmgate.1")
hsmgate_unit_test(test_grant_file hsmgate_cli)
hsmgate_unit_test(test_grant_view hsmgate_cli)
target_compile_definitions(test_grant_file PRIVATE HSMGATE_GRANTS_EXAMPLE="${CMAKE_SOURCE_DIR}/conf/grants-example.yaml")
