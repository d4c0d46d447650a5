# One part per owner of sources in gateway/.
include(unit/gateway_server.cmake OPTIONAL)
include(unit/gateway_core.cmake OPTIONAL)
include(unit/gateway_data.cmake OPTIONAL)
include(unit/gateway_identity.cmake OPTIONAL)
include(unit/gateway_dialects.cmake OPTIONAL)
include(unit/gateway_vault.cmake OPTIONAL)
