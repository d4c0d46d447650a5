# The worker: the only program that loads a PKCS#11 module.
add_library(hsmgate_worker STATIC
  adopt.c
  ckr.c
  description.c
  destroying.c
  fitness.c
  generate.c
  identity.c
  inventory.c
  item.c
  judge.c
  kind.c
  latch.c
  login.c
  material.c
  mechanism.c
  mend.c
  module.c
  naming.c
  newborns.c
  newest.c
  object.c
  opening.c
  operation.c
  pin.c
  probe.c
  probe_cache.c
  proof.c
  repeats.c
  seal.c
  search.c
  selftest.c
  session.c
  spent.c
  spki.c
  template.c
  work.c
  worker.c
  worker_config.c)
target_compile_definitions(hsmgate_worker PRIVATE HSMGATE_VERSION="${PROJECT_VERSION}")
target_link_libraries(hsmgate_worker
  PUBLIC hsmgate_pkcs11 hsmgate_quorum hsmgate_base PkgConfig::P11KIT
  PRIVATE PkgConfig::JOSE PkgConfig::OPENSSL ${CMAKE_DL_LIBS})

add_executable(hsmgate-token worker_main.c)
target_link_libraries(hsmgate-token PRIVATE hsmgate_worker hsmgate_wiping_free)
install(TARGETS hsmgate-token RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
