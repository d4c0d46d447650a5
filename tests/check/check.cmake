# Rules of the tree, as tests.
find_program(PYTHON /usr/bin/python3 REQUIRED NO_DEFAULT_PATH PATHS /usr/bin NAMES python3)
foreach(check layers owners readme alerts)
  add_test(NAME check.${check} COMMAND ${PYTHON} ${CMAKE_SOURCE_DIR}/tests/check/${check}.py ${CMAKE_SOURCE_DIR})
  set_tests_properties(check.${check} PROPERTIES LABELS check TIMEOUT 300)
endforeach()
# The checks themselves can fail: each is run on a tree with one planted fault.
add_test(NAME check.checks_find_faults
         COMMAND ${PYTHON} ${CMAKE_SOURCE_DIR}/tests/check/test_checks.py)
set_tests_properties(check.checks_find_faults PROPERTIES LABELS check TIMEOUT 300)
