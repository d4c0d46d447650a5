# The HTTP server and the daemon's body.
target_sources(hsmgate_gateway PRIVATE
  config.c
  config_file.c
  dev.c
  dev_files.c
  dev_softhsm.c
  exchange.c
  http_shape.c
  linger.c
  listen_socket.c
  reaper.c
  request_pool.c
  server.c
  server_reply.c
  server_request.c
  service.c
  token_starter.c
  worker_path.c)

add_executable(hsmgated main.c)
target_link_libraries(hsmgated PRIVATE hsmgate_gateway)
target_compile_definitions(hsmgated PRIVATE HSMGATE_VERSION="${PROJECT_VERSION}")
install(TARGETS hsmgated RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
