"""Sizes, compression and TLS, over real sockets."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import struct
import zlib

import pytest
from tests.frames.live import PAIR, TOKEN, Followed, publish, serving, until
from tests.frames.raw import answer, ask, raw
from tests.frames.sample import frame
from websockets.asyncio.server import serve

from millstream.errors import ConfigError
from millstream.model.frames import PublishWhitelist


async def telling(*messages):
    """A producer that tells these messages and nothing else; its server."""

    async def tell(websocket):
        for message in messages:
            await websocket.send(message)
        await websocket.wait_closed()

    return await serve(tell, "127.0.0.1", 0, compression=None, max_size=None)


def whitelist(size):
    begin, end = '{"type":"whitelist","data":["', '"]}'
    return begin + "x" * (size - len(begin) - len(end)) + end


def test_a_consumer_reads_a_message_of_its_limit_and_refuses_one_byte_more():
    async def story():
        limit = 1 << 20
        server = await telling(whitelist(limit), whitelist(limit + 1))
        async with Followed(
            server.sockets[0].getsockname()[1], message_size_limit=1, sleep_time=60
        ) as followed:
            await until(lambda: "disconnected" in followed.states())
            assert len(followed.held.pairs("p")[0]) == limit - 32
            assert followed.client.figures()[0].bytes == limit
            assert followed.client.followers[0].pause_s(0.0) >= 30  # not at once, as freqtrade
        server.close()
        await server.wait_closed()

    asyncio.run(story())


def test_a_deflate_bomb_is_never_inflated():
    async def story():
        async with serving() as server, raw(server.port, compression=None) as websocket:
            bomb = zlib.compress(bytes(50_000_000), 9)[2:-4]
            size = len(bomb)
            mask = b"\0\0\0\0"
            header = struct.pack("!BB", 0xC1, 0x80 | 126) + struct.pack("!H", size & 0xFFFF)
            if size > 0xFFFF:
                header = struct.pack("!BBQ", 0xC1, 0x80 | 127, size)
            websocket.transport.write(header + mask + bomb)
            await asyncio.wait_for(websocket.wait_closed(), 5)
            assert websocket.close_code == 1002
            async with raw(server.port) as other:
                await ask(other, type="whitelist")
                assert (await answer(other))["data"] == []

    asyncio.run(story())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "producer")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    certificate_file, key_file = folder / "cert.pem", folder / "key.pem"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(certificate_file), str(key_file)


def test_both_ends_speak_tls_and_a_stranger_is_not_trusted(certificate):
    async def story():
        files = {"certificate_file": certificate[0], "key_file": certificate[1]}
        async with serving(**files) as server:
            server.publish(PublishWhitelist((PAIR,)))
            server.publish(publish(frame(0, 300), replace=True))
            trusting = {"secure": True, "certificate_file": certificate[0]}
            async with Followed(server.port, entry=trusting) as followed:
                await until(lambda: len(followed.frame()) == 300)
            async with Followed(server.port, entry={"secure": True}, sleep_time=9) as followed:
                await until(lambda: followed.states() == ["disconnected"])
                assert "certificate" in followed.events[0].reason
                assert TOKEN not in str(followed.events)

    asyncio.run(story())


def test_a_file_that_is_no_certificate_is_named(tmp_path):
    async def story():
        wrong = tmp_path / "wrong.pem"
        wrong.write_text("nothing")
        with pytest.raises(ConfigError, match="certificate_file and key_file cannot be used"):
            async with serving(certificate_file=str(wrong), key_file=str(wrong)):
                pass
        with pytest.raises(ConfigError, match="cannot be used"):
            async with Followed(1, entry={"secure": True, "certificate_file": str(wrong)}):
                pass

    asyncio.run(story())
