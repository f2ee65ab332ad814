"""What does a user mean by a network? Names, files, specs, networks; what was lifted; variants."""
