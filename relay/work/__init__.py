"""The loops: the filer, and the supervisor that keeps it alive."""
