# The OpenAPI document becomes a byte array in the program.
set(openapi_source ${CMAKE_CURRENT_BINARY_DIR}/openapi_document.c)
add_custom_command(
  OUTPUT ${openapi_source}
  COMMAND ${CMAKE_COMMAND}
    -D input=${CMAKE_CURRENT_SOURCE_DIR}/openapi.json -D output=${openapi_source}
    -D name=openapi_document -P ${CMAKE_CURRENT_SOURCE_DIR}/embed.cmake
  DEPENDS openapi.json embed.cmake
  VERBATIM)

target_sources(hsmgate_gateway PRIVATE
  caller.c
  copies.c
  copy_command.c
  copy_place.c
  departure.c
  gateway.c
  lint.c
  lint_bearers.c
  lint_environment.c
  lint_grants.c
  lint_keys.c
  lint_principals.c
  gauges.c
  gauges_audit.c
  gauges_issuers.c
  gauges_server.c
  gauges_tokens.c
  metrics.c
  pipeline.c
  pipeline_grant.c
  policy.c
  policy_pattern.c
  problem.c
  query.c
  routes.c
  signer.c
  witness.c
  series.c
  ops/audit_log.c
  ops/authorize.c
  ops/bearers.c
  ops/grant_change.c
  ops/grant_facts.c
  ops/grant_plan.c
  ops/grant_principal.c
  ops/grant_view.c
  ops/grants.c
  ops/grants_apply.c
  ops/grants_list.c
  ops/health.c
  ops/key_facts.c
  ops/key_view.c
  ops/keys.c
  ops/lint.c
  ops/public.c
  ops/system.c
  ${openapi_source})
set_source_files_properties(gauges.c ops/system.c PROPERTIES
  COMPILE_DEFINITIONS HSMGATE_VERSION="${PROJECT_VERSION}")
