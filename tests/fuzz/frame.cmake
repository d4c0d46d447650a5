# The seeds of fuzz_frame, written anew when the wire format changes.
add_executable(make_frame_seeds EXCLUDE_FROM_ALL fuzz/make_frame_seeds.c)
target_link_libraries(make_frame_seeds PRIVATE hsmgate_pkcs11)
