"""`zato`: finds a command's module when it is used, and turns errors into one line and an exit code."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from zato.cli.error import FAILED, CommandError
from zato.common.exception import ZatoException
from zato.common.version import version

#: Command → module, attribute, help. The help stands here so that listing commands imports none of them.
_COMMANDS = {
    'check-config': ('check_config', 'check_config', 'Check the configuration of a server.'),
    'component-version': ('info', 'component_version', 'Show which version a component was created with.'),
    'create': ('create', 'create', 'Create a server or a secret key.'),
    'decrypt': ('crypto', 'decrypt', 'Decrypt a secret.'),
    'encrypt': ('crypto', 'encrypt', 'Encrypt a secret.'),
    'hot-deploy': ('hot_deploy', 'hot_deploy', 'Deploy files to a running server and show what came of it.'),
    'info': ('info', 'info', 'Show what a server is doing.'),
    'ping': ('wait', 'ping', 'Ask a server whether it is there.'),
    'quickstart': ('quickstart', 'quickstart', 'Create a whole environment in one directory.'),
    'restart': ('lifecycle', 'restart', 'Stop a server or an environment, then start it.'),
    'service': ('service', 'service', 'Invoke services.'),
    'start': ('lifecycle', 'start', 'Start a server or an environment.'),
    'stop': ('lifecycle', 'stop', 'Stop a server or an environment.'),
    'wait': ('wait', 'wait', 'Wait until a server answers.'),
}


class LazyGroup(click.Group):
    """Commands are imported when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f'zato.cli.{module}'), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section('Commands'):
            formatter.write_dl([(name, text) for name, (_, _, text) in _COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as e:
            from zato.common.config.option import nearest

            raise click.UsageError(f'{e.message.rstrip(".")}{nearest(args[0], list(_COMMANDS))}', ctx) from None


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
