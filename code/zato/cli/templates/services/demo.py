"""Sample services: an order is priced, taxed and answered. Edit this file and call them again: no restart is needed."""

from zato.common.exception import BadRequest
from zato.server.service import Service

PRICES = {'A-100': 1250, 'B-200': 399, 'C-300': 10999}
VAT_PERCENT = {'DE': 19, 'FR': 20, 'ES': 21}


class GetPrice(Service):
    """Answers with the price of one item, in cents."""

    name = 'demo.get-price'

    def handle(self):
        sku = self.request.input.get('sku')
        if sku not in PRICES:
            raise BadRequest(self.cid, f'There is no item `{sku}`', needs_msg=True)
        self.response.payload = {'sku': sku, 'cents': PRICES[sku]}


class AddTax(Service):
    """Adds a country's value-added tax to an amount."""

    name = 'demo.add-tax'

    def handle(self):
        net = self.request.input.net
        percent = VAT_PERCENT.get(self.request.input.get('country'), 0)
        self.response.payload = {'percent': percent, 'gross': net + net * percent // 100}


class PlaceOrder(Service):
    """Takes {"customer": …, "country": …, "lines": [{"sku": …, "quantity": …}, …]}, answers with what it costs."""

    name = 'demo.place-order'

    def handle(self):
        order = self.request.input
        if not order.get('lines'):
            raise BadRequest(self.cid, 'The order has no lines', needs_msg=True)

        net = 0
        for line in order.lines:
            price = self.invoke('demo.get-price', {'sku': line.get('sku')})
            net += price['cents'] * line.get('quantity', 1)
        tax = self.invoke('demo.add-tax', {'net': net, 'country': order.get('country')})

        self.logger.info('Order of %s: %d lines', order.get('customer'), len(order.lines))
        self.response.payload = {
            'order_id': self.cid,
            'customer': order.get('customer'),
            'net': net,
            'vat_percent': tax['percent'],
            'gross': tax['gross'],
        }
