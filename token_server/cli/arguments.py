"""Commands that never repeat an argument that they did not expect: it may be a password."""

import click

from token_server.cli.names import counted


class Verb(click.Command):
    """A command; an argument too many is a usage error that does not quote it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if ctx.args:
            expected = " ".join(self.collect_usage_pieces(ctx))
            ctx.fail(f"got {counted(len(ctx.args), 'argument')} too many; expected: {expected}")
        return rest


class Noun(click.Group):
    """A group of such commands."""

    command_class = Verb
