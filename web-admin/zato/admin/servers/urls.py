"""Addresses of these pages."""

from __future__ import annotations

from django.urls import path

from zato.admin.servers import views

urlpatterns = [
    path('', views.show_list, name='servers'),
    path('rows/', views.rows, name='server-rows'),
    path('server/<path:name>/', views.show, name='server'),
    path('facts/<path:name>/', views.facts, name='server-facts'),
    path('cancel/<path:name>/', views.cancel, name='server-cancel'),
]
