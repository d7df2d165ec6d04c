"""A venue's front without sockets: requests and times go in, answers come out."""

import base64
import hashlib
import hmac
import json
from decimal import Decimal
from urllib.parse import urlencode

from millstream.model import Side
from millstream.simulator.front import HttpRequest
from millstream.simulator.simulation import SimulationSettings, keys_of, make_server

NOW_NS = 1_795_000_000_000_000_000


class Front:
    """One account's requests, signed as the venue wants them."""

    def __init__(self, exchange, pair, **settings):
        chosen = SimulationSettings(exchange=exchange, pairs=(pair,), **settings)
        self.server = make_server(chosen)
        self.front, self.venue = self.server.front, self.server.venue
        self.key = keys_of(exchange, 1)[0]
        self.now_ns = NOW_NS
        self.nonce = 1_000
        (self.pair,) = self.venue.pairs
        self.venue.set_level(self.pair, Side.BUY, Decimal(100), Decimal(5), NOW_NS)
        self.venue.set_level(self.pair, Side.SELL, Decimal(101), Decimal(5), NOW_NS)

    def send(self, method, path, query="", body=b"", headers=None):
        answer = self.front.request(
            HttpRequest(method, path, query, headers or {}, body), self.now_ns
        )
        return answer.status, json.loads(answer.body)

    def binance(self, method, path, *, timestamp=None, secret=None, **given):
        given |= {"timestamp": timestamp or self.now_ns // 10**6}
        query = urlencode(given)
        key = (secret or self.key.secret).encode()
        signature = hmac.new(key, query.encode(), hashlib.sha256).hexdigest()
        headers = {"x-mbx-apikey": self.key.key}
        return self.send(method, path, f"{query}&signature={signature}", headers=headers)

    def kraken(self, name, *, nonce=None, secret=None, **given):
        self.nonce += 1
        nonce = str(nonce or self.nonce)
        body = urlencode({"nonce": nonce, **given}).encode()
        path = f"/0/private/{name}"
        message = path.encode() + hashlib.sha256(nonce.encode() + body).digest()
        key = base64.b64decode(secret or self.key.secret)
        signature = base64.b64encode(hmac.new(key, message, hashlib.sha512).digest()).decode()
        headers = {"api-key": self.key.key, "api-sign": signature}
        return self.send("POST", path, body=body, headers=headers)[1]
