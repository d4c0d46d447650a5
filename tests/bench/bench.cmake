# The benchmark: scripts/bench runs it on the release build; it never passes or fails.
add_executable(bare_token bench/bare_token.c)
target_link_libraries(bare_token PRIVATE PkgConfig::P11KIT Threads::Threads ${CMAKE_DL_LIBS})
target_compile_options(bare_token PRIVATE -Wno-conversion -Wno-cast-qual -Wno-pedantic -Wno-missing-prototypes)

add_executable(open_loop bench/open_loop.c)
target_link_libraries(open_loop PRIVATE m)
target_compile_options(open_loop PRIVATE -Wno-conversion -Wno-cast-qual)
