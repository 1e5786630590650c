"""SWIFT MT messages in and out: `parse` text into items, a parser a file; `compose` writes our own."""
