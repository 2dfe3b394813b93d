"""`zato pubsub`: topics, endpoints and subscriptions. What is published is in pubsub_messages.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from zato.cli.component import PATH, call
from zato.cli.group import Group
from zato.cli.kind_command import create_command, delete_command
from zato.cli.output import format_option, show, table, warn_of_workers
from zato.cli.pubsub_messages import browse, clear, dead, delete_dead, publish, requeue, tail
from zato.common.config.kind import find_kind

_KINDS: Final = {'topic': 'pubsub_topic', 'endpoint': 'pubsub_endpoint', 'subscription': 'pubsub_subscription'}


@click.group(cls=Group)
def pubsub() -> None:
    """Work with topics, subscriptions and messages of publish/subscribe."""


@pubsub.command('get-topics')
@click.argument('path', type=PATH)
@format_option
def get_topics(path: Path, format_: str) -> None:
    """List topics, how much waits in each and what was published last. Depth is that of its longest queue."""
    found = call(path, 'zato.pubsub.topic.get-state-list')
    head = ('id', 'name', 'is_active', 'subscriptions', 'depth', 'dead', 'published', 'last published (UTC)')
    show(found, format_, lambda: table(head, (_topic_row(item) for item in found)))


@pubsub.command('list')
@click.argument('path', type=PATH)
@click.option('--topic', help='Those of one topic.')
@format_option
def list_(path: Path, topic: str | None, format_: str) -> None:
    """List subscriptions: how much waits, for how long, in which state its delivery is, and in which worker."""
    found = call(path, 'zato.pubsub.subscription.get-state-list', {'topic_name': topic})
    head = ('sub_key', 'topic', 'endpoint', 'state', 'depth', 'aside', 'dead', 'lag (s)', 'worker', 'next attempt', 'error')
    show(found, format_, lambda: table(head, (_subscription_row(item) for item in found)))


@pubsub.command()
@click.argument('path', type=PATH)
@click.argument('sub_key')
def pause(path: Path, sub_key: str) -> None:
    """Deliver nothing to a subscription until it is resumed; messages wait."""
    _set_paused(path, 'pause', sub_key)


@pubsub.command()
@click.argument('path', type=PATH)
@click.argument('sub_key')
def resume(path: Path, sub_key: str) -> None:
    """Deliver to a subscription that was paused."""
    _set_paused(path, 'resume', sub_key)


@pubsub.command()
@click.argument('path', type=PATH)
@click.argument('sub_key')
@click.option('--to', required=True, help='A time, such as 2026-05-01T10:00:00 (UTC), or the seq of a message.')
def reset(path: Path, sub_key: str, to: str) -> None:
    """Deliver to a subscription once more what was published since a time, or from a message on.

    Its topic must keep messages: `limit_retention`.
    """
    start = {'seq': int(to)} if to.isdecimal() else {'time': to}
    added = call(path, 'zato.pubsub.subscription.reset', {'sub_key': sub_key, **start})['added']
    click.echo(f'{added} message(s) are delivered once more')


for _name, _kind in _KINDS.items():
    pubsub.add_command(create_command(find_kind(_kind), f'create-{_name}'))
    pubsub.add_command(delete_command(find_kind(_kind), f'delete-{_name}'))
for _command in (publish, tail, browse, clear, dead, requeue, delete_dead):
    pubsub.add_command(_command)


def _set_paused(path: Path, action: str, sub_key: str) -> None:
    response = call(path, f'zato.pubsub.subscription.{action}', {'sub_key': sub_key})
    click.echo(f'{sub_key} is {"paused" if response["is_paused"] else "delivered to"}')
    warn_of_workers(response)


def _topic_row(item: dict[str, Any]) -> tuple[Any, ...]:
    counts = (_count(item, 'depth'), _count(item, 'dead'))
    last = item['last_time'].replace('T', ' ')[:19]
    return item['id'], item['name'], item['is_active'], item['subscriptions'], *counts, item['published'], last


def _subscription_row(item: dict[str, Any]) -> tuple[Any, ...]:
    worker = f'{item["server"]}:{item["pid"]}' if item['server'] else ''
    counts = (_count(item, 'depth'), _count(item, 'retry'), _count(item, 'dead'))
    following = item['next_attempt'].replace('T', ' ')[:19]
    names = (item['sub_key'], item['topic_name'], item['endpoint_name'], item['state'])
    return *names, *counts, f'{item["lag"]:.1f}', worker, following, item['error']


def _count(item: dict[str, Any], name: str) -> str:
    return f'{item[name]}+' if item[f'is_{name}_more'] else str(item[name])
