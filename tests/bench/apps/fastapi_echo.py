"""The same with FastAPI, as its tutorial would write it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

app = FastAPI()


@app.post('/echo')
async def echo(order: dict[str, Any]) -> dict[str, Any]:
    return order
