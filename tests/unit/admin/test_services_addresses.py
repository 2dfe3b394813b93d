"""Addresses of services' pages: whoever writes a service chooses its name, and may choose one that leads elsewhere."""

from __future__ import annotations

from urllib.parse import urljoin

import pytest
from django.test import RequestFactory
from django.urls import resolve, reverse

from tests.support.dashboard import Pages

_ODD = [
    '..',
    '.',
    '../../users/2/delete',
    'a/../../../users/2/active',
    '/',
    '//evil.example',
    'a/b',
    '100%',
    '%2e%2e',
    'a\\..\\b',
]


def _as_browsers_do(address: str) -> str:
    """Without . and .. and with / for each backslash."""
    return urljoin('http://localhost/', address.replace('\\', '/').replace('%2E', '.').replace('%2e', '.'))


@pytest.mark.parametrize(
    'page', ['service', 'service-set-active', 'service-undeploy', 'service-invoker', 'service-versions']
)
@pytest.mark.parametrize('name', [*_ODD, 'my.service', 'naïve-service', '<script>"&'])
def test_an_address_leads_to_the_page_of_the_service_whatever_its_name(pages: Pages, page: str, name: str) -> None:
    address = reverse(page, args=[name])
    assert _as_browsers_do(address) == f'http://localhost{address}'


@pytest.mark.parametrize('name', [*_ODD, 'my.service', 'naïve-service', '<script>"&'])
def test_a_page_is_asked_for_the_name_that_its_address_was_made_of(pages: Pages, name: str) -> None:
    asked = RequestFactory().get(reverse('service', args=[name])).path_info
    assert resolve(asked).kwargs == {'name': name}


def test_names_are_readable_in_addresses(pages: Pages) -> None:
    assert reverse('service', args=['my.service']) == '/zato/service/overview/my.service/'
    assert resolve('/zato/service/overview/a/b/').kwargs == {'name': 'a/b'}
