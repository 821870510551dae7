"""`keys export`: public keys as files, for programs that fetch no JWK Set."""

import json
from pathlib import Path

import click

from token_server.cli.arguments import Verb
from token_server.cli.keyset import keys_of, settings_for_keys
from token_server.problems import Problem
from token_server.signing import public_files
from token_server.signing.files import make_folder
from token_server.signing.lifecycle import published
from token_server.system import system_clock


@click.command("export", cls=Verb)
@click.option(
    "--pem",
    "folder",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="The directory; it is made if it does not exist.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def export(folder: Path, *, as_json: bool) -> None:
    """Write each public key of the JWK Set to DIR/KID.pem, for HAProxy, Dovecot and others.

    Files of keys that left the JWK Set are removed. Run it from cron: it changes only what
    changed, and prints only that.
    """
    settings = settings_for_keys()
    keyset = keys_of(settings).load()
    keys = [key.public for key in published(keyset, system_clock())]
    if settings.keys_dir and folder.resolve() == settings.keys_dir.resolve():
        raise Problem(
            f"{folder} is the directory of the private keys", hint="name another directory"
        )
    try:
        make_folder(folder, mode=0o755)
        done = public_files.export(keys, folder)
    except OSError as error:
        raise Problem(
            f"{error.filename or folder}: {error.strerror}",
            hint=f"let this user write to {folder}, or name another directory",
        ) from error
    if as_json:
        rows = [{"kid": each.kid, "file": str(each.file), "change": each.change} for each in done]
        click.echo(json.dumps(rows, indent=2))
        return
    for each in done:
        if each.change != "unchanged":
            click.echo(f"{each.change}: {each.file}")
