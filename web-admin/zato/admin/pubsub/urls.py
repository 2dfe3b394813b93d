"""Addresses of these pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.http import HttpResponseBase
from django.urls import URLPattern, path

from zato.admin.pubsub import dead_letters, message, publish, queues, removal, replay, subscriptions, topics


def _of_queue(of: str) -> Iterator[URLPattern]:
    """Pages that queues of subscriptions and of topics have."""
    views: dict[str, Callable[..., HttpResponseBase]] = {
        'queue': queues.show_queue,
        'message': message.show_message,
        'message-edit': message.edit_message,
        'delete-messages': removal.delete_messages,
        'move-messages': removal.move_messages,
        'clear-queue': removal.clear_queue,
    }
    for name, view in views.items():
        yield path(f'{of}/<int:id>/{name}/', view, {'of': of}, name=f'{of}-{name}')


urlpatterns = [
    path('topic/', topics.show_topics, name='topics'),
    path('topic/list/', topics.refresh_topics, name='topics-part'),
    path('topic/<int:id>/', topics.show_topic, name='topic'),
    path('topic/<int:id>/state/', topics.refresh_topic, name='topic-part'),
    path('topic/<int:id>/queues/', topics.show_queues, name='topic-queues'),
    path('topic/<int:id>/messages/', queues.show_published, name='topic-messages'),
    path('topic/<int:id>/publish/', publish.publish, name='topic-publish'),
    path('topic/<int:id>/clear/', removal.clear_topic, name='topic-clear'),
    *_of_queue('topic'),
    path('subscription/', subscriptions.show_subscriptions, name='subscriptions'),
    path('subscription/list/', subscriptions.refresh_subscriptions, name='subscriptions-part'),
    path('subscription/<int:id>/', subscriptions.show_subscription, name='subscription'),
    path('subscription/<int:id>/state/', subscriptions.refresh_subscription, name='subscription-part'),
    path('subscription/<int:id>/paused/', subscriptions.set_paused, name='subscription-paused'),
    path('subscription/<int:id>/replay/', replay.replay, name='subscription-replay'),
    *_of_queue('subscription'),
    path('service/', topics.show_messages_of_service, name='service-messages'),
    path('message-data/', message.save_data, name='message-data'),
    path('dead-letter/', dead_letters.show_dead_letters, name='dead-letters'),
    path('dead-letter/message/', message.show_message, {'of': 'dead-letter'}, name='dead-letter-message'),
    path('dead-letter/download/', dead_letters.download, name='dead-letters-download'),
    path('dead-letter/requeue/', dead_letters.requeue, name='dead-letters-requeue'),
    path('dead-letter/delete/', dead_letters.delete, name='dead-letters-delete'),
]
