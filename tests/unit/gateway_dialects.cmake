# Other wire formats: their fields and texts, AWS's signatures.
foreach(name loose replay sigv4)
  hsmgate_unit_test(test_${name} hsmgate_gateway)
endforeach()
