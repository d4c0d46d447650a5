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
  access_keys.c
  backup_manifest.c
  backups.c
  caller.c
  copies.c
  copy_command.c
  copy_place.c
  departure.c
  dialect.c
  events.c
  evidence.c
  gateway.c
  judged.c
  lint.c
  lint_bearers.c
  lint_environment.c
  lint_grants.c
  lint_keys.c
  lint_principals.c
  lint_quorum.c
  gauges.c
  gauges_audit.c
  gauges_issuers.c
  gauges_quorum.c
  gauges_rotation.c
  gauges_server.c
  gauges_tokens.c
  loose.c
  metrics.c
  observer.c
  own_key.c
  pipeline.c
  pipeline_grant.c
  policy.c
  policy_pattern.c
  problem.c
  query.c
  quorum_settle.c
  quorum_watch.c
  routes.c
  signer.c
  witness.c
  series.c
  ops/access_keys.c
  ops/adopt_facts.c
  ops/ask.c
  ops/ask_statement.c
  ops/audit_log.c
  ops/authorize.c
  ops/backups.c
  ops/bearers.c
  ops/break_glass.c
  ops/break_glass_open.c
  ops/break_glass_vote.c
  ops/clocks.c
  ops/evidence.c
  ops/freeze.c
  ops/grant_change.c
  ops/grant_facts.c
  ops/grant_plan.c
  ops/grant_principal.c
  ops/grant_view.c
  ops/grants.c
  ops/grants_apply.c
  ops/grants_list.c
  ops/health.c
  ops/inventory.c
  ops/key_facts.c
  ops/key_policy.c
  ops/key_view.c
  ops/key_walk.c
  ops/keys.c
  ops/lint.c
  ops/moves.c
  ops/plans.c
  ops/public.c
  ops/quorum_act.c
  ops/quorum_view.c
  ops/reason.c
  ops/rosters.c
  ops/system.c
  ${openapi_source})
set_source_files_properties(backup_manifest.c gauges.c ops/system.c PROPERTIES
  COMPILE_DEFINITIONS HSMGATE_VERSION="${PROJECT_VERSION}")
