"""Passes a request on to another server and its answer back, as services do without a server like ours: with requests.

BENCH_TARGET: the address of the other server.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

import requests
from requests.adapters import HTTPAdapter

_TARGET = os.environ['BENCH_TARGET']
_SESSION = requests.Session()
_SESSION.mount('http://', HTTPAdapter(pool_maxsize=40, pool_block=True))


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    data = json.loads(environ['wsgi.input'].read(int(environ['CONTENT_LENGTH'])))
    answer = _SESSION.post(_TARGET, json=data, timeout=10)
    body = json.dumps(answer.json()).encode()
    start_response('200 OK', [('Content-Type', 'application/json'), ('Content-Length', str(len(body)))])
    return [body]
