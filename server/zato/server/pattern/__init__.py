"""`self.patterns`: ways of invoking services that are built of single invocations. All in this process's memory only."""
