"""For a LiteLLM proxy older than 1.96, which only loads callbacks from files beside its config.

Name it in the YAML: `callbacks: ["headroom_callback.proxy_handler_instance"]`.
"""

from headroom.integrations.litellm_callback import proxy_handler_instance

__all__ = ["proxy_handler_instance"]
