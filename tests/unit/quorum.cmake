hsmgate_unit_test(test_cka_id hsmgate_quorum)

# With keys and signatures of voters.
foreach(part vote voter_key voter_key_read sshsig)
  hsmgate_unit_test(test_${part} hsmgate_quorum PkgConfig::OPENSSL)
  target_sources(test_${part} PRIVATE unit/voter_fixture.c)
endforeach()
target_sources(test_voter_key PRIVATE unit/program_fixture.c)
target_sources(test_sshsig PRIVATE unit/program_fixture.c)

# With people, rosters and bundles.
foreach(part statement recipient roster chain decision bundle)
  hsmgate_unit_test(test_${part} hsmgate_quorum PkgConfig::OPENSSL)
  target_sources(test_${part} PRIVATE unit/quorum_fixture.c)
endforeach()
