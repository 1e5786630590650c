"""The bridge to Kafka: messages in, the cases' log out. A door, never our queue: PostgreSQL stays the truth.

Installed with the extra `[kafka]` and run by `wo serve bridge`; api and worker neither import nor need it.
"""
