"""The only importers of torch: networks as modules, their first weights, their files."""
