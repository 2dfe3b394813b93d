"""What services/bench_model.py does, with FastAPI and Pydantic."""

from __future__ import annotations

from datetime import date

from fastapi import FastAPI
from pydantic import BaseModel

from tests.bench.apps.basic_auth import User


class Customer(BaseModel):
    customer_id: int
    name: str
    email: str
    country: str
    is_vip: bool
    discount: float


class Line(BaseModel):
    sku: str
    quantity: int
    price: float
    is_gift: bool


class Order(BaseModel):
    order_id: str
    created: date
    priority: int
    total: float
    is_express: bool
    note: str
    customer: Customer
    lines: list[Line]


app = FastAPI()


@app.post('/model', response_model=Order)
async def orders(order: Order, user: User) -> Order:
    return order
