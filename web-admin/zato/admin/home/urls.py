"""Addresses of these pages."""

from __future__ import annotations

from django.urls import path

from zato.admin.home import views

urlpatterns = [
    path('', views.home, name='home'),
    path('state/', views.state, name='home-state'),
]
