"""The bridge's rates and latency, against `POST /v1/messages` in the same run: README.md says how to read them."""
