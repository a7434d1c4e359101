"""Accepted mail objects, append-only and private: what stands behind every 250."""
