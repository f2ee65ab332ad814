"""What may a spec contain? Its keys and defaults, their validation, the JSON Schema, the zoo."""
