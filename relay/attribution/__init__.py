"""What a mail means to us: who handed it in, which message matters, who wrote to whom. Pure."""
