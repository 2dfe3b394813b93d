"""Hot deployment: files that users copy become services on every worker, or an error that says why not.

deployer.py, in the worker that holds the role, decides · checker.py imports them first, in a
process of its own · versions.py keeps what was accepted · applier.py, in each worker, swaps classes · loader.py imports.
"""
