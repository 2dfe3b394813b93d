"""What services/bench_sio.py does, with FastAPI: a text of the path, four typed elements of the body."""

from __future__ import annotations

from fastapi import FastAPI
from pydantic import BaseModel

from tests.bench.apps.basic_auth import User


class Details(BaseModel):
    quantity: int
    price: float
    is_express: bool
    note: str


class Article(BaseModel):
    name: str
    quantity: int
    price: float
    is_express: bool
    note: str


app = FastAPI()


@app.post('/sio/{name}', response_model=Article)
async def article(name: str, details: Details, user: User) -> Article:
    return Article(
        name=name,
        quantity=details.quantity,
        price=details.price,
        is_express=details.is_express,
        note=details.note,
    )
