# Unmodified clients against the real daemon; one file, one test. A client that is not installed is skipped, except in CI (HSMGATE_CI), where all run.
function(hsmgate_client name)
  add_test(NAME clients.${name}
           COMMAND ${PYTHON} -m pytest -q -p no:cacheprovider ${CMAKE_SOURCE_DIR}/tests/clients/${name}.py)
  set_tests_properties(clients.${name} PROPERTIES
    LABELS clients TIMEOUT 600 ENVIRONMENT "${scenario_environment}"
    FAIL_REGULAR_EXPRESSION "no tests ran" SKIP_REGULAR_EXPRESSION "[0-9]+ skipped")
endfunction()

hsmgate_client(aws_model)
hsmgate_client(boto3_client)
hsmgate_client(hvac_client)
