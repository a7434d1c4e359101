"""Configuration: the documented types (`settings`), and reading them from TOML and the environment."""
