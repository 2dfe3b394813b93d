"""Addresses of these pages."""

from __future__ import annotations

from django.urls import path

from zato.admin.changes import views

urlpatterns = [path('', views.show_list, name='changes')]
