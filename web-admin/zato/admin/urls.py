"""Every page of the dashboard."""

from __future__ import annotations

from django.urls import include, path
from django.views.generic.base import RedirectView

from zato.admin import errors
from zato.admin.page import PUBLIC, page

handler400 = errors.bad_request
handler404 = errors.not_found
handler500 = errors.failed

urlpatterns = [
    path('', page(PUBLIC)(RedirectView.as_view(pattern_name='home'))),
    path('', include('zato.admin.accounts.urls')),
    path('zato/', include('zato.admin.home.urls')),
    path('zato/kind/', include('zato.admin.objects.urls')),
    path('zato/service/', include('zato.admin.services.urls')),
    path('zato/pubsub/', include('zato.admin.pubsub.urls')),
    path('zato/servers/', include('zato.admin.servers.urls')),
    path('zato/logs/', include('zato.admin.logs.urls')),
    path('zato/changes/', include('zato.admin.changes.urls')),
]
