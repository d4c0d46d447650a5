# The command line. Its table of commands is held against its manual page.
foreach(name options output input manual)
  hsmgate_unit_test(test_cli_${name} hsmgate_cli)
endforeach()
target_compile_definitions(test_cli_manual PRIVATE HSMGATE_MANUAL="${CMAKE_SOURCE_DIR}/docs/man/hsmgate.1")
