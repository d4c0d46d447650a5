foreach(name algorithm buf clock digest encoding envelope err failpoint file harmless json_read json_scan json_write log mem name secret
        sync wiping_free yaml)
  hsmgate_unit_test(test_${name} hsmgate_base)
endforeach()
