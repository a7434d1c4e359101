"""What a mail's origin can prove, gathered from the network before anything is decided."""
