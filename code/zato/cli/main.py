"""`zato`: finds a command's module when it is used, and turns errors into one line and an exit code."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from zato.cli.error import FAILED, CommandError
from zato.cli.group import Group
from zato.common.exception import ZatoException
from zato.common.version import version

#: Command → module, attribute, help. The help stands here so that listing commands imports none of them.
_COMMANDS = {
    'audit-log': ('audit_log', 'audit_log', 'Show messages that channels and connections received and sent.'),
    'change-password': ('kind_command', 'change_password', 'Set the password of an object.'),
    'check-config': ('check_config', 'check_config', 'Check the configuration of a server or a dashboard.'),
    'component-version': ('info', 'component_version', 'Show which version a component was created with.'),
    'create': ('create', 'create', 'Create an ODB, a cluster, a server, a dashboard, a user, an object.'),
    'decrypt': ('crypto', 'decrypt', 'Decrypt a secret.'),
    'delete': ('kind_command', 'delete', 'Delete an object.'),
    'encrypt': ('crypto', 'encrypt', 'Encrypt a secret.'),
    'dev': ('dev', 'dev', 'Run a server for writing services.'),
    'enmasse': ('enmasse', 'enmasse', 'Import, export or compare configuration, in files.'),
    'hot-deploy': ('hot_deploy', 'hot_deploy', 'Deploy files to a running server and show what came of it.'),
    'info': ('info', 'info', 'Show what a server or a dashboard is doing.'),
    'object': ('objects', 'object_', 'Work with configuration objects of any kind.'),
    'odb': ('odb', 'odb', 'Bring the configuration database up to date.'),
    'ping': ('wait', 'ping', 'Ask a server whether it is there.'),
    'pubsub': ('pubsub', 'pubsub', 'Work with topics, subscriptions and messages of publish/subscribe.'),
    'quickstart': ('quickstart', 'quickstart', 'Create a whole environment in one directory.'),
    'reset-totp-key': ('web_admin', 'reset_totp_key', 'Make a new TOTP key for a user of the dashboard.'),
    'restart': ('lifecycle', 'restart', 'Stop a server, a dashboard or an environment, then start it.'),
    'service': ('service', 'service', 'Invoke services, list them, go back to earlier versions.'),
    'set-admin-invoke-password': (
        'web_admin',
        'set_admin_invoke_password',
        'Tell the dashboard the password with which it calls servers.',
    ),
    'start': ('lifecycle', 'start', 'Start a server, a dashboard or an environment.'),
    'stop': ('lifecycle', 'stop', 'Stop a server, a dashboard or an environment.'),
    'update': ('web_admin', 'update', 'Set the password of a user of the dashboard.'),
    'wait': ('wait', 'wait', 'Wait until a server or a dashboard answers.'),
}


def _summaries() -> dict[str, str]:
    """What each command does, those that kinds bring included."""
    from zato.cli.kind_command import commands_in, summary

    derived = {name: summary(kind, action) for name, (kind, action) in commands_in('').items()}
    return dict(sorted({**derived, **{name: text for name, (_, _, text) in _COMMANDS.items()}}.items()))


class LazyGroup(Group):
    """Commands are imported when they are run; those that kinds bring are made when no other one has the name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_summaries())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            from zato.cli.kind_command import command_in

            return command_in('', cmd_name)
        module, attribute, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f'zato.cli.{module}'), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section('Commands'):
            formatter.write_dl(list(_summaries().items()))


@click.group(cls=LazyGroup, context_settings={'help_option_names': ['-h', '--help'], 'max_content_width': 100})
@click.version_option(version, prog_name='Zato')
@click.option('--verbose', is_flag=True, help='Show the traceback of an error.')
def cli(verbose: bool) -> None:
    """Zato: services over REST, WebSockets, IBM MQ, publish/subscribe and jobs."""
    if verbose:
        sys.excepthook = sys.__excepthook__


def main(arguments: list[str] | None = None) -> Any:
    """The entry point of the `zato` command."""
    sys.excepthook = _show_error
    try:
        cli.main(arguments, prog_name='zato', standalone_mode=True)
    except Exception as e:
        sys.excepthook(type(e), e, e.__traceback__)
        sys.exit(e.exit_code if isinstance(e, CommandError) else FAILED)


def _show_error(type_: type[BaseException], e: BaseException, traceback: object) -> None:
    hint = '' if isinstance(e, ZatoException | OSError) else f' ({type_.__name__}; zato --verbose … shows where)'
    print(f'Error: {e}{hint}', file=sys.stderr)


if __name__ == '__main__':
    main()
