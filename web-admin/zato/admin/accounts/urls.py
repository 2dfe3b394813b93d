"""Addresses of log-in, settings and users (source of the first two: classic Zato)."""

from __future__ import annotations

from django.urls import path

from zato.admin.accounts import log_in, settings, users

urlpatterns = [
    path('accounts/login/', log_in.log_in, name='log-in'),
    path('accounts/logout/', log_in.log_out, name='log-out'),
    path('account/settings/basic/', settings.show, name='settings'),
    path('account/settings/password/', settings.change_password, name='settings-password'),
    path('account/settings/totp/', settings.set_totp_up, name='totp'),
    path('account/settings/totp/off/', settings.turn_totp_off, name='totp-off'),
    path('zato/users/', users.show_list, name='users'),
    path('zato/users/create/', users.create, name='user-create'),
    path('zato/users/<int:pk>/', users.show, name='user'),
    path('zato/users/<int:pk>/<slug:what>/', users.change, name='user-change'),
]
