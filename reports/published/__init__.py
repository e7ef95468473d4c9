"""What the papers printed and claimed: one TOML file per paper, and the schema of those files."""
