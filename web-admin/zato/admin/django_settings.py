"""Django, set up for one dashboard's directory."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import django
from django.conf import settings

from zato.common.config.bind import parse_bind
from zato.common.config.web_admin_conf import Main, WebAdminConf
from zato.common.version import version

_HERE = Path(str(files('zato.admin')))
_DATABASE_WAIT = 3  #: seconds; more of them would hold all threads while another program holds the database

#: What is the same for every dashboard.
_FIXED: Mapping[str, Any] = {
    'INSTALLED_APPS': [
        'django.contrib.contenttypes',
        'django.contrib.auth',
        'django.contrib.sessions',
        'django.contrib.messages',
        'django.contrib.staticfiles',
        'django_htmx',
        'zato.admin.accounts',
    ],
    'MIDDLEWARE': [
        'zato.admin.middleware.proxies.Proxies',
        'zato.admin.middleware.headers.SecureHeaders',
        'whitenoise.middleware.WhiteNoiseMiddleware',
        'django.middleware.security.SecurityMiddleware',
        'django.contrib.sessions.middleware.SessionMiddleware',
        'django.middleware.common.CommonMiddleware',
        'django.middleware.csrf.CsrfViewMiddleware',
        'django.middleware.clickjacking.XFrameOptionsMiddleware',
        'django.contrib.auth.middleware.AuthenticationMiddleware',
        'django.contrib.messages.middleware.MessageMiddleware',
        'django_htmx.middleware.HtmxMiddleware',
        'zato.admin.middleware.access.Access',
        'zato.admin.middleware.problems.Problems',
    ],
    'TEMPLATES': [
        {
            'BACKEND': 'django.template.backends.django.DjangoTemplates',
            'DIRS': [_HERE / 'templates'],
            'OPTIONS': {
                'context_processors': [
                    'django.template.context_processors.request',
                    'django.contrib.messages.context_processors.messages',
                    'zato.admin.menu.for_templates',
                ],
                'builtins': ['zato.admin.template_tags'],
                'loaders': [
                    ('django.template.loaders.cached.Loader', ['django.template.loaders.filesystem.Loader']),
                ],
            },
        }
    ],
    'AUTH_PASSWORD_VALIDATORS': [
        {
            'NAME': 'django.contrib.auth.password_validation.MinimumLengthValidator',
            'OPTIONS': {'min_length': 10},
        },
        {'NAME': 'django.contrib.auth.password_validation.CommonPasswordValidator'},
        {
            'NAME': 'django.contrib.auth.password_validation.UserAttributeSimilarityValidator',
            'OPTIONS': {'user_attributes': ('username', 'email')},
        },
    ],
    'DEBUG': False,
    'ROOT_URLCONF': 'zato.admin.urls',
    'AUTH_USER_MODEL': 'accounts.User',
    'MESSAGE_STORAGE': 'django.contrib.messages.storage.session.SessionStorage',
    'SESSION_ENGINE': 'zato.admin.accounts.session_store',
    'SESSION_COOKIE_HTTPONLY': True,
    'SESSION_COOKIE_SAMESITE': 'Lax',
    'SESSION_EXPIRE_AT_BROWSER_CLOSE': True,
    'CSRF_COOKIE_HTTPONLY': True,
    'CSRF_COOKIE_SAMESITE': 'Lax',
    'CSRF_FAILURE_VIEW': 'zato.admin.errors.csrf_failed',
    'SECURE_REFERRER_POLICY': 'same-origin',
    'X_FRAME_OPTIONS': 'DENY',
    'SECURE_PROXY_SSL_HEADER': ('HTTP_X_FORWARDED_PROTO', 'https'),
    'WHITENOISE_USE_FINDERS': True,
    'WHITENOISE_AUTOREFRESH': False,
    'WHITENOISE_MAX_AGE': 31_536_000,
    'WHITENOISE_ALLOW_ALL_ORIGINS': False,
    'DATA_UPLOAD_MAX_MEMORY_SIZE': 20_000_000,
    'LOGGING_CONFIG': None,
    'USE_TZ': True,
    'TIME_ZONE': 'UTC',
    'USE_I18N': False,
    'DEFAULT_AUTO_FIELD': 'django.db.models.BigAutoField',
}


def set_up(conf: WebAdminConf, database: Path, secret_key: str) -> None:
    """Once a process. database: the SQLite file, or ':memory:' in tests."""
    settings.configure(**_settings(conf, database, secret_key))
    django.setup(set_prefix=False)


def cookie_name(name: str, bind: str) -> str:
    """Browsers send cookies of a host to all of its ports, and there may be a dashboard at each."""
    port = parse_bind(bind)[1]
    return name if port in (0, parse_bind(Main().gunicorn_bind)[1]) else f'{name}_{port}'


def _settings(conf: WebAdminConf, database: Path, secret_key: str) -> dict[str, Any]:
    is_https = conf.crypto.use_tls
    return {
        **_FIXED,
        'SECRET_KEY': secret_key,
        'ALLOWED_HOSTS': list(conf.security.allowed_hosts),
        'CSRF_TRUSTED_ORIGINS': list(conf.security.csrf_trusted_origins),
        'DATABASES': {
            'default': {
                'ENGINE': 'django.db.backends.sqlite3',
                'NAME': str(database),
                'OPTIONS': {'timeout': _DATABASE_WAIT, 'transaction_mode': 'IMMEDIATE'},
            }
        },
        'SESSION_COOKIE_NAME': cookie_name('zato_session', conf.main.gunicorn_bind),
        'CSRF_COOKIE_NAME': cookie_name('zato_csrf', conf.main.gunicorn_bind),
        'SESSION_COOKIE_AGE': int(conf.security.session_max),
        'SESSION_COOKIE_SECURE': is_https,
        'CSRF_COOKIE_SECURE': is_https,
        'SECURE_HSTS_SECONDS': 31_536_000 if is_https else 0,
        'STATIC_URL': f'/static/{version}/',
        'STATICFILES_DIRS': [_HERE / 'static'],
    }
