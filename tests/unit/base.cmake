foreach(name algorithm buf certificate clock digest encoding envelope err failpoint fiber file harmless json_read json_scan json_write log mem name parsed_key pile
        secret sync wiping_free yaml)
  hsmgate_unit_test(test_${name} hsmgate_base)
endforeach()
target_link_libraries(test_parsed_key PRIVATE PkgConfig::OPENSSL)
target_link_libraries(test_certificate PRIVATE PkgConfig::OPENSSL PkgConfig::GNUTLS)
