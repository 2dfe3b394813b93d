"""Lists and forms of objects of every kind, made from its declaration."""
