"""Headroom inside other libraries: LiteLLM (`litellm_callback`) and ASGI servers (`asgi`)."""
