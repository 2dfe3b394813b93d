"""A model with twenty fields, at two levels, in and out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from zato.common.typing_ import list_
from zato.server.service import Model, Service


@dataclass(init=False)
class Customer(Model):
    customer_id: int
    name: str
    email: str
    country: str
    is_vip: bool
    discount: float


@dataclass(init=False)
class Line(Model):
    sku: str
    quantity: int
    price: float
    is_gift: bool


@dataclass(init=False)
class Order(Model):
    order_id: str
    created: date
    priority: int
    total: float
    is_express: bool
    note: str
    customer: Customer
    lines: list_[Line]


class Orders(Service):
    name = 'bench.model'
    input = Order
    output = Order

    def handle(self) -> None:
        self.response.payload = self.request.input
