"""The services and the kernel they share. A service is a folder; CONTRIBUTING.md has the kernel in one screen."""
