"""From a suite in TOML to cells: settings resolved, shared stages found, dependencies first."""
