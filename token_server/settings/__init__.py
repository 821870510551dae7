"""What the operator decides: read once, from the environment and a TOML file, or refused whole.

May import `tokens`, and what all rooms share (docs/architecture.md).
"""

from token_server.settings.loading import Effective, effective_settings, load_settings
from token_server.settings.model import Settings
from token_server.settings.problem import SettingsProblem

__all__ = ["Effective", "Settings", "SettingsProblem", "effective_settings", "load_settings"]
