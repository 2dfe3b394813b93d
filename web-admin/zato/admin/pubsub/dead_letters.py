"""Dead letters: messages that could not be delivered. They are looked at, saved, queued once more, or deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponseBase, QueryDict
from django.shortcuts import redirect, render

from zato.admin.cluster import Calls
from zato.admin.download import as_file
from zato.admin.links import address
from zato.admin.listing import number_in
from zato.admin.middleware.access import Request
from zato.admin.middleware.problems import explain
from zato.admin.page import may, page
from zato.admin.pubsub.answers import REASONS, Count, DeadCount, Message, read_list
from zato.admin.pubsub.asking import dead_counts, subscription_names
from zato.admin.pubsub.removal import PATIENCE, topic_names
from zato.common.config.field import is_id
from zato.common.exception import BadRequest, ZatoException

_LONGEST_KEY: Final = 200  #: characters
_MOST: Final = 1_000  #: that servers give, or take, at once
_MOST_COUNTS: Final = 100  #: subscriptions of which the page says how many each has
_MOST_SAVED: Final = 50_000_000  #: characters of a file
PLACES: Final = (('old', 'At the place it had, by priority and time'), ('new', 'At the end, as if published now'))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """0, '' for any. sub_id: below 0 for the own queue of a topic."""

    topic_id: int = 0
    sub_id: int = 0
    reason: str = ''

    @classmethod
    def read(cls, query: QueryDict) -> Filters:
        reason = query.get('reason', '')
        return cls(
            topic_id=number_in(query, 'topic_id'),
            sub_id=_sub_id(query.get('sub_id', '')),
            reason=reason if reason in REASONS else '',
        )

    @property
    def given(self) -> dict[str, Any]:
        """As services take them, and addresses have them."""
        found = {'topic_id': self.topic_id, 'sub_id': self.sub_id, 'reason': self.reason}
        return {key: value for key, value in found.items() if value}

    def url(self, name: str = 'dead-letters', **more: Any) -> str:
        return address(name, **self.given, **more)

    def fits(self, count: DeadCount) -> bool:
        return self.topic_id in (0, count.topic_id) and self.sub_id in (0, count.sub_id)


@dataclass(frozen=True, slots=True)
class Chosen:
    """letters: those that were ticked; none if it is all that fit the filters."""

    letters: Sequence[str]
    filters: Filters

    def told(self, action: str) -> tuple[str, dict[str, Any]]:
        """Which service does it, and what it is given. Raises BadRequest."""
        if not self.letters:
            return f'zato.pubsub.dead-letter.{action}-all', self.filters.given
        pairs = [letter.partition(':') for letter in self.letters]
        if not all(is_id(sub_id.removeprefix('-')) and is_id(seq) for sub_id, _, seq in pairs):
            raise BadRequest(msg='That is no dead letter: go back and tick some')
        letters = [{'sub_id': int(sub_id), 'seq': int(seq)} for sub_id, _, seq in pairs]
        return f'zato.pubsub.dead-letter.{action}', {'letters': letters}


@page('viewer')
def show_dead_letters(request: Request) -> HttpResponseBase:
    """How many there are; to operators, the letters too, ?before= a key the older ones. With ?tick=yes all are ticked."""
    filters = Filters.read(request.GET)
    counts, names = dead_counts(request.zato), subscription_names(request.zato)
    shown = sorted((count for count in counts if filters.fits(count)), key=lambda count: -count.count)
    context: dict[str, Any] = {
        'counts': [
            (count, names.get(count.sub_id, ''), Filters(sub_id=count.sub_id).url()) for count in shown[:_MOST_COUNTS]
        ],
        'more': max(0, len(shown) - _MOST_COUNTS),
        'total': total_of(counts, filters),
        'filters': filters,
        'topics': sorted({(count.topic_name, count.topic_id) for count in counts}),
        'subscriptions': sorted({(names.get(count.sub_id) or count.sub_key, count.sub_id) for count in counts}),
        'reasons': REASONS.items(),
    }
    if may(request.user.role, 'operator'):
        context |= _letters(request, filters, names)
    return render(request, 'zato/pubsub/dead_letters.html', context)


@page('operator')
def download(request: Request) -> HttpResponseBase:
    """A line of JSON for each, the latest first, as many as a file may have."""
    filters = Filters.read(request.GET)
    before, parts, size = request.GET.get('before', '')[:_LONGEST_KEY], [], 0
    while True:
        asked = {**filters.given, 'before': before, 'limit': _MOST}
        answer = request.zato.ask('zato.pubsub.dead-letter.download', asked)
        parts.append(str(answer['content']))
        size += len(parts[-1])
        before = str(answer['next'])
        if not before or size > _MOST_SAVED:
            text = ''.join(part if part.endswith('\n') or not part else f'{part}\n' for part in parts)
            return as_file(text.encode('utf-8', 'replace'), 'dead-letters.jsonl', 'application/octet-stream')


@page('operator')
def requeue(request: Request) -> HttpResponseBase:
    """Of what `letter` or the filters say; POST with `confirmed`: `place` is 'old' or 'new', `to_topic` may be empty."""
    chosen = read_chosen(request)
    if chosen is None:
        return _nothing(request)
    form = {key: request.POST.get(key, '').strip() for key in ('place', 'to_topic')}
    form['place'] = form['place'] or 'old'
    problem, status = '', 200
    if request.POST.get('confirmed'):
        try:
            return _requeue(request, chosen, form)
        except ZatoException as e:
            _, problem, _, status = explain(e)
    context = {
        'chosen': chosen,
        'count': _count(request.zato, chosen),
        'form': form,
        'places': PLACES,
        'problem': problem,
        'topics': topic_names(request),
    }
    return render(request, 'zato/pubsub/requeue.html', context, status=status)


@page('admin')
def delete(request: Request) -> HttpResponseBase:
    """Of what `letter` or the filters say; POST with `confirmed` deletes them."""
    chosen = read_chosen(request)
    if chosen is None:
        return _nothing(request)
    if request.POST.get('confirmed'):
        service, asked = chosen.told('delete')
        deleted = int(request.zato.call(service, asked, timeout=PATIENCE).payload['deleted'])
        messages.success(request, f'{deleted:,} dead letter{" was" if deleted == 1 else "s were"} deleted.')
        return redirect(chosen.filters.url())
    context = {'chosen': chosen, 'count': _count(request.zato, chosen)}
    return render(request, 'zato/pubsub/delete_letters.html', context)


def total_of(counts: Iterable[DeadCount], filters: Filters) -> Count:
    """Whatever the reason is."""
    found = [count for count in counts if filters.fits(count)]
    return Count(sum(count.count for count in found), any(count.is_count_more for count in found))


def read_chosen(request: Request) -> Chosen | None:
    """What is asked to be requeued or deleted; None if it is nothing."""
    query = request.POST if request.method == 'POST' else request.GET
    letters = query.getlist('letter')
    return Chosen(letters, Filters.read(query)) if letters or query.get('all') == 'yes' else None


def _sub_id(text: str) -> int:
    return int(text) if is_id(text.removeprefix('-')) else 0


def _letters(request: Request, filters: Filters, names: Mapping[int, str]) -> Mapping[str, Any]:
    before = request.GET.get('before', '')[:_LONGEST_KEY]
    asked = {**filters.given, 'before': before, 'limit': request.user.page_size}
    answer = request.zato.ask('zato.pubsub.dead-letter.get-list', asked)
    return {
        'found': [(letter, names.get(letter.sub_id, '')) for letter in read_list(Message, answer['messages'])],
        'here': filters.url(before=before),
        'is_later_page': bool(before),
        'first': filters.url(),
        'next': filters.url(before=answer['next']) if answer['next'] else '',
        'tick_all': filters.url(before=before, tick='yes'),
        'is_ticked': 'tick' in request.GET,
        'download_url': filters.url('dead-letters-download', before=before),
        'requeue_all': filters.url('dead-letters-requeue', all='yes'),
        'delete_all': filters.url('dead-letters-delete', all='yes'),
    }


def _requeue(request: Request, chosen: Chosen, form: Mapping[str, str]) -> HttpResponseBase:
    service, asked = chosen.told('requeue')
    options = {'as_new': form['place'] == 'new', **({'to_topic': form['to_topic']} if form['to_topic'] else {})}
    answer = request.zato.call(service, {**asked, **options}, timeout=PATIENCE).payload
    count, left = int(answer['requeued']), int(answer.get('left') or 0)
    where = f' to topic {form["to_topic"]}' if form['to_topic'] else ''
    text = f'{count:,} message{" is" if count == 1 else "s are"} queued once more{where}.'
    if left:
        text += f' {left:,} stay, since their subscriptions are deleted: say to which topic they are to go.'
    messages.add_message(request, messages.WARNING if left else messages.SUCCESS, text)
    return redirect(chosen.filters.url())


def _count(zato: Calls, chosen: Chosen) -> Count:
    if chosen.letters:
        return Count(len(chosen.letters))
    filters = chosen.filters
    if not filters.reason:
        return total_of(dead_counts(zato), filters)
    answer = zato.ask('zato.pubsub.dead-letter.get-list', {**filters.given, 'before': '', 'limit': _MOST})
    return Count(len(answer['messages']), bool(answer['next']))


def _nothing(request: Request) -> HttpResponseBase:
    messages.warning(request, 'Nothing was ticked, so nothing was done.')
    query = request.POST if request.method == 'POST' else request.GET
    return redirect(Filters.read(query).url())
