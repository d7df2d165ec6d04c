"""GET over HTTP, in a worker thread: for the few snapshots a stream needs."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from http.client import HTTPException
from urllib.parse import urlsplit

from millstream.errors import StreamError

MAX_BYTES = 64 * 1024 * 1024


async def get(url: str, timeout_s: float = 10.0) -> bytes:
    """The body of a 200 answer; raises StreamError for anything else.

    The query is not repeated in the message: it may carry a key.
    """
    return await asyncio.to_thread(_get, url, timeout_s)


def _get(url: str, timeout_s: float) -> bytes:
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if parts.scheme not in ("http", "https"):
        raise StreamError(f"cannot read {shown}: the address must begin with http:// or https://.")
    request = urllib.request.Request(url, headers={"User-Agent": "millstream"})
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            body: bytes = answer.read(MAX_BYTES + 1)
    except urllib.error.HTTPError as error:
        with error:  # it holds the connection
            raise StreamError(f"{shown} answered {error.code} {error.reason}.") from None
    except urllib.error.URLError as error:
        raise StreamError(f"cannot reach {shown}: {error.reason}.") from None
    except (OSError, HTTPException, ValueError) as error:
        raise StreamError(f"{shown} broke off its answer: {error}.") from None
    if len(body) > MAX_BYTES:
        raise StreamError(f"{shown} answered with more than {MAX_BYTES} bytes.")
    return body
