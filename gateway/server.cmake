# The HTTP server and the daemon's body.
target_sources(hsmgate_gateway PRIVATE
  address_count.c
  bucket.c
  bucket_table.c
  config.c
  config_audit.c
  config_check.c
  config_dialects.c
  config_file.c
  config_identity.c
  config_limits.c
  config_listeners.c
  config_rotation.c
  config_tokens.c
  descriptors.c
  dev.c
  dev_files.c
  dev_roster.c
  dev_softhsm.c
  exchange.c
  http_shape.c
  limits.c
  lane.c
  linger.c
  listen_socket.c
  parking.c
  reaper.c
  request_pool.c
  server.c
  server_connection.c
  server_io.c
  server_reply.c
  server_request.c
  service.c
  tls.c
  tls_name.c
  tls_peer.c
  tls_session.c
  tls_trust.c
  token_starter.c
  worker_path.c)
target_link_libraries(hsmgate_gateway PRIVATE PkgConfig::GNUTLS)

add_executable(hsmgated main.c)
target_link_libraries(hsmgated PRIVATE hsmgate_gateway hsmgate_wiping_free)
target_compile_definitions(hsmgated PRIVATE HSMGATE_VERSION="${PROJECT_VERSION}")
install(TARGETS hsmgated RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
