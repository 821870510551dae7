"""Files of the keys directory are written where their name says, and nowhere else."""

from pathlib import Path

import pytest

from token_server.signing import files


def test_no_file_is_written_through_a_symbolic_link(tmp_path: Path) -> None:
    """A link that another user has left leads to a file of the owner."""
    other = tmp_path / "other"
    other.write_bytes(b"kept")
    path = tmp_path / "keyset.json"
    path.with_name("keyset.json.new").symlink_to(other)
    with pytest.raises(OSError, match=r"symbolic link|symlink"):
        files.replace(path, b"text")
    assert other.read_bytes() == b"kept"
    assert not path.exists()
