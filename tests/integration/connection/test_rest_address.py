"""Addresses of outgoing requests, whatever services fill into them."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from zato.common.exception import RequestInvalid
from zato.server.connection.rest.url import Target
from zato.server.process.outgoing import make_codecs

TARGET = Target('Outgoing REST connection `CRM`', 'http://crm', '/customer/{id}/x', make_codecs().text)
ANY = st.text(st.characters(exclude_categories=()))


@given(value=ANY.filter(bool), more=st.dictionaries(ANY, ANY))
def test_no_value_leads_elsewhere(value: str, more: dict[str, str]) -> None:
    try:
        url = TARGET.url({**more, 'id': value})
    except RequestInvalid:
        has_surrogates = any('\ud800' <= char <= '\udfff' for text in (value, *more, *more.values()) for char in text)
        assert has_surrogates or not value.strip('.')
        return
    parts = parse_url(url)
    assert (parts.scheme, parts.host, parts.fragment) == ('http', 'crm', None)
    assert re.fullmatch('/customer/[^/?#]+/x', parts.path or '')
    assert re.fullmatch('[!-~]*', url)
