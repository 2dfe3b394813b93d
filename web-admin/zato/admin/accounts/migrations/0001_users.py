"""Users, and log-ins that failed."""

from __future__ import annotations

from django.db import migrations, models

_ROLES = [('viewer', 'viewer'), ('operator', 'operator'), ('admin', 'admin')]
_THEMES = [('system', 'system'), ('light', 'light'), ('dark', 'dark')]


class Migration(migrations.Migration):
    """The first tables."""

    initial = True
    dependencies = []  # noqa: RUF012 # Django declares them so
    operations = [  # noqa: RUF012
        migrations.CreateModel(
            name='LogInFailures',
            fields=[
                ('key', models.CharField(max_length=100, primary_key=True, serialize=False)),
                ('count', models.PositiveIntegerField(default=0)),
                ('until', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('username', models.CharField(max_length=150)),
                ('name_key', models.CharField(max_length=150, unique=True)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('role', models.CharField(choices=_ROLES, max_length=20)),
                ('is_active', models.BooleanField(default=True)),
                ('totp_key', models.CharField(blank=True, max_length=300)),
                ('totp_step', models.BigIntegerField(default=0)),
                ('version', models.PositiveIntegerField(default=0)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('theme', models.CharField(choices=_THEMES, default='system', max_length=10)),
                ('time_zone', models.CharField(default='UTC', max_length=60)),
                ('page_size', models.PositiveSmallIntegerField(default=50)),
            ],
        ),
    ]
