"""Seals every event in a Merkle log that anyone can check without trusting its keeper."""
