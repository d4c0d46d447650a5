# One target per format that comes from outside: tests/fuzz/fuzz_NAME.c with its seeds in corpus/NAME.
# With the fuzz preset (clang) libFuzzer runs it; every other build replays the seeds. Either way it is ctest fuzz.NAME.
# starve.NAME replays them with memory that runs out; HSMGATE_STARVE_EACH=1 in the environment: at every single allocation.
include(fuzz/frame.cmake OPTIONAL)
include(fuzz/quorum.cmake)

# These have threads, which do not outlive the fork of a starved run, or compare what a library may refuse for want of memory.
set(unstarved ecdsa http json name encoding certificate route pattern aws_shape grant bulk_line cli_files unseal jwt_check reply spki
    request config tls_name audit_log)

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
    add_executable(replay_${name} fuzz/fuzz_${name}.c fuzz/replay.c fuzz/seeds.c)
    target_link_libraries(replay_${name} PRIVATE ${ARGN})
    add_test(NAME fuzz.${name} COMMAND replay_${name} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name})
    set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT 300 LABELS fuzz)
    if(NOT name IN_LIST unstarved)
      add_executable(starve_${name} fuzz/fuzz_${name}.c fuzz/starve.c fuzz/seeds.c lib/starving.c)
      target_include_directories(starve_${name} PRIVATE lib)
      target_link_libraries(starve_${name} PRIVATE ${ARGN})
      add_test(NAME starve.${name} COMMAND starve_${name} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name})
      set_tests_properties(starve.${name} PROPERTIES TIMEOUT 300 LABELS fuzz)
    endif()
  endif()
endfunction()

hsmgate_fuzz(ecdsa hsmgate_base)
foreach(name vote sshsig voter_key_read statement roster bundle)
  hsmgate_fuzz(${name} hsmgate_quorum)
endforeach()
hsmgate_fuzz(evidence hsmgate_cli)
hsmgate_fuzz(checkpoint hsmgate_audit)
hsmgate_fuzz(frame hsmgate_pkcs11)
hsmgate_fuzz(envelope hsmgate_base)
hsmgate_fuzz(context hsmgate_gateway)
hsmgate_fuzz(jws hsmgate_gateway)
hsmgate_fuzz(key_set hsmgate_gateway)
hsmgate_fuzz(dialects hsmgate_gateway)
hsmgate_fuzz(sigv4 hsmgate_gateway)
hsmgate_fuzz(vault hsmgate_gateway)
hsmgate_fuzz(http_shape hsmgate_gateway)
include(fuzz/more.cmake)
