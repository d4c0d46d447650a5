# The worker: the only program that loads a PKCS#11 module.
add_library(hsmgate_worker STATIC
  adopt.c
  ckr.c
  description.c
  fitness.c
  generate.c
  identity.c
  inventory.c
  item.c
  kind.c
  latch.c
  login.c
  material.c
  mechanism.c
  mend.c
  module.c
  object.c
  operation.c
  pin.c
  probe.c
  probe_cache.c
  proof.c
  search.c
  selftest.c
  session.c
  spki.c
  template.c
  work.c
  worker.c
  worker_config.c)
target_compile_definitions(hsmgate_worker PRIVATE HSMGATE_VERSION="${PROJECT_VERSION}")
target_link_libraries(hsmgate_worker
  PUBLIC hsmgate_pkcs11 hsmgate_base PkgConfig::P11KIT
  PRIVATE PkgConfig::OPENSSL ${CMAKE_DL_LIBS})

add_executable(hsmgate-token worker_main.c)
target_link_libraries(hsmgate-token PRIVATE hsmgate_worker hsmgate_wiping_free)
install(TARGETS hsmgate-token RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
