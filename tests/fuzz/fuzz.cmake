# One target per format that comes from outside: tests/fuzz/fuzz_NAME.c with its seeds in corpus/NAME.
# With the fuzz preset (clang) libFuzzer runs it; every other build replays the seeds. Either way it is ctest fuzz.NAME.
include(fuzz/frame.cmake OPTIONAL)
include(fuzz/quorum.cmake)

function(hsmgate_fuzz name)
  if(HSMGATE_FUZZ AND NOT TARGET fuzz_${name})
    set(finds ${CMAKE_CURRENT_BINARY_DIR}/corpus/${name})
    file(MAKE_DIRECTORY ${finds}) # libFuzzer keeps its finds here
    add_executable(fuzz_${name} fuzz/fuzz_${name}.c)
    target_link_libraries(fuzz_${name} PRIVATE ${ARGN})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    add_test(NAME fuzz.${name}
             COMMAND fuzz_${name} -runs=200000 -max_len=16384 -timeout=10 ${finds}
                     ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name})
    set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT 300 LABELS fuzz)
  elseif(NOT HSMGATE_FUZZ)
    add_executable(replay_${name} fuzz/fuzz_${name}.c fuzz/replay.c)
    target_link_libraries(replay_${name} PRIVATE ${ARGN})
    add_test(NAME fuzz.${name} COMMAND replay_${name} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name})
    set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT 120 LABELS fuzz)
  endif()
endfunction()

hsmgate_fuzz(ecdsa hsmgate_base)
foreach(name vote sshsig voter_key_read statement roster bundle)
  hsmgate_fuzz(${name} hsmgate_quorum)
endforeach()
hsmgate_fuzz(checkpoint hsmgate_audit)
hsmgate_fuzz(frame hsmgate_pkcs11)
hsmgate_fuzz(envelope hsmgate_base)
hsmgate_fuzz(context hsmgate_gateway)
hsmgate_fuzz(jws hsmgate_gateway)
hsmgate_fuzz(key_set hsmgate_gateway)
foreach(name json http_shape)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/fuzz_${name}.c)
    hsmgate_fuzz(${name} hsmgate_gateway)
  endif()
endforeach()
