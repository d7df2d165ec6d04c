"""The services of a file, run in one process: streams, the bus and callbacks, introduced.

exchange streams ──┬─> service's queues ─> on_<channel>
                   └─> ipc_publisher ──(bus)──> ipc_subscribers of other processes ─> on_<channel>
ipc_command <──(bus)──> ipc_command of other processes
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from millstream.bus import (
    Context,
    IPCCommandSystem,
    IPCPublisher,
    Republisher,
    default_root,
    prepare_root,
)
from millstream.errors import ConfigError
from millstream.exchange import get_exchange_stream
from millstream.exchange.live import VenueStream
from millstream.ipc import IPCSubscriber
from millstream.model import Channel, Exchange
from millstream.orders.lines.keys import Keys
from millstream.service.api import ExchangeAPI, RestCalls
from millstream.service.base import ServiceBase
from millstream.service.configuration import (
    PREFIX,
    ApiSection,
    Services,
    Setting,
    read_setting,
)
from millstream.service.load import find_service
from millstream.settings import StreamSection
from millstream.stream.backoff import Backoff

_log = logging.getLogger(__name__)


class ServiceFigures(msgspec.Struct, frozen=True):
    """How a service stands. With a restart counts begin anew, but that of failures."""

    name: str
    state: str  # "starting", "running", "stopping", "stopped"
    handled: dict[str, int]  # calls, by callback
    waiting: int  # events in its queues
    dropped: int  # events its queues had no room for
    failures: int
    on_error: str
    restarts: int
    ended: str  # why it ended before it was told to; "": it did not


class _Plan:
    """One service of the file: its class and setting, read and checked."""

    def __init__(
        self, name: str, where: str, kind: type[ServiceBase], setting: Setting, own: Any
    ) -> None:
        self.name, self.where = name, where
        self.kind, self.setting, self.own = kind, setting, own
        self.restarts = 0
        self.failures = 0  # of those that were stopped

    def service(self) -> ServiceBase:
        """A new one, not joined to anything yet."""
        try:
            service = self.kind()
        except Exception as error:  # a user's own code: it may raise anything
            raise ConfigError(
                f"service {self.name}: {self.kind.__name__}() failed: "
                f"{type(error).__name__}: {error}"
            ) from error
        if not hasattr(service, "failures"):
            raise ConfigError(f"{self.kind.__name__}.__init__ has to call super().__init__()")
        service.name, service.setting, service.on_error = self.name, self.own, self.setting.on_error
        for api in self.setting.apis:
            exchange = Exchange.parse(api.exchange)
            calls = partial(_rest_calls, exchange, api)
            made = ExchangeAPI(exchange, api.api_key, api.api_secret, api.api_auth_data, calls)
            setattr(service, f"{exchange}_api", made)
        return service

    def streams(self) -> list[VenueStream]:
        """Its streams, not started. Raises ConfigError for what a venue does not offer."""
        made = []
        for number, section in enumerate(self.setting.streams):
            try:
                made.append(self._stream(section))
            except ConfigError as error:
                raise ConfigError(f"{self.where}.setting.streams[{number}]: {error}") from None
        return made

    def _stream(self, section: StreamSection) -> VenueStream:
        exchange = Exchange.parse(section.exchange)
        api = next((a for a in self.setting.apis if Exchange.parse(a.exchange) is exchange), None)
        key, secret, auth = section.api_key, section.api_secret, section.api_auth_data
        if api is not None and not key:
            key, secret, auth = api.api_key, api.api_secret, api.api_auth_data or auth
        return get_exchange_stream(
            exchange, section.currency_pairs, section.subscribe_channels, key, secret, auth,
            section.api_host, section.reconnect_times, section.subscribe_args,
        )  # fmt: skip

    def republished(self, stream: VenueStream | StreamSection) -> list[Channel]:
        """The channels of a stream that it publishes to other processes."""
        carried = [Channel.parse(channel) for channel in stream.subscribe_channels]
        wanted = self.setting.ipc_publisher
        if isinstance(wanted, bool):
            return carried if wanted else []
        named = [Channel.parse(channel) for channel in wanted]
        return [channel for channel in carried if channel in named]


class ServiceProcess:
    """Every service of one file. Raises ConfigError: one sentence with the path of the key.

    folder: where the file lies; files it names are named from there.
    """

    def __init__(self, services: Services, folder: Path, where: str) -> None:
        self._plans = [
            _plan(name, section.class_name, section.setting, services.modules, folder, where)
            for name, section in services.services.items()
        ]
        _check_together(self._plans, where)
        for plan in self._plans:
            plan.streams()  # a channel that a venue does not offer is told before anything starts
        root = folder / services.ipc_root if services.ipc_root else default_root()
        self._root = root
        self._running: dict[str, ServiceBase] = {}
        self.ended: dict[str, str] = {}  # services that ended before they were told to, and why
        self.failed = False  # one of them because it failed

    def figures(self) -> list[ServiceFigures]:
        """How each service stands."""
        return [
            ServiceFigures(
                plan.name, service.state, dict(service.handled),
                sum(queue.qsize() for queue in service.queues),
                sum(queue.dropped for queue in service.queues),
                plan.failures + service.failures.total, service.on_error, plan.restarts,
                self.ended.get(plan.name, ""),
            )
            for plan in self._plans
            if (service := self._running.get(plan.name)) is not None
        ]  # fmt: skip

    async def run(self, stop: asyncio.Event) -> None:
        """Run all services until `stop`, or until every one has ended by itself."""
        self._context = Context()
        self._publisher = IPCPublisher(self._context, prepare_root(self._root))
        living = asyncio.create_task(self._live())
        waiting: set[asyncio.Task[Any]] = {living, asyncio.create_task(stop.wait())}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if living.done():
                living.result()
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            for service in reversed(self._running.values()):
                await service.stop()
            self._publisher.close()
            self._context.destroy(linger=200)

    async def _live(self) -> None:
        for plan in self._plans:
            await self._start(plan)
        await asyncio.gather(*(self._watch(plan) for plan in self._plans))

    async def _start(self, plan: _Plan) -> None:
        service = self._running[plan.name] = plan.service()
        streams = plan.streams()
        for stream in streams:
            channels = plan.republished(stream)
            for channel in channels:
                self._publisher.open(stream.exchange, channel)
            if channels:
                stream.bind_observer(Republisher(self._publisher, channels))
        service.ipc_publisher = self._publisher
        if plan.setting.ipc_command_publisher:
            service.ipc_command = await self._commands(service, plan.setting)
        service.connect(self._subscribers(plan.setting), streams)
        await service.start()

    async def _commands(self, service: ServiceBase, setting: Setting) -> IPCCommandSystem:
        system = IPCCommandSystem(
            setting.ipc_command_publisher, self._context, self._root,
            on_failure=service.command_failed, on_handler_error=service.handler_failed,
        )  # fmt: skip
        for peer in setting.ipc_command_subscribers:
            await system.connect_to_process(peer)
        return system

    def _subscribers(self, setting: Setting) -> list[IPCSubscriber]:
        return [
            IPCSubscriber(
                [(section.exchange, section.channel, section.symbols)], self._context, self._root
            )
            for section in setting.ipc_subscribers
        ]

    async def _watch(self, plan: _Plan) -> None:
        """Do what a service's policy says when it fails; returns when it has ended for good."""
        backoff = Backoff(-1, 1.0, 60.0, 60.0)
        while True:
            began = time.monotonic()
            service = self._running[plan.name]
            reason = await service.ended()
            await service.stop()
            if service.finished or service.on_error != "restart":
                break
            wait_s = backoff.ended(time.monotonic() - began, random.random()) or 0.0
            _log.warning("service %s: %s; started anew in %.1f s", plan.name, reason, wait_s)
            await asyncio.sleep(wait_s)
            plan.restarts += 1
            plan.failures += service.failures.total
            try:
                await self._start(plan)
            except ConfigError as error:
                reason = str(error)
                await self._running[plan.name].stop()
                break
        level = logging.INFO if service.finished else logging.ERROR
        _log.log(level, "service %s has ended: %s", plan.name, reason)
        self.ended[plan.name] = reason
        self.failed = self.failed or not service.finished


def _rest_calls(exchange: Exchange, api: ApiSection) -> RestCalls:
    """The way to an account. Raises ConfigError."""
    try:
        # Imported here: the library takes a second, and most services need none of it.
        from millstream.orders.lines.ccxt.calls import CcxtCalls
    except ImportError:
        raise ConfigError(
            f"{exchange}_api: REST calls go by ccxt, which is not installed: pip install "
            '"millstream[live]"'
        ) from None
    words = api.api_auth_data if isinstance(api.api_auth_data, dict) else {}
    passphrase = words.get("passphrase", "") if words else api.api_auth_data or ""
    keys = Keys(api.api_key, api.api_secret, str(passphrase))
    return CcxtCalls(exchange, keys, url=api.url, sandbox=api.sandbox)


def _plan(
    name: str, class_name: str, setting: dict[str, Any], modules: list[str], folder: Path,
    where: str,
) -> _Plan:  # fmt: skip
    here = f"{where}: {PREFIX}{name}"
    kind = find_service(class_name, modules, folder, f"{here}.class_name")
    shared, own = read_setting(setting, kind.Settings, f"{here}.setting")
    return _Plan(name, here, kind, shared, own)


def _check_together(plans: Sequence[_Plan], where: str) -> None:
    """Raise ConfigError when two services of the file would take one address."""
    owners: dict[str, str] = {}
    for plan in plans:
        taken = {
            f"{Exchange.parse(section.exchange)}.{channel}"
            for section in plan.setting.streams
            for channel in plan.republished(section)
        }
        if plan.setting.ipc_command_publisher:
            taken.add(f'commands of "{plan.setting.ipc_command_publisher}"')
        for address in sorted(taken):
            if address in owners:
                raise ConfigError(
                    f"{where}: {PREFIX}{plan.name}: {address} is published by "
                    f"{PREFIX}{owners[address]} already: there is one publisher per address"
                )
            owners[address] = plan.name
