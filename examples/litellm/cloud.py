"""Cloud mode: a Headroom service compresses, and this process does whenever the service fails.

Set HEADROOM_API_KEY and HEADROOM_API_URL (or pass api_key and api_url). There is no default host.
"""

import litellm
from headroom.integrations.litellm_callback import HeadroomCallback

callback = HeadroomCallback(on_cloud_error="local")  # "original": send what came instead
litellm.callbacks = [callback]

log = "\n".join(
    f"2026-01-05 03:14:{i % 60:02d} INFO worker-{i % 7} handled request {i} in {i % 13} ms" for i in range(900)
)
response = litellm.completion(
    model="gpt-4o",
    messages=[{"role": "user", "content": f"Which worker handled request 555?\n\n{log}"}],
)
print(response.choices[0].message.content)
print(callback.stats()["events"])
