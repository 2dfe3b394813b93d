"""Files that carry configuration between environments."""
