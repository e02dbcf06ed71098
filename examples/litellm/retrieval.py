"""The model asks for what was left out, inside the call: `ccr` and `store`."""

import asyncio

import litellm
from headroom.integrations.litellm_callback import HeadroomCallback

# "auto" (the default) gives the tool to calls that have tools of their own or a large first turn.
callback = HeadroomCallback(ccr="auto", store="memory://")
litellm.callbacks = [callback]

log = "\n".join(f"2026-01-05 12:{i // 60:02}:{i % 60:02} INFO request {i} done by worker-{i % 7}" for i in range(3000))
question = "Which worker handled request 555?"


async def main() -> None:
    response = await litellm.acompletion(
        model="openai/gpt-4o-mini", messages=[{"role": "user", "content": f"{question}\n\n{log}"}]
    )
    # One ordinary answer: no call of our tool in it, and the usage of all rounds.
    print(response.choices[0].message.content)
    print("rounds cost", response.usage.prompt_tokens, "input tokens")
    print("retrieved:", callback.stats()["retrievals"])


asyncio.run(main())
