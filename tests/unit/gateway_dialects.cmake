# Other wire formats: their fields and texts, AWS's inputs and signatures.
foreach(name loose replay sigv4 aws_shape xks)
  hsmgate_unit_test(test_${name} hsmgate_gateway)
endforeach()
