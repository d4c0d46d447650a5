# The seeds of what quorum/ reads, written anew when a form changes.
add_executable(make_quorum_seeds EXCLUDE_FROM_ALL fuzz/make_quorum_seeds.c unit/quorum_fixture.c)
target_link_libraries(make_quorum_seeds PRIVATE hsmgate_quorum PkgConfig::OPENSSL PkgConfig::CMOCKA)
target_include_directories(make_quorum_seeds PRIVATE ${CMAKE_SOURCE_DIR})
