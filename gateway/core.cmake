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
  departure.c
  gateway.c
  gauges.c
  metrics.c
  pipeline.c
  policy.c
  problem.c
  query.c
  routes.c
  ops/audit_log.c
  ops/bearers.c
  ops/health.c
  ops/key_facts.c
  ops/key_view.c
  ops/keys.c
  ops/public.c
  ops/system.c
  ${openapi_source})
set_source_files_properties(gauges.c ops/system.c PROPERTIES
  COMPILE_DEFINITIONS HSMGATE_VERSION="${PROJECT_VERSION}")
