"""What needs attention: everything that is wrong in the cluster, as far as its servers tell, each thing once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.utils.text import capfirst

from zato.admin.links import address, page_of_title
from zato.admin.servers.state import Alarm, State, Worker

#: Seconds that something may be so without being a concern: workers start, and changes take a moment to be everywhere.
MOMENT = 8.0

#: Beginnings of what alarms are about → the page that shows it, and what the link to it says.
_PAGES = {'deploy:': ('services', 'Show services'), 'module:': ('services', 'Show services')}

#: What alarms about messages that are not delivered are about.
_SUBSCRIPTION = re.compile(r'Subscription (\S+) to ')


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """key: tells it from others, as long as it lasts. since: UTC, ISO 8601, '' if nobody has said.

    is_noticed: is that only the time when it was noticed? is_momentary: is it one only if it lasts longer than a MOMENT?
    """

    key: str
    what: str
    text: str = ''
    where: Sequence[str] = ()
    since: str = ''
    is_noticed: bool = False
    what_to_do: str = ''
    page: str = ''
    link: str = ''
    is_momentary: bool = False


def find_concerns(states: Sequence[State], peers: Iterable[str] | None) -> list[Concern]:
    """All, momentary ones too. peers: names of servers whose workers are in the ODB, None if nobody knows."""
    return [
        *_silent_servers(states),
        *_odb(states),
        *_workers(states),
        *_alarms(states),
        *_unlike(states),
        *(_members(states, frozenset(peers)) if peers is not None else ()),
    ]


def lasting(concerns: Sequence[Concern], since: Mapping[str, float], now: float) -> list[Concern]:
    """Those that are concerns by now, with the time when each began. since: when each was noticed, by its key."""
    found = []
    for concern in concerns:
        noticed = since[concern.key]
        if concern.is_momentary and now - noticed < MOMENT:
            continue
        if not concern.since:
            at = datetime.fromtimestamp(noticed, UTC).isoformat()
            concern = replace(concern, since=at, is_noticed=True)
        found.append(concern)
    return found


def _silent_servers(states: Sequence[State]) -> Iterable[Concern]:
    for state in states:
        if state.problem is not None:
            yield Concern(
                key=f'server:{state.name}',
                what=state.problem.title,
                text=state.problem.text,
                where=[state.name],
                what_to_do=state.problem.hint,
                page=address('server', state.name),
                link='Show the server',
            )


def _odb(states: Sequence[State]) -> Iterable[Concern]:
    """Of which workers tell in an alarm, once they have waited for it for long."""
    away = [state for state in states if state.odb_problem]
    if away and not any(alarm.subject == 'ODB' for state in states for worker in state.workers for alarm in worker.alarms):
        yield Concern(
            key='odb',
            what='The ODB does not answer',
            text=away[0].odb_problem,
            where=[state.name for state in away],
            what_to_do='Servers go on with the configuration they have; look after the database',
            page=address('server', away[0].name),
            link='Show the server',
        )


def _workers(states: Sequence[State]) -> Iterable[Concern]:
    for state in states:
        if not state.is_up:
            continue
        for worker in state.workers:
            key = f'worker:{state.name}:{worker.pid}'
            what, text, what_to_do = _of_worker(worker)
            if what:
                yield Concern(
                    key=f'{key}:{what}:{worker.applied_event}',
                    what=what,
                    text=text,
                    where=[f'{state.name}, worker {worker.pid}'],
                    what_to_do=what_to_do,
                    page=address('server', state.name),
                    link='Show the server',
                    is_momentary=True,
                )


def _of_worker(worker: Worker) -> tuple[str, str, str]:
    """What is wrong with it, more of that, what to do; '' if nothing is."""
    log = 'Look into server.log of that server; if it stays so, restart the server'
    if worker.error:
        return 'A worker does not answer', worker.error, log
    if not worker.is_ready:
        return 'A worker is not ready', 'It accepts no requests yet.', log
    if worker.lag:
        changes = 'one change' if worker.lag == 1 else f'{worker.lag:,} changes'
        return 'A worker is behind', f'It has yet to apply {changes} of the configuration.', log
    return '', '', ''


def _alarms(states: Sequence[State]) -> Iterable[Concern]:
    """Workers that have the same alarm are named together."""
    found: dict[tuple[str, str], list[tuple[State, Worker, Alarm]]] = {}
    for state in states:
        for worker in state.workers:
            for alarm in worker.alarms:
                found.setdefault((alarm.subject, alarm.what), []).append((state, worker, alarm))
    for (subject, what), all_of_it in found.items():
        first, _, alarm = all_of_it[0]
        page, link = _page_of(subject, first)
        yield Concern(
            key=f'alarm:{subject}:{what}',
            what=alarm.title,
            text=alarm.text,
            where=list(_places(all_of_it)),
            since=min(each.since for _, _, each in all_of_it),
            what_to_do=capfirst(alarm.what_to_do),
            page=page,
            link=link,
        )


def _places(found: Sequence[tuple[State, Worker, Alarm]]) -> Iterable[str]:
    """A server, if all its workers have it; else the server and which of them."""
    pids: dict[str, list[int]] = {}
    for state, worker, _ in found:
        pids.setdefault(state.name, []).append(worker.pid)
    workers = {state.name: len(state.workers) for state, _, _ in found}
    for name, some in pids.items():
        listed = ', '.join(map(str, some))
        plural = 's' if len(some) > 1 else ''
        yield name if len(some) == workers[name] else f'{name}, worker{plural} {listed}'


def _page_of(subject: str, state: State) -> tuple[str, str]:
    for beginning, (page, link) in _PAGES.items():
        if subject.startswith(beginning):
            return address(page), link
    if found := _SUBSCRIPTION.match(subject):
        return address('subscriptions', query=found[1]), 'Show the subscription'
    if page := page_of_title(subject):
        return page, f'Show {subject}'
    return address('server', state.name), 'Show the server'


def _unlike(states: Sequence[State]) -> Iterable[Concern]:
    """Servers of one cluster that are not alike, or are one and the same."""
    up = [state for state in states if state.is_up]
    versions: dict[str, list[str]] = {}
    places: dict[tuple[str, str, int], list[str]] = {}
    for state in up:
        versions.setdefault(state.version, []).append(state.name)
        places.setdefault((state.host, state.own_name, state.pid), []).append(state.name)
    if len(versions) > 1:
        yield Concern(
            key='versions:' + ' '.join(sorted(versions)),
            what='Servers have different versions',
            text='\n'.join(f'{", ".join(names)}: {version}' for version, names in sorted(versions.items())),
            where=[state.name for state in up],
            what_to_do='Update the older ones',
            page=address('servers'),
            link='Show servers',
        )
    for names in places.values():
        if len(names) > 1:
            yield Concern(
                key=f'same:{" ".join(names)}',
                what='web-admin.conf names one server twice',
                text=f'{" and ".join(names)} are one and the same server.',
                where=names,
                what_to_do='Give each its own address in web-admin.conf, under [servers], then restart the dashboard',
                page=address('servers'),
                link='Show servers',
            )


def _members(states: Sequence[State], peers: frozenset[str]) -> Iterable[Concern]:
    """Does web-admin.conf name the servers that are in the cluster, all of them and no others?"""
    named = {state.own_name or state.name for state in states} | {state.name for state in states}
    for name in sorted(peers - named):
        yield Concern(
            key=f'unnamed:{name}',
            what='web-admin.conf does not name a server of the cluster',
            text=f'Server {name} runs, and this dashboard cannot show it.',
            where=[name],
            what_to_do='Add its address to web-admin.conf, under [servers], then restart the dashboard',
            is_momentary=True,
        )
    for state in states:
        if state.is_up and state.ready and state.own_name not in peers:
            yield Concern(
                key=f'stranger:{state.name}',
                what='A server is not in the cluster',
                text=f'Server {state.name} does not use the ODB of the others, so it has a configuration of its own.',
                where=[state.name],
                what_to_do='Is its address in web-admin.conf right, and the ODB in its server.conf?',
                page=address('server', state.name),
                link='Show the server',
                is_momentary=True,
            )
