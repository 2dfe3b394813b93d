"""What the audit log keeps of a message: its text, with everything secret masked, and no half of a secret anywhere."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote, quote_plus, urlencode
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.audit_log import masker
from zato.server.audit_log.known import KnownSecrets
from zato.server.audit_log.masking import MARGIN, Masked
from zato.server.audit_log.names import normal_name

SECRET = 'pl4nted-S3cret'
MASK = '******'


def nothing() -> None:
    """There are no others to let run."""


def masked(data: bytes | str, limit: int = 1_000_000, **options: Any) -> Masked:
    raw = data.encode() if isinstance(data, str) else data
    return masker(options.pop('secrets', ()), options.pop('names', ())).mask(raw, limit, nothing, **options)


def text(data: bytes | str, **options: Any) -> str:
    found = masked(data, **options)
    assert found.encoding == 'text'
    return found.data


def test_names_of_secrets_are_known_however_they_are_written() -> None:
    names = """password Password PASSWORD passwd user_password userPassword newpassword password2 passwordConfirm pwd db_pwd
        passphrase pass smtp_pass secret client_secret clientSecret shared-secret token access_token accessToken
        refresh_token id_token
        X-Auth-Token csrfToken tokens api_key apiKey apikey api-key X-API-Key api.key access_key secretKey
        private_key privateKey authorization Authorization Proxy-Authorization auth credentials credential pin PIN card_pin
        cardPin cvv CVV2 cvc otp totp jwt cookie Set-Cookie session_id sessionId card_number cardNumber ccNumber ssn
        sig signature client_assertion
        user[password] user%5Bpassword%5D user.password p\\u0061ssword api%20key"""
    assert [name for name in names.split() if not normal_name(name.encode())[1]] == []


def test_other_names_are_not() -> None:
    names = """name username user email customer_id key keys primary_key status data id secretary tokenizer passenger compass
        shipping opinion company author pinned description max_length cardinal design session response account_id option
        passed monkey signal design signatory assert cookies_accepted_at"""
    assert [name for name in names.split() if normal_name(name.encode())[1]] == []


@pytest.mark.parametrize(
    ('given', 'kept'),
    [
        ('{"user": "joe", "password": "abc", "x": 1}', '{"user": "joe", "password": "******", "x": 1}'),
        (r'{"password": "a\"b\\", "x": 1}', '{"password": "******", "x": 1}'),
        ('{"pin":1234,"x":1}', '{"pin":"******","x":1}'),
        ('{"pin": -12.5e3 , "x": null}', '{"pin": "******" , "x": null}'),
        ('{"token":true}', '{"token":"******"}'),
        ('[{"secret":{"a":[1,"}"],"b":{}},"x":1}]', '[{"secret":"******","x":1}]'),
        ('{"tokens":["a","b"],"x":[1]}', '{"tokens":"******","x":[1]}'),
        ('{"password"\n:\n"abc"}', '{"password"\n:\n"******"}'),
        ('{"api key": "abc"}', '{"api key": "******"}'),
        (r'{"p\u0061ssword": "abc", "\u0070in": 1}', r'{"p\u0061ssword": "******", "\u0070in": "******"}'),
        (r'{"a": "{\"password\":\"a\\\"b\",\"x\":1}"}', r'{"a": "{\"password\":\"******\",\"x\":1}"}'),
        (r'{"a": "{\"pin\":12,\"x\":1}"}', r'{"a": "{\"pin\":\"******\",\"x\":1}"}'),
        (r'{"log": "user: joe\npin: 1234\nx: y"}', r'{"log": "user: joe\npin: ******\nx: y"}'),
        (r'{"head": "Authorization: Bearer abc\r\nHost: x"}', r'{"head": "Authorization: ******\r\nHost: x"}'),
        ('{"url": "https://a/?token=abc&x=1"}', '{"url": "https://a/?token=******&x=1"}'),
        ('[{"name": "Authorization", "value": "abc"}]', '[{"name": "Authorization", "value": "******"}]'),
        ('[{"name": "password", "valueString": "abc"}]', '[{"name": "password", "valueString": "******"}]'),
        ("{'password': 'abc', 'x': None}", "{'password': '******', 'x': None}"),
        ('{"password": "abc', '{"password": "******'),
        ('{"password": {"a": 1', '{"password": "******"'),
        ('{"a": {"password": ""}}', '{"a": {"password": ""}}'),
    ],
)  # fmt: skip
def test_json_stays_what_it_was_but_for_secrets(given: str, kept: str) -> None:
    assert text(given) == kept


@pytest.mark.parametrize(
    ('given', 'kept'),
    [
        ('user=joe&password=a;b+c&x=1', 'user=joe&password=******&x=1'),
        ('user%5Bpassword%5D=abc', 'user%5Bpassword%5D=******'),
        ('POST /a/b?x=1&api_key=abc&y=2', 'POST /a/b?x=1&api_key=******&y=2'),
        ('GET /a?sig=abc&X-Amz-Signature=abc&x=1', 'GET /a?sig=******&X-Amz-Signature=******&x=1'),
        ('password = abc\nx = 1\npin : 12', 'password = ******\nx = 1\npin : ******'),
        ('POST /a?next=%2Flogin%3Ftoken%3Dabc%26x%3D1', 'POST /a?next=%2Flogin%3Ftoken%3D******%26x%3D1'),
        ('https://joe:abc@host/a', 'https://joe:******@host/a'),
        ('Authorization: Basic am9lOmFiYw==\r\nHost: x', 'Authorization: ******\r\nHost: x'),
        ('sent Basic am9lOmFiYw== to it', 'sent Basic ****** to it'),
        ('a bearer aBc123.x-y was sent', 'a bearer ****** was sent'),
        ('a bearer certificate, basic authentication', 'a bearer certificate, basic authentication'),
        ('it is eyJhbGciOiJI.eyJzdWIiOiIx.abc-_1 then', 'it is ****** then'),
        ('-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END', '-----BEGIN RSA PRIVATE KEY-----******-----END'),
        ('name,password,x\njoe,abc,1\n"a,b","c""d, e",2\n', 'name,password,x\njoe,******,1\n"a,b",******,2\n'),
        ('name;pin\r\njoe;1\r\n\r\njim;2', 'name;pin\r\njoe;******\r\n\r\njim;******'),
        ("password: 'a\"b' c\nx: 1", 'password: ******\nx: 1'),
        ('the opinion: passwords are short', 'the opinion: passwords are short'),
    ],
)
def test_forms_urls_headers_and_tables_stay_what_they_were_but_for_secrets(given: str, kept: str) -> None:
    assert text(given) == kept


@pytest.mark.parametrize(
    ('given', 'kept'),
    [
        ('<a><password>abc</password><b>x</b></a>', '<a><password>******</password><b>x</b></a>'),
        ('<a><n:password x="1"><b>c</b></n:password></a>', '<a><n:password x="1">******</n:password></a>'),
        ('<a><token><![CDATA[<x>]]></token></a>', '<a><token>******</token></a>'),
        ('<a x="1" pin = "12" y="1"/>', '<a x="1" pin = "******" y="1"/>'),
        ('<a pin="12" x="1"/>', '<a pin="******" x="1"/>'),
        ('<password/><x>y</x>', '<password/><x>y</x>'),
        ('<param name="password">abc</param>', '<param name="password">******</param>'),
        ('<input value="abc" name="password"/>', '<input value="******" name="password"/>'),
        ('<a><password>abc', '<a><password>******'),
        ('{"xml": "<password>abc<\\/password>"}', '{"xml": "<password>******<\\/password>"}'),
    ],
)
def test_xml_stays_what_it_was_but_for_secrets(given: str, kept: str) -> None:
    assert text(given) == kept


def test_parts_of_a_form_are_masked_whole() -> None:
    part = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    given = part.format('password', 'a\r\nb') + part.format('x', '1') + '--b--'
    assert text(given) == part.format('password', MASK) + part.format('x', '1') + '--b--'


def test_names_that_are_added_are_masked_too() -> None:
    given = '{"NHS-Number": "943 476", "magic": "abc", "x": 1}'
    assert text(given, names=['nhs_number']) == '{"NHS-Number": "******", "magic": "abc", "x": 1}'
    found = masker(names=['nhs_number']).mask(given.encode(), 1_000, nothing, frozenset({'Magic'}))
    assert found.data == '{"NHS-Number": "******", "magic": "******", "x": 1}'


def _base64(secret: str) -> str:
    return b64encode(f'joe:{secret}'.encode()).decode()


ENCODERS: dict[str, Callable[[str], str]] = {
    'as it is': str,
    'json': json.dumps,
    'json, all characters': partial(json.dumps, ensure_ascii=False),
    'json in json': lambda secret: json.dumps(json.dumps(secret)),
    'json with slashes escaped': lambda secret: json.dumps(secret).replace('/', '\\/'),
    'url': partial(quote, safe=''),
    'url, few characters': quote,
    'url, in lower case': lambda secret: re.sub('%..', lambda found: found[0].lower(), quote(secret, safe='')),
    'form': quote_plus,
    'form of a browser': lambda secret: urlencode({'q': secret}),
    'xml': escape,
    'xml attribute': lambda secret: escape(secret, {'"': '&quot;'}),
    'base64, after a user': _base64,
    'base64, alone': lambda secret: b64encode(secret.encode()).decode(),
    'base64, elsewhere': lambda secret: b64encode(f'ab{secret}cd'.encode()).decode(),
    'base64 of urls': lambda secret: b64encode(f'a{secret}'.encode(), b'-_').decode(),
}


@pytest.mark.parametrize('encoder', ENCODERS)
@settings(max_examples=20)
@given(secret=st.text(st.characters(codec='utf-8', exclude_categories=['C', 'Z'], exclude_characters='*'), min_size=6))
@example(secret='s3cret')
@example(secret='p@ss/w"ö&<r>\'d\\')
@example(secret='a+b c%20=?')
def test_what_the_worker_knows_is_found_in_whatever_it_is_encoded(encoder: str, secret: str) -> None:
    encoded = ENCODERS[encoder](secret)
    for before, after in (('', ''), ('x:', ' y'), ('€uro ', '\n')):
        kept = text(f'{before}{encoded}{after}', secrets=[secret])
        assert MASK in kept
        assert secret not in kept
        assert encoded not in kept


def test_all_of_the_base64_around_a_secret_is_masked() -> None:
    assert text(f'a {_base64(SECRET)} b', secrets=[SECRET]) == 'a ****** b'


def test_secrets_of_less_than_six_characters_are_found_by_their_names_only() -> None:
    assert text('{"password": "12345", "x": 12345}', secrets=['12345']) == '{"password": "******", "x": 12345}'


@given(
    before=st.integers(0, 60),
    limit=st.integers(1, 100),
    wrapped=st.sampled_from(['{}', '{{"x": "{}"}}', 'a={}&b=1', '<a>{}</a>']),
)
def test_no_part_of_a_secret_is_left_at_the_cut(before: int, limit: int, wrapped: str) -> None:
    data = 'z' * before + wrapped.format(SECRET) + 'z' * 50
    kept = masked(data, limit, secrets=[SECRET])
    assert kept.is_cut == (len(data) > limit)
    assert SECRET[:3] not in kept.data
    assert len(kept.data) <= limit + len(MASK)


@given(limit=st.integers(1, 40))
def test_no_part_of_a_value_is_left_at_the_cut(limit: int) -> None:
    assert 'Z' not in masked('{"a": 1, "password": "ZZZZZZZZ"}', limit).data


def test_a_character_is_not_cut_in_two() -> None:
    assert masked('äöü', 3) == Masked('ä', 'text', True)


def test_what_is_no_text_is_kept_in_base64_and_masked_before() -> None:
    kept = masked(b'\xff\xfe\x00' + SECRET.encode() + b'\0', secrets=[SECRET])
    assert kept.encoding == 'base64'
    assert b64decode(kept.data) == b'\xff\xfe\x00******\0'
    assert masked(b'a\0b').encoding == 'base64'  # databases do not keep it as text


def test_text_in_latin_1_and_utf_16_is_masked() -> None:
    assert b64decode(
        masked('{"password": "ä", "x": "ö"}'.encode('latin-1')).data
    ) == '{"password": "******", "x": "ö"}'.encode('latin-1')
    assert text('{"password": "ä", "x": "ö"}'.encode('utf-16')) == '{"password": "******", "x": "ö"}'


def test_what_came_compressed_is_kept_as_what_it_was() -> None:
    body = b'{"password": "abc", "x": "%b"}' % (b'y' * 1_000)
    for zipped in (
        gzip.compress(body),
        gzip.compress(gzip.compress(body)),
        gzip.compress(body[:20]) + gzip.compress(body[20:]),
    ):
        kept = masked(zipped)
        assert (kept.encoding, kept.is_cut) == ('gzip', False)
        assert kept.data == body.decode().replace('abc', MASK)
        assert masked(zipped, 10).is_cut
        assert 'abc' not in masked(zipped[:40]).data


def test_of_what_expands_without_end_no_more_is_looked_at_than_is_kept() -> None:
    kept = masked(gzip.compress(bytes(5_000_000).replace(b'\0', b'a')), 1_000)
    assert (len(kept.data), kept.is_cut) == (1_000, True)


@given(st.binary(max_size=300))
@example(b'\x1f\x8b' + bytes(20))
@example(b'\xff\xfea')
def test_any_bytes_are_kept(data: bytes) -> None:
    kept = masked(data, secrets=[SECRET])
    assert kept.encoding in ('text', 'base64', 'gzip', 'gzip+base64')


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda each: st.lists(each) | st.dictionaries(st.text(), each),
        max_leaves=20,
    )
)
def test_json_without_secrets_stays_as_it_is(document: Any) -> None:
    raw = json.dumps({'document': document}, ensure_ascii=False)
    if not any(normal_name(name.encode())[1] for name in re.split(r'[^\w]', raw)) and '%' not in raw and '\\' not in raw:
        assert text(raw.encode('utf-8', 'replace').decode()) == raw.encode('utf-8', 'replace').decode() or '://' in raw


@given(
    st.dictionaries(
        st.sampled_from(['a', 'b', 'password', 'api_key', 'user']),
        st.recursive(
            st.text() | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False),
            lambda each: st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(['x', 'token']), each),
            max_leaves=5,
        ),
    )
)
def test_json_with_secrets_stays_json_without_them(document: dict[str, Any]) -> None:
    def without(value: Any) -> Any:
        if isinstance(value, list):
            return [without(each) for each in value]
        if not isinstance(value, dict):
            return value
        return {
            key: without(each) if key not in ('password', 'api_key', 'token') else '' if each == '' else MASK
            for key, each in value.items()
        }

    raw = json.dumps(document)
    if not re.search(r'[:=%/<]|\\u00', ''.join(str(leaf) for leaf in _leaves(document))):
        assert json.loads(text(raw)) == without(document)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        return [leaf for each in (value.values() if isinstance(value, dict) else value) for leaf in _leaves(each)]
    return [value]


PIECES = [
    '"password":',
    '<token>',
    '\\',
    'password=',
    '{"a":',
    '://',
    'name=password ',
    'a' * 50,
    '%3D',
    '"',
    'eyJaaaaaa.',
    'a,b;',
]


@pytest.mark.parametrize('piece', PIECES)
def test_no_text_takes_time_that_grows_with_the_square_of_its_length(piece: str) -> None:
    """It would be hours."""
    assert masked(piece * (1_000_000 // len(piece)), 10).is_cut


def test_others_run_now_and_then() -> None:
    turns: list[int] = []
    data = json.dumps([{'name': 'x', 'password': 'y'}] * 20_000).encode()
    masker([SECRET]).mask(data, len(data), lambda: turns.append(1))
    assert len(turns) > 2 * len(data) / MARGIN


def test_secrets_that_change_are_found_under_both_values() -> None:
    secrets, generation = ['first-secret'], 1
    known = KnownSecrets(lambda: secrets, lambda: generation)
    assert known.find(b'first-secret', nothing)
    secrets, generation = ['other-secret'], 2
    assert known.find(b'other-secret', nothing)
    assert known.find(b'first-secret', nothing)


def test_of_thousands_of_secrets_each_is_found() -> None:
    secrets = [f'secret-{number:05}-{number * 7919 % 10_007}' for number in range(3_000)]
    known = KnownSecrets(lambda: secrets, lambda: 1)
    data = b'x'.join(secret.encode() for secret in secrets)
    assert len(known.find(data, nothing)) == len(secrets)
