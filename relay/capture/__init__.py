"""Mail in: listeners and SMTP sessions. Everything here ends in `Vault.put` or in a refusal."""
