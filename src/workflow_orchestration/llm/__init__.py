"""The model gateway: questions to one OpenAI-compatible server (vLLM, Ollama, a vendor's), answers or a reason."""
