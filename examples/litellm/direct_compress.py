"""Without a callback: compress the messages yourself, with any client."""

import litellm
from headroom import compress

hits = "\n".join(f"src/billing/module_{i // 6:03d}.py:{i}: retry_payment(account, attempt={i})" for i in range(900))
messages = [{"role": "user", "content": f"Which module retries attempt 431?\n\n{hits}"}]

result = compress(messages, model="gpt-4o")
print(f"{result.tokens_before} -> {result.tokens_after} tokens ({result.compression_ratio:.0%} removed)")

response = litellm.completion(model="gpt-4o", messages=result.messages)
print(response.choices[0].message.content)
