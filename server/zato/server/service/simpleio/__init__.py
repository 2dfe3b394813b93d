"""Input and output of services: declarations, and what is compiled from them when a service is deployed."""
