"""Addresses of these pages."""

from __future__ import annotations

from django.urls import path

from zato.admin.services import deployments, invoker, listing, overview, rollback, source, undeploy, upload, versions

urlpatterns = [
    path('', listing.show_list, name='services'),
    path('list/', listing.refresh_list, name='service-list'),
    path('deployments/', deployments.show_deployments, name='service-deployments'),
    path('deployment-problems/', deployments.show_problems, name='service-deployment-problems'),
    path('upload/', upload.upload, name='service-upload'),
    path('overview/<path:name>/', overview.show_overview, name='service'),
    path('workers/<path:name>/', overview.show_workers, name='service-workers'),
    path('set-active/<path:name>/', overview.set_active, name='service-set-active'),
    path('undeploy/<path:name>/', undeploy.undeploy, name='service-undeploy'),
    path('invoker/<path:name>/', invoker.invoke, name='service-invoker'),
    path('save-response/<path:name>/', invoker.save_response, name='service-save-response'),
    path('source/<path:name>/', source.show_source, name='service-source'),
    path('file/<path:name>/', source.save_file, name='service-file'),
    path('versions/<path:name>/', versions.show_versions, name='service-versions'),
    path('difference/<path:name>/', versions.show_difference, name='service-difference'),
    path('rollback/<path:name>/', rollback.roll_back, name='service-rollback'),
]
