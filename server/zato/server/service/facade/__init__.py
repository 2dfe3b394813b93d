"""What services reach through `self`: one facade a module, none of which knows services."""
