foreach(noun backup bearers certify change changes claims db_load db_schema db_sqlite directory evidence facts grants id_index
        key move names network store uses freeze request requests rosters votes)
  hsmgate_unit_test(test_${noun} hsmgate_keystore)
endforeach()
# 100 000 keys take long under a sanitizer on a busy machine.
set_tests_properties(unit.test_db_load PROPERTIES TIMEOUT 300)
