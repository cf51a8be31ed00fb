"""What services tell each other, and how it travels. See CATALOG.md for every event."""
