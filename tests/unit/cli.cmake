# The command line. Its table of commands is held against its manual page.
foreach(name options output input manual human calendar restore bulk_line bulk_batch bulk_files)
  hsmgate_unit_test(test_cli_${name} hsmgate_cli)
endforeach()
target_compile_definitions(test_cli_manual PRIVATE HSMGATE_MANUAL="${CMAKE_SOURCE_DIR}/docs/man/hsmgate.1")
# Those that talk to a gateway of a few lines.
add_library(cli_stub OBJECT lib/http_stub.c)
target_link_libraries(cli_stub PUBLIC hsmgate_base)
target_include_directories(cli_stub PRIVATE ${CMAKE_SOURCE_DIR} lib)
foreach(name backup bulk_run drill key_show moves plan rotation)
  hsmgate_unit_test(test_cli_${name} hsmgate_cli cli_stub)
endforeach()
# Those with threads also run under the thread sanitizer.
foreach(name backup bulk_run drill)
  set_property(TEST unit.test_cli_${name} APPEND PROPERTY LABELS threads)
endforeach()
hsmgate_unit_test(test_grant_file hsmgate_cli)
hsmgate_unit_test(test_grant_view hsmgate_cli)
target_compile_definitions(test_grant_file PRIVATE HSMGATE_GRANTS_EXAMPLE="${CMAKE_SOURCE_DIR}/conf/grants-example.yaml")
