"""Addresses of these pages."""

from __future__ import annotations

from urllib.parse import unquote

from django.urls import path, register_converter
from django.urls.converters import PathConverter

from zato.admin.services import deployments, invoker, listing, overview, rollback, source, undeploy, upload, versions


class ServiceName(PathConverter):
    """Of a service, or a module. Whatever whoever wrote it has chosen, it leads to no other page, as `../..` would."""

    def to_python(self, value: str) -> str:
        return unquote(value)

    def to_url(self, value: str) -> str:
        quoted = value.replace('%', '%25').replace('/', '%2F')
        return quoted.replace('.', '%2E') if value in ('.', '..') else quoted


register_converter(ServiceName, 'service')

urlpatterns = [
    path('', listing.show_list, name='services'),
    path('list/', listing.refresh_list, name='service-list'),
    path('deployments/', deployments.show_deployments, name='service-deployments'),
    path('deployment-problems/', deployments.show_problems, name='service-deployment-problems'),
    path('upload/', upload.upload, name='service-upload'),
    path('overview/<service:name>/', overview.show_overview, name='service'),
    path('workers/<service:name>/', overview.show_workers, name='service-workers'),
    path('set-active/<service:name>/', overview.set_active, name='service-set-active'),
    path('undeploy/<service:name>/', undeploy.undeploy, name='service-undeploy'),
    path('invoker/<service:name>/', invoker.invoke, name='service-invoker'),
    path('save-response/<service:name>/', invoker.save_response, name='service-save-response'),
    path('source/<service:name>/', source.show_source, name='service-source'),
    path('file/<service:name>/', source.save_file, name='service-file'),
    path('versions/<service:name>/', versions.show_versions, name='service-versions'),
    path('difference/<service:name>/', versions.show_difference, name='service-difference'),
    path('rollback/<service:name>/', rollback.roll_back, name='service-rollback'),
]
