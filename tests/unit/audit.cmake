foreach(part audit_backup audit_record audit_repair audit_writer audit_faults audit_lost audit_read sinks)
  hsmgate_unit_test(test_${part} hsmgate_audit)
  target_sources(test_${part} PRIVATE unit/audit_fixture.c)
endforeach()

hsmgate_unit_test(test_tree hsmgate_audit)
hsmgate_unit_test(test_checkpoint hsmgate_audit PkgConfig::OPENSSL)
target_sources(test_checkpoint PRIVATE unit/audit_signer.c)

# With checkpoints signed in software.
foreach(part verify proof audit_start)
  hsmgate_unit_test(test_${part} hsmgate_audit PkgConfig::OPENSSL)
  target_sources(test_${part} PRIVATE unit/audit_fixture.c unit/audit_signer.c)
endforeach()
