"""Changes of configuration: written by one path, told to every worker of every server, applied by each.

ledger.py, one transaction's events and audit · changes.py validates and writes objects · odb.py, calls that block nobody ·
follower.py applies what others wrote · presence.py, the workers there are · wake.py and notify.py tell them at once ·
configuration.py, what `zato.config.apply` does · housekeeping.py prunes.
"""
