# Unmodified clients against the real daemon; one file, one test. A client that is not installed is skipped, except in CI (HSMGATE_CI), where all run.
# npm packages are where scripts/test puts them.
function(hsmgate_client name)
  add_test(NAME clients.${name}
           COMMAND ${PYTHON} -m pytest -q -p no:cacheprovider ${CMAKE_SOURCE_DIR}/tests/clients/${name}.py)
  set_tests_properties(clients.${name} PROPERTIES
    LABELS clients TIMEOUT 600 ENVIRONMENT "${scenario_environment};HSMGATE_CLIENTS=${CMAKE_SOURCE_DIR}/build/clients"
    FAIL_REGULAR_EXPRESSION "no tests ran" SKIP_REGULAR_EXPRESSION "(^|\n)[0-9]+ skipped in ")
endfunction()

hsmgate_client(aws_cli)
hsmgate_client(aws_model)
hsmgate_client(boto3_client)
hsmgate_client(differential)
hsmgate_client(encryption_sdk)
hsmgate_client(hvac_client)
hsmgate_client(jose_js)
hsmgate_client(kms_js)
hsmgate_client(node_vault)
hsmgate_client(recipes)
