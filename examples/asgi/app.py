"""A gateway of your own with the middleware: `uvicorn app:app`."""

import os

import httpx
from fastapi import FastAPI, Request, Response
from headroom.integrations.asgi import CompressionMiddleware

UPSTREAM = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")

app = FastAPI()
app.add_middleware(CompressionMiddleware, min_tokens=500)


@app.get("/health")
async def health() -> dict[str, bool]:
    return {"ok": True}


@app.post("/v1/chat/completions")
async def chat(request: Request) -> Response:
    headers = {"authorization": request.headers.get("authorization", ""), "content-type": "application/json"}
    async with httpx.AsyncClient(timeout=600) as client:
        answer = await client.post(UPSTREAM + "/chat/completions", content=await request.body(), headers=headers)
    return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))
