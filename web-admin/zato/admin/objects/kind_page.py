"""What all pages of a kind have in common: which operation each request is, who may do that, where the pages are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import Http404, HttpResponseBase, HttpResponseNotAllowed, QueryDict
from django.shortcuts import render
from django.urls import reverse

from zato.admin.links import object_page
from zato.admin.menu import OWN_PAGES
from zato.admin.middleware.access import Request
from zato.admin.objects.asking import Gone, last_change
from zato.admin.page import may, page
from zato.admin.tabs import TABS, Tab
from zato.common.config.kind import OPERATIONS, ROLES, Kind, kinds
from zato.common.exception import Forbidden

P = ParamSpec('P')
View = Callable[Concatenate[Request, Kind, P], HttpResponseBase]

_LOOKING = ('get-list', 'get')


def kind_page(*, get: str = '', post: str = '', is_polled: bool = False) -> Callable[[View[P]], Callable[..., Any]]:
    """Declare a view whose address begins with a kind's slug, and which is given that kind.

    get, post: the operations that such requests are; '' if there are none. Who may do what, the kind's declaration says.
    If the view raises Gone, the page says who has deleted the object.
    """
    operations = {'GET': get, 'HEAD': get, 'POST': post}
    allowed = [method for method, operation in operations.items() if operation]
    least = min((_least_role(operation) for operation in operations.values() if operation), key=ROLES.index)

    def declare(view: View[P]) -> Callable[..., Any]:
        @wraps(view)
        def checked(request: Request, kind: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            operation = operations.get(request.method or '', '')
            if not operation:
                return HttpResponseNotAllowed(allowed)
            found = next((declared for declared in kinds().values() if declared.slug == kind), None)
            needed = found.role_for(operation) if found is not None else OPERATIONS[operation]
            if not may(request.user.role, needed):
                raise Forbidden(msg=f'This takes the role {needed}, and you have the role {request.user.role}')
            if found is None or operation not in found.operations:
                raise Http404
            try:
                return view(request, found, *args, **kwargs)
            except Gone:
                if 'id' in kwargs:
                    return _show_gone(request, found, int(str(kwargs['id'])))
                raise

        return page(least, is_polled=is_polled, takes_posts=bool(post))(checked)

    return declare


def able(kind: Kind, operation: str, role: str) -> bool:
    """Can it be done to objects of the kind, and by that role?"""
    return operation in kind.operations and may(role, kind.role_for(operation))


def list_page(kind: Kind, back: str = '', highlight: int = 0) -> str:
    """The address of the kind's list. back: its query string, where the user was. highlight: ID of an object to show."""
    query = QueryDict(back, mutable=True)
    query.pop('highlight', None)
    if highlight:
        query['highlight'] = str(highlight)
    address = reverse(OWN_PAGES[kind.name]) if kind.name in OWN_PAGES else reverse('objects', args=[kind.slug])
    return f'{address}?{query.urlencode()}' if query else address


def object_context(request: Request, kind: Kind, item: Mapping[str, Any], tab: str) -> dict[str, Any]:
    """What the templates of all pages of an object have. item: its `id` and `name`, and what else is known. tab: a label."""
    id, name = int(item['id']), str(item['name'])
    pages = {'Form': 'object', **({'YAML': 'object-yaml'} if kind.enmasse else {}), 'History': 'object-history'}
    tabs = tuple(Tab(label, reverse(page, args=[kind.slug, id]), label == tab) for label, page in pages.items())
    if kind.name in TABS:
        tabs = TABS[kind.name](item, request.user.role, tab)
    return {
        'name': name,
        'item': item,
        'object_url': reverse('object', args=[kind.slug, id]),
        'tabs': tabs,
        **may_do(request, kind),
    }


def may_do(request: Request, kind: Kind) -> dict[str, Any]:
    """What the templates of all pages of a kind have: what the user may do there, and where."""
    operations = {
        'create': 'create',
        'edit': 'edit',
        'delete': 'delete',
        'ping': 'ping',
        'change_password': 'change-password',
    }
    may_ = {f'may_{name}': able(kind, operation, request.user.role) for name, operation in operations.items()}
    create_url = reverse('object-create', args=[kind.slug])
    return {'kind': kind, 'list_url': list_page(kind), 'create_url': create_url, **may_}


def saved_page(kind: Kind, id: int, name: str) -> str:
    """Where a user goes after a change of an object."""
    return object_page(kind.name, id, name) if kind.name in OWN_PAGES else list_page(kind, highlight=id)


def _show_gone(request: Request, kind: Kind, id: int) -> HttpResponseBase:
    """There is no such object, or no longer: who deleted it?"""
    last = last_change(request.zato, id)
    is_deletion = last is not None and last.get('kind') == kind.name and last.get('action') == 'delete'
    context = {
        **may_do(request, kind),
        'last': last if is_deletion else None,
        'history_url': reverse('object-history', args=[kind.slug, id]),
    }
    return render(request, 'zato/objects/gone.html', context, status=404)


def _least_role(operation: str) -> Any:
    """Declarations may ask of a user for less than admin, but never let viewers change anything."""
    return 'viewer' if operation in _LOOKING else 'operator'
