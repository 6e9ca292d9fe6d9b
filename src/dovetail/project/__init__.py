"""The YAML that people write, turned into the model."""
