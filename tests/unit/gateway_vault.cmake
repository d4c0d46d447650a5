# The API of Vault's transit engine: what its clients send, and where it leads.
foreach(name vault_fields vault_routes)
  hsmgate_unit_test(test_${name} hsmgate_gateway)
endforeach()
