"""HTTP/1.1 over sockets: reads requests strictly, calls `respond(request)`, writes what it returns. Knows no services."""
