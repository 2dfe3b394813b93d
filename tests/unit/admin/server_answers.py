"""What servers say of themselves, of their workers and of their logs, for tests of pages that show it."""

from __future__ import annotations

from typing import Any

SINCE = '2026-11-22T11:00:00+00:00'


def worker(pid: int = 101, **other: Any) -> dict[str, Any]:
    return {
        'pid': pid,
        'server': 'server1',
        'version': '4.0.0',
        'started': SINCE,
        'is_ready': True,
        'roles': [],
        'connections': 2,
        'invoked': 10,
        'running': [],
        'running_count': len(other.get('running', ())),
        'memory': 60_000_000,
        'max_memory': 70_000_000,
        'applied_event': 50,
        'objects': 110,
        'modules': [],
        'module_count': 1,
        'service_count': 3,
        'alarms': [],
        'alarm_count': len(other.get('alarms', ())),
        **other,
    }


def info(name: str = 'server1', *workers: dict[str, Any], **other: Any) -> dict[str, Any]:
    """As `zato.server.get-info` answers; with one worker where none is given."""
    return {
        'server': name,
        'cluster': 'c1',
        'version': '4.0.0',
        'host': 'h1',
        'pid': 100 + int(name[-1]),
        'address': '127.0.0.1:17010',
        'now': SINCE,
        'started': SINCE,
        'uptime_seconds': 90.0,
        'last_event': 50,
        'odb_error': '',
        'workers': list(workers) or [worker()],
        **other,
    }


def alarm(subject: str, what: str, **other: Any) -> dict[str, Any]:
    return {'subject': subject, 'what': what, 'what_to_do': 'put it right', 'since': SINCE, **other}


def change(event: int = 7, **other: Any) -> dict[str, Any]:
    """As `zato.audit.get-list` answers."""
    return {
        'event': event,
        'at': SINCE,
        'who': 'joan',
        'role': 'admin',
        'action': 'edit',
        'kind': 'channel_rest',
        'object_id': 3,
        'name': 'my.channel',
        'before': {'name': 'my.channel', 'is_active': True, 'url_path': '/a'},
        'after': {'name': 'my.channel', 'is_active': True, 'url_path': '/b'},
        **other,
    }


def record(text: str, second: float = 0.0, **other: Any) -> dict[str, Any]:
    return {
        'at': f'2026-11-22T11:00:{second:09.6f}+00:00',
        'level': 'INFO',
        'process': 101,
        'cid': '',
        'logger': 'my.module',
        'line': 5,
        'text': text,
        'position': f'a-{second}',
        **other,
    }


def log(*records: dict[str, Any], **other: Any) -> dict[str, Any]:
    """As `zato.log.read` answers."""
    return {
        'file': 'server.log',
        'records': list(records),
        'first': 'a-first',
        'last': 'a-last',
        'is_complete': True,
        'was_reset': False,
        'searched_bytes': 10,
        **other,
    }
