# What is read at the edges: HTTP as it comes, encodings, names, files, and what other programs answer.
hsmgate_fuzz(http hsmgate_gateway)
hsmgate_fuzz(audit_log hsmgate_audit)

foreach(target fuzz_http replay_http)
  if(TARGET ${target})
    target_sources(${target} PRIVATE fuzz/http_reference.c)
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR})
  endif()
endforeach()
