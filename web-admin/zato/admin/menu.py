"""The menu: pages of their own, and a list for each kind, where its declaration says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse

from zato.admin.page import may
from zato.common.config.kind import kinds
from zato.common.version import version

#: Kinds whose list is a page of its own → its name.
OWN_PAGES: Final[Mapping[str, str]] = {
    'service': 'services',
    'pubsub_topic': 'topics',
    'pubsub_subscription': 'subscriptions',
}

#: Pages in the menus of kinds that are not lists of a kind: the way to it, its name.
_MORE: Final = ((('Pub/sub', 'Dead letters'), 'dead-letters'),)


@dataclass(slots=True)
class Entry:
    """One entry, or with `entries` a menu. url: '' of a menu."""

    label: str
    url: str = ''
    role: str = 'viewer'
    is_current: bool = False  #: or is one of its entries?
    entries: list[Entry] = field(default_factory=list)


def menu(path: str, role: str) -> list[Entry]:
    """What a user with that role is shown on the page at `path`."""
    top = [
        Entry('Home', reverse('home')),
        Entry('Services', reverse('services')),
        *_kinds(),
        Entry(
            'Cluster',
            entries=[
                Entry('Servers', reverse('servers')),
                Entry('Logs', reverse('logs'), 'operator'),
                Entry('Changes', reverse('changes')),
                Entry('Users', reverse('users'), 'admin'),
            ],
        ),
    ]
    shown = list(_allowed(top, role))
    for entry in shown:
        _mark(entry, _menu_path(path))
    return shown


def for_templates(request: HttpRequest) -> dict[str, Any]:
    """What all templates have."""
    user = getattr(request, 'user', None)
    if user is None or not user.is_authenticated:
        return {'zato_version': version, 'user': user}
    return {
        'zato_version': version,
        'user': user,
        'menu': menu(request.path, user.role),
        'may_operate': may(user.role, 'operator'),
        'may_change': may(user.role, 'admin'),
    }


def _kinds() -> list[Entry]:
    top = Entry('')
    for kind in kinds().values():
        if len(kind.menu_path) > 1 and 'get-list' in kind.operations:
            own = OWN_PAGES.get(kind.name)
            _add(top, kind.menu_path, reverse(own) if own else reverse('objects', args=[kind.slug]))
    for way, page in _MORE:
        _add(top, way, reverse(page))
    for entry in top.entries:
        _sort(entry)
    return sorted(top.entries, key=lambda entry: (entry.label == 'Other', entry.label))


def _add(top: Entry, way: Sequence[str], url: str) -> None:
    parent = top
    *menus, label = way
    for name in menus:
        found = next((entry for entry in parent.entries if entry.label == name and not entry.url), None)
        if found is None:
            found = Entry(name)
            parent.entries.append(found)
        parent = found
    parent.entries.append(Entry(label, url))


def _sort(entry: Entry) -> None:
    entry.entries.sort(key=lambda item: item.label.lower())
    for item in entry.entries:
        _sort(item)


def _allowed(entries: list[Entry], role: str) -> Iterator[Entry]:
    for entry in entries:
        if entry.entries:
            entry.entries = list(_allowed(entry.entries, role))
            if entry.entries:
                yield entry
        elif may(role, entry.role):
            yield entry


def _menu_path(path: str) -> str:
    """Objects of kinds whose list is a page of its own belong to that one."""
    for kind, page in OWN_PAGES.items():
        if path.startswith(reverse('objects', args=[kinds()[kind].slug])):
            return reverse(page)
    return path


def _mark(entry: Entry, path: str) -> bool:
    home = reverse('home')
    own = bool(entry.url) and (path == entry.url or (entry.url != home and path.startswith(entry.url)))
    within = [_mark(item, path) for item in entry.entries]
    entry.is_current = own or any(within)
    return entry.is_current
