"""Binance's REST on loopback with the simulator's own exchange behind it, and faults on demand."""

import contextlib
import threading
import time
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.orders.sample import BTC

from millstream.model import Side
from millstream.simulator.binance.front import BinanceFront
from millstream.simulator.faults import FaultPlan, Faults, RequestFault
from millstream.simulator.front import HttpRequest, Key
from millstream.simulator.history import History
from millstream.simulator.orders import PairRules, SelfTrade, VenueRules
from millstream.simulator.venue import Venue

KEY = Key("main", "the-key", "the-secret")
RULES = VenueRules(Decimal(0), Decimal("0.001"), True, SelfTrade.EXPIRE_MAKER, False)
PAIR = PairRules(BTC, Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001"), Decimal(5))


class RestVenue:
    """An exchange with bids at 99 and asks at 101, one account with 100,000 USDT and 10 BTC."""

    def __init__(self):
        start = {"main": {"USDT": Decimal(100_000), "BTC": Decimal(10)}}
        self.plan = FaultPlan(Faults())
        self.venue = Venue(RULES, [PAIR], start)
        self.front = BinanceFront(self.venue, {BTC: History()}, [KEY], self.plan)
        self.requests = []
        self.lock = threading.Lock()  # held: the exchange answers nothing
        self.fill_book()

    def fill_book(self):
        """The book it begins with."""
        with self.lock:
            for side, price in ((Side.BUY, "99"), (Side.SELL, "101")):
                self.venue.set_level(BTC, side, Decimal(price), Decimal(5), time.time_ns())

    def fault(self, **faults):
        self.plan.set(Faults(**faults))

    def take(self, side, price, volume):
        """Somebody else takes from the book."""
        with self.lock:
            self.venue.take(BTC, side, Decimal(price), Decimal(volume), time.time_ns())

    def answer(self, request):
        with self.lock:
            self.requests.append((request.method, request.path))
            fault = RequestFault.NONE
            if self.front.changes_orders(request):
                fault = self.plan.request()
            if fault is RequestFault.REJECT:
                return self.front.fault(fault)
            answer = self.front.request(request, time.time_ns())
            if fault is RequestFault.LOST:
                return None
            return self.front.fault(fault) if fault is RequestFault.ERROR_AFTER else answer


@contextlib.contextmanager
def rest_venue():
    served = RestVenue()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self):
            path, _, query = self.path.partition("?")
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = served.answer(
                HttpRequest(self.command, path, query, headers, self.rfile.read(length))
            )
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = do_DELETE = do_PUT = handle_any  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
