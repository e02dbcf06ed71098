"""Quick start: one line, and every LiteLLM call is compressed on the wire."""

import litellm
from headroom.integrations.litellm_callback import HeadroomCallback

litellm.callbacks = [HeadroomCallback()]

log = "\n".join(
    f"2026-01-05 03:14:{i % 60:02d} INFO worker-{i % 7} handled request {i} in {i % 13} ms" for i in range(900)
)

response = litellm.completion(
    model="gpt-4o",
    messages=[{"role": "user", "content": f"Which worker handled request 555?\n\n{log}"}],
)
print(response.choices[0].message.content)
