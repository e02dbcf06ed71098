"""An agent loop in which the model fetches what was left out: the tool, and the lines that answer its calls.

OPENAI_API_KEY=… python agent_loop.py server.log "Which role was refused?"
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from headroom import compress
from headroom.tools import handle_tool_call, is_retrieve_call, retrieve_tool
from openai import OpenAI


def answer(client: OpenAI, model: str, messages: list[Any]) -> str:
    """Asks until the model has what it needs."""
    while True:
        result = compress(messages, model=model, retrieval=True)
        reply = client.chat.completions.create(model=model, messages=result.messages, tools=[retrieve_tool()])
        message = reply.choices[0].message
        calls = [call for call in message.tool_calls or [] if is_retrieve_call(call)]
        if not calls:
            return message.content or ""
        answers = [handle_tool_call(call, issued=result.originals) for call in calls]
        messages = [*messages, message.model_dump(exclude_none=True), *answers]


if __name__ == "__main__":
    log, question = Path(sys.argv[1]).read_text(), sys.argv[2]
    print(answer(OpenAI(), "gpt-4o", [{"role": "user", "content": f"{log}\n\n{question}"}]))
