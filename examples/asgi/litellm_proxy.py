"""The LiteLLM proxy behind the middleware: `CONFIG_FILE_PATH=proxy.yaml uvicorn litellm_proxy:app`.

The callback is the better choice for the proxy (it knows the deployed model); this is for proxies whose
config cannot be changed.
"""

from headroom.integrations.asgi import CompressionMiddleware
from litellm.proxy.proxy_server import app

app.add_middleware(CompressionMiddleware, min_tokens=500)
