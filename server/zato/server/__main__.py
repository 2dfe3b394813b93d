"""`python -m zato.server`. gevent patches before anything else is imported.

`os` and `signal` are left to the workers: the arbiter forks and waits for its children the way the system does.
"""

import gc

gc.disable()  # until all is imported: looking for garbage among classes takes a seventh of it

from gevent import config, events, monkey

# Looking for plug-ins of gevent in every installed package, at each of twenty steps, takes a fifth of the whole start.
events.notify_and_call_entry_points = events.notify  # type: ignore[attr-defined]  # not in the stubs
config.track_greenlet_tree = False  # a service that starts thousands in the background need not say from where
monkey.patch_all(os=False, signal=False)

import sys

from zato.server.process.main import main

sys.exit(main())
