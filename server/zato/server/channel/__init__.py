"""From a request to a service and back."""
