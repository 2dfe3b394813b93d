"""`zato pubsub publish`, `tail`, `browse`, `dead` and the like: what is published, what waits, and what died."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

import click

from zato.cli.component import PATH, call
from zato.cli.error import CONFLICTING_OPTIONS, INVALID_INPUT, NO_OPTIONS, CommandError
from zato.cli.output import format_option, printable, show, table
from zato.common.pubsub.dead_letter import REASONS

_FROM_STDIN: Final = '-'
_POLL: Final = 0.5  #: seconds
_PAGE: Final = 1_000
_SHOWN: Final = 120  #: characters of data in a table


@click.command()
@click.argument('path', type=PATH)
@click.argument('topic')
@click.argument('data')
@click.option('--json', 'is_json', is_flag=True, help='DATA is JSON, and the message what that stands for.')
@click.option('--endpoint', help='As which endpoint; by default, as the server itself.')
@click.option('--priority', type=click.IntRange(1, 9), help='9 goes first. [default: 5]')
@click.option('--expiration', type=click.IntRange(1), metavar='MILLISECONDS', help='It is not delivered after that.')
@click.option('--deliver-after', type=float, metavar='SECONDS', help='It is not delivered before that.')
@click.option('--msg-id', help='Publishing twice with one ID stores one message.')
@click.option('--mime-type', help='[default: text/plain]')
@click.option('--correl-id', help='What the message belongs to.')
def publish(path: Path, topic: str, data: str, is_json: bool, **options: Any) -> None:
    """Publish DATA to TOPIC and print the message's ID. DATA is text; `-` reads it from standard input."""
    given = sys.stdin.read() if data == _FROM_STDIN else data
    request = {name: value for name, value in options.items() if value is not None}
    if 'endpoint' in request:
        request['endpoint_name'] = request.pop('endpoint')
    try:
        body = json.loads(given) if is_json else given
    except ValueError as e:
        raise CommandError(f'DATA is not JSON: {e}', INVALID_INPUT) from None
    msg_id = call(path, 'zato.pubsub.publish.publish', {'topic_name': topic, 'data': body, **request})['msg_id']
    click.echo(
        msg_id if msg_id else 'It was dropped: nobody has subscribed to the topic, or its hook says so', err=not msg_id
    )


@click.command()
@click.argument('path', type=PATH)
@click.argument('topic')
@click.option('--from-start', is_flag=True, help='What there still is at first.')
@click.option('--limit', type=click.IntRange(1), help='End after so many messages.')
@click.option('--format', 'format_', type=click.Choice(['text', 'json']), default='text', show_default=True)
def tail(path: Path, topic: str, from_start: bool, limit: int | None, format_: str) -> None:
    """Print messages as they are published to TOPIC, until it is interrupted. They are delivered all the same.

    Those that are delivered within half a second are seen only if the topic keeps messages: `limit_retention`.
    """
    for count, message in enumerate(_follow(path, topic, from_start=from_start), start=1):
        click.echo(json.dumps(message, ensure_ascii=False) if format_ == 'json' else _line(message))
        if count == limit:
            return


@click.command()
@click.argument('path', type=PATH)
@click.argument('queue')
@click.option('--which', type=click.Choice(['ready', 'retry', 'pulled']), default='ready', show_default=True)
@click.option('--limit', type=click.IntRange(1, _PAGE), default=50, show_default=True, help='Messages.')
@click.option('--after', help='Where to go on: what was told when there was more.')
@format_option
def browse(path: Path, queue: str, which: str, limit: int, after: str | None, format_: str) -> None:
    """Show what waits in QUEUE, in the order of delivery. QUEUE is a sub_key; or a topic that nobody has subscribed to.

    `retry`: what waits aside until it is due, such as what failed. `pulled`: what clients have.
    """
    request = {**_queue(queue), 'which': which, 'limit': limit, 'after': after}
    found = call(path, 'zato.pubsub.queue.get-message-list', request)
    head = ('seq', 'msg_id', 'priority', 'published (UTC)', 'size', 'attempts', 'not before (UTC)', 'error', 'data')
    show(found, format_, lambda: table(head, (_queue_row(item) for item in found['messages'])))
    if found['next'] and format_ == 'text':
        click.echo(f'There are more: --after {found["next"]}', err=True)
    if not found['messages'] and 'topic_name' in request and format_ == 'text':
        click.echo(f'What waits for its subscribers is in their queues: zato pubsub list {path} --topic {queue}', err=True)


@click.command()
@click.argument('path', type=PATH)
@click.argument('queue')
def clear(path: Path, queue: str) -> None:
    """Remove all that waits in QUEUE, a sub_key or a topic that nobody has subscribed to. It is not delivered."""
    deleted = call(path, 'zato.pubsub.queue.clear', _queue(queue))['deleted']
    click.echo(f'{deleted} message(s) removed')


def _chooses(command: Any) -> Any:
    """Options that choose dead letters."""
    for option in (
        click.option('--reason', type=click.Choice(REASONS), help='Why they died.'),
        click.option('--sub-id', type=int, help='Of a subscription by its ID, which may be gone.'),
        click.option('--sub-key', help='Of a subscription.'),
        click.option('--topic', 'topic_name', help='Of all subscriptions to a topic.'),
    ):
        command = option(command)
    return command


def _letters(command: Any) -> Any:
    """Options that choose dead letters of which something becomes."""
    for option in (
        click.option('--all', 'is_all', is_flag=True, help='All there are.'),
        click.option(
            '--letter', 'letters', multiple=True, metavar='SUB_ID/SEQ', help='One, as `dead` lists it; repeatable.'
        ),
    ):
        command = option(command)
    return _chooses(command)


@click.command()
@click.argument('path', type=PATH)
@_chooses
@click.option('--limit', type=click.IntRange(1, _PAGE), default=50, show_default=True, help='Dead letters.')
@click.option('--before', help='Where to go on: what was told when there was more.')
@click.option('--output', type=click.File('w', encoding='utf-8'), help='Write them all, with all their data, as JSON lines.')
@format_option
def dead(path: Path, limit: int, before: str | None, output: IO[str] | None, format_: str, **chosen: Any) -> None:
    """Show dead letters: messages that are not delivered any more, the latest published first."""
    if output is not None:
        click.echo(f'{_download(path, chosen, output)} dead letter(s) written')
        return
    found = call(path, 'zato.pubsub.dead-letter.get-list', {**chosen, 'limit': limit, 'before': before})
    head = ('letter', 'msg_id', 'topic', 'sub_key', 'reason', 'attempts', 'died (UTC)', 'error', 'data')
    show(found, format_, lambda: table(head, (_letter_row(item) for item in found['messages'])))
    if found['next'] and format_ == 'text':
        click.echo(f'There are more: --before {found["next"]}', err=True)


@click.command()
@click.argument('path', type=PATH)
@_letters
@click.option('--as-new', is_flag=True, help='At the end of the queue; by default, in their old place.')
@click.option('--to-topic', help='To whoever has subscribed to that topic; for those too whose subscription is gone.')
def requeue(path: Path, letters: tuple[str, ...], is_all: bool, as_new: bool, to_topic: str | None, **chosen: Any) -> None:
    """Have dead letters delivered again, as if for the first time. What has expired does not expire any more."""
    request = {**_choice(letters, chosen, is_all=is_all), 'as_new': as_new, 'to_topic': to_topic}
    answer = call(path, f'zato.pubsub.dead-letter.requeue{"" if letters else "-all"}', request)
    click.echo(f'{answer["requeued"]} dead letter(s) requeued')
    if answer.get('left'):
        click.echo(f'Warning: {answer["left"]} are of subscriptions that are gone; --to-topic requeues those', err=True)


@click.command('delete-dead')
@click.argument('path', type=PATH)
@_letters
def delete_dead(path: Path, letters: tuple[str, ...], is_all: bool, **chosen: Any) -> None:
    """Delete dead letters."""
    request = _choice(letters, chosen, is_all=is_all)
    answer = call(path, f'zato.pubsub.dead-letter.delete{"" if letters else "-all"}', request)
    click.echo(f'{answer["deleted"]} dead letter(s) deleted')


def _choice(letters: tuple[str, ...], chosen: Mapping[str, Any], *, is_all: bool) -> dict[str, Any]:
    """Raises CommandError."""
    is_chosen = any(value is not None for value in chosen.values())
    if bool(letters) + is_chosen + is_all > 1:
        raise CommandError('Give --letter, or --all, or options that choose some', CONFLICTING_OPTIONS)
    if not (letters or is_chosen or is_all):
        raise CommandError('Say which dead letters: --topic, --sub-key, --reason, --letter, or --all', NO_OPTIONS)
    return {'letters': [_letter(text) for text in letters]} if letters else dict(chosen)


def _letter(text: str) -> dict[str, int]:
    sub_id, _, seq = text.partition('/')
    try:
        return {'sub_id': int(sub_id), 'seq': int(seq)}
    except ValueError:
        raise CommandError(
            f'--letter must be SUB_ID/SEQ, as `zato pubsub dead` lists it; got {text}', INVALID_INPUT
        ) from None


def _queue(text: str) -> dict[str, str]:
    return {'sub_key': text} if text.startswith('zpsk.') else {'topic_name': text}


def _follow(path: Path, topic: str, *, from_start: bool) -> Iterator[dict[str, Any]]:
    """Messages as they come. Writers of different workers may finish in another order than they began in: each look goes
    back to where the one before the last one ended.
    """
    service = 'zato.pubsub.topic.get-message-list'
    start = 0 if from_start else call(path, service, {'topic_name': topic, 'after_seq': -1})['last_seq']
    ends = deque([start, start], maxlen=2)
    seen = deque[int](maxlen=10 * _PAGE)
    while True:
        found = call(path, service, {'topic_name': topic, 'after_seq': ends[0], 'limit': _PAGE})
        messages = found['messages']
        new = [message for message in messages if message['seq'] not in seen]
        yield from new
        seen.extend(message['seq'] for message in new)
        if len(messages) == _PAGE:
            ends.append(messages[-1]['seq'])
            ends.append(messages[-1]['seq'])
            continue
        ends.append(max(found['last_seq'], ends[-1]))
        time.sleep(_POLL)


def _download(path: Path, chosen: Mapping[str, Any], output: IO[str]) -> int:
    """How many there were."""
    lines, before = 0, ''
    while True:
        found = call(path, 'zato.pubsub.dead-letter.download', {**chosen, 'before': before})
        content, before = str(found['content']), str(found['next'])
        output.write(content)
        lines += content.count('\n')
        if not before:
            return lines


def _line(message: Mapping[str, Any]) -> str:
    """A line with what there is to know, and the data below it."""
    parts = (
        _time(message['pub_time_iso']),
        message['msg_id'],
        f'priority {message["priority"]}',
        message['endpoint_name'],
        f'{message["size"]} bytes{", cut off" if message["is_cut"] else ""}',
        message['data_encoding'] if message['data_encoding'] != 'text' else '',
    )
    return f'{"  ".join(printable(part) for part in parts if part)}\n{printable(message["data_prefix"])}'


def _queue_row(item: Mapping[str, Any]) -> tuple[Any, ...]:
    due = item['not_before_iso'] or item['due_iso'] or item['until_iso']
    own = (item['seq'], item['msg_id'], item['priority'], _time(item['pub_time_iso']), item['size'], item['attempts'])
    return *own, _time(due), _short(item['error']), _short(item['data_prefix'])


def _letter_row(item: Mapping[str, Any]) -> tuple[Any, ...]:
    own = (f'{item["sub_id"]}/{item["seq"]}', item['msg_id'], item['topic_name'], item['sub_key'], item['reason'])
    return *own, item['attempts'], _time(item['died_at_iso']), _short(item['error']), _short(item['data_prefix'])


def _time(text: str) -> str:
    return text.replace('T', ' ')[:19]


def _short(text: str) -> str:
    """In one line of a table."""
    line = printable(text).replace('\n', ' ')
    return line if len(line) <= _SHOWN else f'{line[:_SHOWN]}…'
