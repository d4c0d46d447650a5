foreach(part record repair writer faults lost read)
  hsmgate_unit_test(test_audit_${part} hsmgate_audit)
  target_sources(test_audit_${part} PRIVATE unit/audit_fixture.c)
endforeach()
