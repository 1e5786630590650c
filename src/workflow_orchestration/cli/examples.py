"""The examples under each command's help; a test requires one of every command."""

from __future__ import annotations


def example(*lines: str) -> str:
    """An epilog. Paragraphs, because help joins the lines of one; brackets would be read as markup."""
    return "\n\n".join(["Example:", *(f"$ {line}".replace("[", r"\[") for line in lines)])
