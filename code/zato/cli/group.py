"""Groups of commands that tell what a mistyped command may have been meant to be."""

from __future__ import annotations

import click

from zato.common.config.option import nearest


class Group(click.Group):
    """Subcommands may come from wherever list_commands has them from."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchOption:
            raise
        except click.UsageError as e:
            raise click.UsageError(f'{e.message.rstrip(".")}{nearest(args[0], self.list_commands(ctx))}', ctx) from None
