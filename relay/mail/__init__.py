"""What the RFCs say about mail. Pure: no input or output, no clock, no randomness."""
