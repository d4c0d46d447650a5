# The benchmark: scripts/bench runs it on the release build; it never passes or fails.
pkg_check_modules(LIBSSL REQUIRED IMPORTED_TARGET libssl>=3.0)

add_library(histogram STATIC bench/histogram.c)
target_include_directories(histogram PUBLIC ${CMAKE_SOURCE_DIR})

add_executable(bare_token bench/bare_token.c)
target_link_libraries(bare_token PRIVATE histogram PkgConfig::P11KIT Threads::Threads ${CMAKE_DL_LIBS})
target_compile_options(bare_token PRIVATE -Wno-conversion -Wno-cast-qual -Wno-pedantic -Wno-missing-prototypes)

add_executable(closed_loop bench/closed_loop.c)
target_link_libraries(closed_loop PRIVATE histogram PkgConfig::LIBSSL)
target_compile_options(closed_loop PRIVATE -Wno-conversion -Wno-cast-qual)

add_executable(open_loop bench/open_loop.c)
target_link_libraries(open_loop PRIVATE histogram m)
target_compile_options(open_loop PRIVATE -Wno-conversion -Wno-cast-qual)

# That it works at all, not how fast anything is.
hsmgate_scenario(bench smoke)
# Alone: beside tests that load the disk, a round of 0.2 s may be over before the token was asked at all.
set_tests_properties(bench.smoke PROPERTIES RUN_SERIAL TRUE)
