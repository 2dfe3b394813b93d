"""Addresses of these pages."""

from __future__ import annotations

from django.urls import path

from zato.admin.logs import views

urlpatterns = [
    path('', views.show, name='logs'),
    path('tail/', views.tail, name='logs-tail'),
    path('download/', views.download, name='logs-download'),
]
