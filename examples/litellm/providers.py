"""Provider routing: the same callback, whichever provider LiteLLM sends to."""

import litellm
from headroom.integrations.litellm_callback import HeadroomCallback

callback = HeadroomCallback()
litellm.callbacks = [callback]

log = "\n".join(
    f"2026-01-05 03:14:{i % 60:02d} INFO worker-{i % 7} handled request {i} in {i % 13} ms" for i in range(900)
)
messages = [{"role": "user", "content": f"Which worker handled request 555?\n\n{log}"}]

for model in (
    "gpt-4o",
    "anthropic/claude-3-5-sonnet-20240620",
    "bedrock/anthropic.claude-3-sonnet-20240229-v1:0",
    "bedrock/amazon.titan-text-premier-v1:0",
):
    before = callback.total_tokens_saved
    response = litellm.completion(model=model, messages=messages)
    print(model, callback.total_tokens_saved - before, "tokens saved")
