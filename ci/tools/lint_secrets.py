"""No credential in the repository: well-known key formats, private keys, long random strings.

Offline. A line that must look like a secret (a test's) says so with `pragma: allowlist secret`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import transient_settings

from ci.tools.source import Problem, repository_files

_PLUGINS = (
    "ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector", "CloudantDetector",
    "DiscordBotTokenDetector", "GitHubTokenDetector", "GitLabTokenDetector", "JwtTokenDetector",
    "OpenAIDetector", "PrivateKeyDetector", "PypiTokenDetector", "SendGridDetector", "SlackDetector",
    "StripeDetector", "TelegramBotTokenDetector", "TwilioKeyDetector",
)  # fmt: skip
_SETTINGS = {
    "plugins_used": [{"name": name} for name in _PLUGINS] + [{"name": "Base64HighEntropyString", "limit": 4.5}],
    "filters_used": [
        {"path": "detect_secrets.filters.allowlist.is_line_allowlisted"},
        {"path": "detect_secrets.filters.heuristic.is_sequential_string"},
        {"path": "detect_secrets.filters.heuristic.is_templated_secret"},
        {
            "path": "detect_secrets.filters.regex.should_exclude_line",
            "pattern": [r"change-me|--hash=sha256:|://[A-Z_]+:[A-Z_]+@"],
        },
    ],
}


def check(root: Path) -> Iterator[Problem]:
    return problems(root, [name for name in repository_files(root) if not name.endswith(".lock")])


def problems(root: Path, names: list[str]) -> Iterator[Problem]:
    secrets = SecretsCollection(root=str(root))
    with transient_settings(_SETTINGS):
        for name in names:
            secrets.scan_file(name)
    for name, found in secrets:
        if _is_alphabet(found.secret_value or ""):
            continue
        yield Problem(
            name,
            found.line_number,
            f"looks like a secret ({found.type}); move it to .env and change it wherever it was used, "
            "or end the line with `pragma: allowlist secret` if it is none",
        )


def _is_alphabet(value: str) -> bool:
    """No letter twice: a list of characters. Of random keys of 32 letters hardly one in 5,000 is like that."""
    return len(set(value)) == len(value)
