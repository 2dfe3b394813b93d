"""Five typed elements in and out."""

from __future__ import annotations

from zato.server.service import Bool, Float, Int, Service


class Article(Service):
    name = 'bench.sio'
    input = 'name', Int('quantity'), Float('price'), Bool('is_express'), 'note'
    output = 'name', Int('quantity'), Float('price'), Bool('is_express'), 'note'

    def handle(self) -> None:
        article = self.request.input
        self.response.payload = {
            'name': article.name,
            'quantity': article.quantity,
            'price': article.price,
            'is_express': article.is_express,
            'note': article.note,
        }
