"""Configuration files → typed, checked values. One declaration a file: what is read, its default, unit and help."""
