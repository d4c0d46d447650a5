# A PKCS#11 module that injects faults and checks its caller; in bin/ beside the programs.
set(chaos_sources)
foreach(part board forward function module rule visit watch world)
  list(APPEND chaos_sources chaos/module/${part}.c)
endforeach()
add_library(hsmgate-chaos MODULE ${chaos_sources})
set_target_properties(hsmgate-chaos PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} C_VISIBILITY_PRESET hidden)
target_include_directories(hsmgate-chaos PRIVATE ${CMAKE_SOURCE_DIR})
target_link_libraries(hsmgate-chaos PRIVATE PkgConfig::P11KIT ${CMAKE_DL_LIBS})

hsmgate_unit_test(test_chaos_module worker_fixture)
target_link_libraries(test_chaos_module PRIVATE PkgConfig::P11KIT ${CMAKE_DL_LIBS})
target_compile_definitions(test_chaos_module PRIVATE CHAOS_MODULE="$<TARGET_FILE:hsmgate-chaos>")
add_dependencies(test_chaos_module hsmgate-chaos)
