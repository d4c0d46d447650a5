# The API of Vault's transit engine.
target_sources(hsmgate_gateway PRIVATE
  vault/vault_certificates.c
  vault/vault_data.c
  vault/vault_fields.c
  vault/vault_key_change.c
  vault/vault_key_view.c
  vault/vault_keys.c
  vault/vault_name.c
  vault/vault_reply.c
  vault/vault_route.c
  vault/vault_self.c
  vault/vault_sign.c
  vault/vault_system.c
  vault/vault_text.c)
set_source_files_properties(vault/vault_system.c PROPERTIES COMPILE_DEFINITIONS HSMGATE_VERSION="${PROJECT_VERSION}")
