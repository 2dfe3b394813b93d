"""Forms of users and of their settings. What a password or a name must be is said by `zato.admin.accounts.changes`."""

from __future__ import annotations

from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django import forms

from zato.admin.accounts.models import LONGEST_NAME, THEMES
from zato.common.config.kind import ROLES

_PAGE_SIZES = (20, 50, 100, 200)
_CODE = {'inputmode': 'numeric', 'autocomplete': 'one-time-code', 'maxlength': '10'}


class Form(forms.Form):
    """Labels have no colon; IDs of inputs are the fields' names."""

    def __init__(self, data: Any = None, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial, auto_id='%s', label_suffix='')


@cache
def time_zones() -> list[tuple[str, str]]:
    """UTC first."""
    return [('UTC', 'UTC'), *((name, name) for name in sorted(available_timezones() - {'UTC', 'localtime'}))]


def _password(label: str, *, is_new: bool, **more: Any) -> forms.CharField:
    autocomplete = 'new-password' if is_new else 'current-password'
    return forms.CharField(label=label, strip=False, widget=forms.PasswordInput({'autocomplete': autocomplete}), **more)


class Preferences(Form):
    """How pages look to one user."""

    time_zone = forms.ChoiceField(label='Time zone', choices=time_zones, help_text='Times are shown in it.')
    theme = forms.ChoiceField(
        label='Theme', choices=[(name, name.capitalize()) for name in THEMES], help_text='System: as your browser has it.'
    )
    page_size = forms.TypedChoiceField(
        label='Page size',
        choices=[(size, str(size)) for size in _PAGE_SIZES],
        coerce=int,
        help_text='Rows of a list on one page.',
    )


class ChangePassword(Form):
    """Of one's own."""

    old_password = _password('Old password', is_new=False)
    new_password = _password(
        'New password', is_new=True, help_text='At least 10 characters, and nothing that others would guess.'
    )
    new_password_again = _password('New password again', is_new=True)

    def clean_new_password_again(self) -> str:
        again: str = self.cleaned_data['new_password_again']
        if again != self.cleaned_data.get('new_password', again):
            raise forms.ValidationError('This is not the same as the new password.')
        return again


class ConfirmTOTP(Form):
    """The app has the key, and whoever sits there is the user."""

    totp_code = forms.CharField(
        label='TOTP code', widget=forms.TextInput(_CODE), help_text='The six digits that your app shows now.'
    )
    password = _password('Password', is_new=False, help_text='The one that you log in with.')


class OwnPassword(Form):
    """Whoever sits there is the user."""

    password = _password('Password', is_new=False, help_text='The one that you log in with.')


class CreateUser(Form):
    """By an admin."""

    username = forms.CharField(
        label='User name',
        max_length=LONGEST_NAME,
        strip=False,
        widget=forms.TextInput({'autocomplete': 'off', 'autocapitalize': 'none', 'spellcheck': 'false'}),
    )
    email = forms.CharField(label='E-mail', required=False, max_length=254, widget=forms.EmailInput({'autocomplete': 'off'}))
    role = forms.ChoiceField(
        label='Role',
        choices=[(role, role) for role in ROLES],
        help_text='A viewer looks, an operator also pings, invokes and reads logs, an admin may do everything.',
    )
    new_password = _password(
        'Password', is_new=True, required=False, help_text='Leave it empty for a random one, which is shown once.'
    )


class SetPassword(Form):
    """Of another user."""

    new_password = _password(
        'New password', is_new=True, required=False, help_text='Leave it empty for a random one, which is shown once.'
    )
