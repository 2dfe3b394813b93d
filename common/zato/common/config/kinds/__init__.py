"""One module for each kind of object that can be configured; they are found by their presence."""
