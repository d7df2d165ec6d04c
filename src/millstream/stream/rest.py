"""HTTP in a worker thread: for the few snapshots, tokens and reconciliations a stream needs."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from urllib.parse import urlsplit

from millstream.errors import StreamError

MAX_BYTES = 64 * 1024 * 1024


async def get(url: str, timeout_s: float = 10.0) -> bytes:
    """The body of a 200 answer to a GET; raises StreamError for anything else."""
    return await request("GET", url, timeout_s=timeout_s)


async def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    timeout_s: float = 10.0,
) -> bytes:
    """The body of a 200 answer; raises StreamError for anything else.

    The message has the status and the first 200 bytes of the answer. Headers and the query are
    not repeated: they may carry a key or a signature.
    """
    return await asyncio.to_thread(_request, method, url, dict(headers or {}), body, timeout_s)


def _request(
    method: str, url: str, headers: dict[str, str], body: bytes, timeout_s: float
) -> bytes:
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if parts.scheme not in ("http", "https"):
        raise StreamError(f"cannot read {shown}: the address must begin with http:// or https://.")
    question = urllib.request.Request(
        url, data=body or None, headers={"User-Agent": "millstream"} | headers, method=method
    )
    try:
        with urllib.request.urlopen(question, timeout=timeout_s) as answer:
            told: bytes = answer.read(MAX_BYTES + 1)
    except urllib.error.HTTPError as error:
        with error:  # it holds the connection
            raise StreamError(_refused(shown, error)) from None
    except urllib.error.URLError as error:
        raise StreamError(f"cannot reach {shown}: {error.reason}.") from None
    except (OSError, HTTPException, ValueError) as error:
        raise StreamError(f"{shown} broke off its answer: {error}.") from None
    if len(told) > MAX_BYTES:
        raise StreamError(f"{shown} answered with more than {MAX_BYTES} bytes.")
    return told


def _refused(shown: str, error: urllib.error.HTTPError) -> str:
    try:
        text = error.read(200).decode(errors="replace").strip()
    except (OSError, HTTPException, ValueError):
        text = ""
    return f"{shown} answered {error.code} {error.reason}" + (f": {text}" if text else ".")
