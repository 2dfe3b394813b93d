"""Addresses of these pages."""

from __future__ import annotations

from django.urls import path

from zato.admin.objects import acting, deletion, export, form, history, listing, password

urlpatterns = [
    path('<slug:kind>/', listing.show_list, name='objects'),
    path('<slug:kind>/states/', listing.show_states, name='objects-states'),
    path('<slug:kind>/yaml/', export.show_all, name='objects-yaml'),
    path('<slug:kind>/create/', form.create, name='object-create'),
    path('<slug:kind>/<int:id>/', form.show_object, name='object'),
    path('<slug:kind>/<int:id>/ping/', acting.ping, name='object-ping'),
    path('<slug:kind>/<int:id>/active/', acting.set_active, name='object-active'),
    path('<slug:kind>/<int:id>/password/', password.change_password, name='object-password'),
    path('<slug:kind>/<int:id>/delete/', deletion.delete, name='object-delete'),
    path('<slug:kind>/<int:id>/yaml/', export.show_one, name='object-yaml'),
    path('<slug:kind>/<int:id>/history/', history.show_history, name='object-history'),
]
