"""The services: each owns its tables and meets the others only in interfaces and on the bus."""
