"""Full example: settings, asynchronous calls, streaming, a router with fallbacks, and the counts."""

import asyncio

import litellm
from headroom.integrations.litellm_callback import HeadroomCallback

callback = HeadroomCallback(
    min_tokens=500,  # smaller calls go out as they came
    model_limit=200_000,  # the model's own window counts where it is smaller
    level="balanced",  # "lossless" only re-encodes, "aggressive" leaves out more
)
litellm.callbacks = [callback]

hits = "\n".join(f"src/billing/module_{i // 6:03d}.py:{i}: retry_payment(account, attempt={i})" for i in range(900))
messages = [
    {"role": "user", "content": "Which module retries attempt 431?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "grep", "arguments": '{"pattern": "retry"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": hits},
]

router = litellm.Router(
    model_list=[
        {"model_name": "main", "litellm_params": {"model": "gpt-4o"}},
        {"model_name": "spare", "litellm_params": {"model": "gpt-4o-mini"}},
    ],
    fallbacks=[{"main": ["spare"]}],
)


async def main() -> None:
    answer = await litellm.acompletion(model="gpt-4o", messages=messages)
    print(answer.choices[0].message.content)

    stream = await litellm.acompletion(model="gpt-4o", messages=messages, stream=True)
    async for chunk in stream:
        print(chunk.choices[0].delta.content or "", end="")
    print()

    answer = await router.acompletion(model="main", messages=messages)
    print(answer.choices[0].message.content)


asyncio.run(main())
print(f"{callback.total_tokens_saved} tokens saved")
print(callback.stats())
