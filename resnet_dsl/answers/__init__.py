"""What does a user want to know of a network? Typed records, one question a file."""
