foreach(noun backup bearers certify change changes claims db_load db_schema db_sqlite directory evidence facts grants id_index
        key move names network store uses freeze request requests rosters votes)
  hsmgate_unit_test(test_${noun} hsmgate_keystore)
endforeach()
