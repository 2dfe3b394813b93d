"""Built-in services: those of `_BUILTIN`, and those that each kind's declaration brings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zato.server.admin_api import (
    audit_log,
    config,
    dependents,
    helpers,
    jwt,
    logs,
    ping,
    pubsub_calls,
    pubsub_client,
    pubsub_dead_letter,
    pubsub_publish,
    pubsub_pull,
    pubsub_queue,
    pubsub_state,
    pubsub_subscription,
    server,
    service_list,
    service_modules,
    service_upload,
)
from zato.server.admin_api import service as service_admin
from zato.server.admin_api.context import AdminContext, AdminService, ContextService
from zato.server.admin_api.objects import object_services
from zato.server.service.base import Service
from zato.server.service.compiled import CompiledService, compile_service

_BUILTIN: dict[str, type[Service]] = {
    'zato.ping': ping.Ping,
    'pub.zato.ping': ping.PubPing,
    'zato.helpers.echo': helpers.Echo,
    'helpers.echo': helpers.HelpersEcho,
    'pub.helpers.echo': helpers.PubEcho,
    'zato.config.apply': config.Apply,
    'zato.config.export': config.Export,
    'zato.config.get-dependents': dependents.GetDependents,
    'zato.config.get-error-list': config.ErrorList,
    'zato.audit.get-list': config.AuditList,
    'zato.audit-log.event.get-list': audit_log.GetList,
    'zato.audit-log.event.clear': audit_log.Clear,
    'zato.worker.get-list': config.WorkerList,
    'zato.server.get-info': server.GetInfo,
    'zato.log.get-list': logs.GetList,
    'zato.log.read': logs.Read,
    jwt.LOG_IN: jwt.LogIn,
    jwt.LOG_OUT: jwt.LogOut,
    'zato.pubsub.topic.get-state-list': pubsub_state.GetTopicStates,
    'zato.pubsub.topic.get-message-list': pubsub_queue.GetTopicMessages,
    'zato.pubsub.topic.clear': pubsub_queue.ClearTopic,
    'zato.pubsub.topic.publish': pubsub_publish.Publish,
    'zato.pubsub.publish.publish': pubsub_publish.Publish,
    'zato.pubsub.subscription.get-state-list': pubsub_state.GetSubscriptionStates,
    'zato.pubsub.subscription.pause': pubsub_subscription.Pause,
    'zato.pubsub.subscription.resume': pubsub_subscription.Resume,
    'zato.pubsub.subscription.reset': pubsub_subscription.Reset,
    'zato.pubsub.queue.get-message-list': pubsub_queue.GetMessages,
    'zato.pubsub.queue.get-message': pubsub_queue.GetMessage,
    'zato.pubsub.queue.delete-message': pubsub_queue.DeleteMessage,
    'zato.pubsub.queue.clear': pubsub_queue.Clear,
    'zato.pubsub.queue.move': pubsub_queue.Move,
    'zato.pubsub.queue.edit-message': pubsub_queue.EditMessage,
    'zato.pubsub.dead-letter.get-list': pubsub_dead_letter.GetList,
    'zato.pubsub.dead-letter.get-count-list': pubsub_dead_letter.GetCounts,
    'zato.pubsub.dead-letter.requeue': pubsub_dead_letter.Requeue,
    'zato.pubsub.dead-letter.requeue-all': pubsub_dead_letter.RequeueAll,
    'zato.pubsub.dead-letter.delete': pubsub_dead_letter.Delete,
    'zato.pubsub.dead-letter.delete-all': pubsub_dead_letter.DeleteAll,
    'zato.pubsub.dead-letter.download': pubsub_dead_letter.Download,
    'zato.pubsub.pubapi.topic-service': pubsub_client.TopicService,
    'zato.pubsub.pubapi.subscribe-service': pubsub_client.SubscribeService,
    'zato.pubsub.pubapi.publish-message': pubsub_calls.PublishMessage,
    'zato.pubsub.pubapi.get-messages': pubsub_calls.GetMessages,
    'zato.pubsub.pubapi.unsubscribe': pubsub_calls.Unsubscribe,
    'zato.pubsub.endpoint.get-messages': pubsub_calls.GetEndpointMessages,
    'zato.pubsub.endpoint.acknowledge-delivery': pubsub_calls.AcknowledgeDelivery,
    'zato.pubsub.endpoint.get-queue-depth-by-sub-key': pubsub_calls.GetQueueDepthBySubKey,
    'zato.pubsub.endpoint.delete-endpoint-queue': pubsub_calls.DeleteEndpointQueue,
    'zato.pubsub.pubapi.pull-get': pubsub_pull.PullGet,
    'zato.pubsub.pubapi.pull-ack': pubsub_pull.PullAck,
    'zato.pubsub.pubapi.pull-nack': pubsub_pull.PullNack,
    'zato.service.invoke': service_admin.Invoke,
    'zato.service.cancel': service_admin.Cancel,
    'zato.service.get-list': service_list.GetList,
    'zato.service.get-module-list': service_modules.GetModules,
    'zato.service.get-version-list': service_modules.GetVersions,
    'zato.service.get-source': service_modules.GetSource,
    'zato.service.get-receipt': service_modules.GetReceipt,
    'zato.service.get-deployment-list': service_upload.GetDeploymentList,
    'zato.service.upload-package': service_upload.UploadPackage,
    'zato.service.rollback': service_modules.Rollback,
    'zato.service.undeploy': service_modules.Undeploy,
    'zato.service.delete': service_modules.Delete,
}


def builtin_names() -> frozenset[str]:
    return frozenset({*_BUILTIN, *object_services()})


def plain_services() -> dict[str, CompiledService]:
    """Those that know nothing of a server."""
    plain = {name: cls for name, cls in _BUILTIN.items() if not issubclass(cls, ContextService)}
    return {name: compile_service(cls, name=name, is_internal=True) for name, cls in plain.items()}


def builtin_services(context: AdminContext) -> dict[str, CompiledService]:
    """By name. A name that is not the class's own derived one is what users know it by."""
    classes: dict[str, type[Service]] = {**object_services(), **_BUILTIN}
    return {name: compile_service(_with_context(cls, context), name=name, is_internal=True) for name, cls in classes.items()}


def _with_context(cls: type[Service], context: AdminContext) -> type[Service]:
    if not issubclass(cls, ContextService):
        return cls
    attributes: dict[str, Any] = {'context': context, '__module__': cls.__module__, '__doc__': cls.__doc__}
    if issubclass(cls, AdminService):
        attributes['handle'] = _with_check(cls)
    return type(cls.__name__, (cls,), attributes)


def _with_check(cls: type[AdminService]) -> Callable[[AdminService], None]:
    def handle(self: AdminService) -> None:
        self.check_role()
        cls.handle(self)

    return handle
