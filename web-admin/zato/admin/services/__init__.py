"""Services: what is deployed, its source and versions, and calls by hand."""
