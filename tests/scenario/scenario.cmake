# Stories on the real daemon over HTTP; one file, one test.

# A token that takes its time, for scenarios and the benchmark; in bin/ beside the programs.
add_library(slow_module MODULE lib/slow_module.c)
set_target_properties(slow_module PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
target_link_libraries(slow_module PRIVATE PkgConfig::P11KIT ${CMAKE_DL_LIBS})
target_compile_options(slow_module PRIVATE -Wno-missing-prototypes)

set(scenario_environment
  HSMGATE_BIN=${CMAKE_BINARY_DIR}/bin PYTHONPATH=${CMAKE_SOURCE_DIR}/tests/lib PYTHONDONTWRITEBYTECODE=1
  ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:exitcode=99:quarantine_size_mb=8 UBSAN_OPTIONS=print_stacktrace=1 "TSAN_OPTIONS=halt_on_error=0 exitcode=98")

# hsmgate_scenario(FOLDER NAME LABELS...): tests/FOLDER/NAME.py under pytest
function(hsmgate_scenario folder name)
  add_test(NAME ${folder}.${name}
           COMMAND ${PYTHON} -m pytest -q -p no:cacheprovider ${CMAKE_SOURCE_DIR}/tests/${folder}/${name}.py)
  set_tests_properties(${folder}.${name} PROPERTIES
    LABELS "${folder};${ARGN}" TIMEOUT 600 ENVIRONMENT "${scenario_environment}"
    FAIL_REGULAR_EXPRESSION "no tests ran;[0-9]+ skipped")
endfunction()

# The longest are started first, or a run ends waiting for one of them. In seconds, with the address sanitizer.
function(hsmgate_long seconds)
  set_property(TEST ${ARGN} PROPERTY COST ${seconds})
endfunction()

# hsmgate_stranger(KIND NAMES...): stories of tests/scenario once more, on another kind of token (tests/lib/tokens.py)
function(hsmgate_stranger kind)
  foreach(name ${ARGN})
    add_test(NAME ${kind}.${name}
             COMMAND ${PYTHON} -m pytest -q -p no:cacheprovider ${CMAKE_SOURCE_DIR}/tests/scenario/${name}.py)
    set_tests_properties(${kind}.${name} PROPERTIES
      LABELS "scenario;${kind}" TIMEOUT 600 ENVIRONMENT "${scenario_environment};HSMGATE_TEST_TOKEN=${kind}"
      FAIL_REGULAR_EXPRESSION "no tests ran;[0-9]+ skipped")
  endforeach()
endfunction()

hsmgate_stranger(nss main_job any_token worker_killed break_glass_attacks retirement adopt several_tokens)

# Tokens that need more than packages (scripts/try-token says what), and that no whole run waits for. Neither of those that there are
# encrypts, so no glass is broken there.
set(HSMGATE_TOKENS "" CACHE STRING "Kinds of tokens besides SoftHSM and NSS on which stories run: opencryptoki;tpm2")
foreach(kind ${HSMGATE_TOKENS})
  hsmgate_stranger(${kind} main_job any_token worker_killed retirement)
endforeach()

hsmgate_scenario(scenario main_job)
hsmgate_scenario(scenario any_token)
hsmgate_scenario(scenario bad_input)
hsmgate_scenario(scenario bit_flips)
hsmgate_scenario(scenario vault)
hsmgate_scenario(scenario aws)
hsmgate_scenario(scenario aws_presigned)
hsmgate_scenario(scenario xks)
hsmgate_scenario(scenario attacks)
hsmgate_scenario(scenario cli)
hsmgate_scenario(scenario rewrap)
hsmgate_scenario(scenario cli_restore)
hsmgate_scenario(scenario cli_rotation)
hsmgate_scenario(scenario break_glass threads)
hsmgate_scenario(scenario break_glass_attacks)
hsmgate_scenario(scenario break_glass_tampering)
hsmgate_scenario(scenario break_glass_events threads)
hsmgate_scenario(scenario cli_break_glass)
hsmgate_scenario(scenario oidc threads)
hsmgate_scenario(scenario lint)
hsmgate_scenario(scenario start)
hsmgate_scenario(scenario grants threads)
hsmgate_scenario(scenario several_tokens threads)
hsmgate_scenario(scenario worker_killed threads)
hsmgate_scenario(scenario front_killed threads)
hsmgate_scenario(scenario rotations threads)
hsmgate_scenario(scenario retirement threads)
hsmgate_scenario(scenario adopt)
hsmgate_scenario(scenario misuse)
hsmgate_scenario(scenario vectors)
hsmgate_scenario(scenario audit_unwritable threads)
hsmgate_scenario(scenario audit_tamper)
hsmgate_scenario(scenario checkpoints threads)
hsmgate_scenario(scenario tls threads)
hsmgate_scenario(scenario slow_clients threads)
hsmgate_scenario(scenario all_at_once threads)
hsmgate_scenario(scenario limits threads)
hsmgate_scenario(scenario overload threads)
hsmgate_scenario(scenario soak threads)
hsmgate_scenario(scenario redaction)
hsmgate_scenario(scenario metrics)

hsmgate_long(60 scenario.vault scenario.aws scenario.rewrap scenario.bit_flips scenario.attacks nss.any_token nss.main_job unit.test_verify)
