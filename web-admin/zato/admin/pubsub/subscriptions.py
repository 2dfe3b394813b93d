"""Subscriptions: who delivers, how far behind that is, and why; pausing and resuming them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from zato.admin.middleware.access import Request
from zato.admin.middleware.problems import explain
from zato.admin.objects.kind_page import object_context
from zato.admin.outcome import tell
from zato.admin.page import page
from zato.admin.pubsub.answers import state_of_object
from zato.admin.pubsub.asking import SUBSCRIPTION, get_subscription, kind_of, subscription_states
from zato.admin.pubsub.live_list import LiveList
from zato.common.exception import ZatoException


def _more(request: Request, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    told = subscription_states(request.zato, ids=[int(item['id']) for item in items])
    found = [told.by_id.get(int(item['id'])) or state_of_object(item) for item in items]
    return {'subscriptions': found, 'away': told.away, 'back': 'list'}


_COLUMNS: Final = {'endpoint': 'Endpoint', 'topic': 'Topic'}
_LIST: Final = LiveList(kind=SUBSCRIPTION, page='subscriptions', part='subscriptions-part', columns=_COLUMNS, more=_more)


@page('viewer')
def show_subscriptions(request: Request) -> HttpResponseBase:
    return _LIST.show(request)


@page('viewer', is_polled=True)
def refresh_subscriptions(request: Request) -> HttpResponseBase:
    return _LIST.refresh(request)


@page('viewer')
def show_subscription(request: Request, id: int) -> HttpResponseBase:
    item = get_subscription(request.zato, id)
    context = {**object_context(request, kind_of(SUBSCRIPTION), item, 'Overview'), **_context(request, item)}
    return render(request, 'zato/pubsub/subscription.html', context)


@page('viewer', is_polled=True)
def refresh_subscription(request: Request, id: int) -> HttpResponseBase:
    """The part of the above that changes."""
    try:
        context = _context(request, get_subscription(request.zato, id))
    except ZatoException as e:
        context = {'part': _part(id), **explain(e)._asdict(), 'has_failed': True}
    return render(request, 'zato/pubsub/subscription_part.html', context)


@page('operator')
@require_POST
def set_paused(request: Request, id: int) -> HttpResponseBase:
    """POST: `is_paused`, yes or no; `back`, where the user was: 'list', 'topic', or else the subscription's page."""
    action = 'pause' if request.POST.get('is_paused') == 'yes' else 'resume'
    item = get_subscription(request.zato, id)
    answer = request.zato.call(f'zato.pubsub.subscription.{action}', {'id': id}).payload
    name = str(item['name'])
    done = {'pause': 'is paused: its messages wait', 'resume': 'is no longer paused'}[action]
    tell(request, f'{kind_of(SUBSCRIPTION).title(name)} {done}.', answer, kind_of(SUBSCRIPTION), name=name)
    back = request.POST.get('back', '')
    if back == 'topic' and item.get('topic_id'):
        return redirect('topic', int(item['topic_id']))
    return redirect('subscriptions') if back == 'list' else redirect('subscription', id)


def _context(request: Request, item: Mapping[str, Any]) -> dict[str, Any]:
    id = int(item['id'])
    told = subscription_states(request.zato, ids=[id])
    return {'part': _part(id), 'state': told.by_id.get(id) or state_of_object(item), 'away': told.away}


def _part(id: int) -> str:
    return reverse('subscription-part', args=[id])
