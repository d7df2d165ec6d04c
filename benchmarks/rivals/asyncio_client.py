"""The usual asyncio stack: a websocket client, json.loads, a Queue, a callback, a line in a file.

`python asyncio_client.py LIBRARY URL COUNT FILE`; LIBRARY is "websockets" or "aiohttp".
"""

import asyncio
import json
import sys
import time


async def websockets_frames(url):
    import websockets

    async with websockets.connect(url, max_size=None, compression=None) as connection:
        await connection.send("{}")
        async for text in connection:
            yield text


async def aiohttp_frames(url):
    import aiohttp

    async with aiohttp.ClientSession() as session, session.ws_connect(url) as connection:
        await connection.send_str("{}")
        async for message in connection:
            yield message.data


async def receive(frames, queue, count):
    """Frames into the queue, as dicts with our time."""
    received = 0
    async for text in frames:
        frame = json.loads(text)
        if "data" in frame:
            await queue.put((time.time_ns(), frame["data"]))
            received += 1
            if received == count:
                break
    await frames.aclose()


async def run(library, url, count, path):
    queue, delays, last = asyncio.Queue(1000), [], 0.0
    frames = {"websockets": websockets_frames, "aiohttp": aiohttp_frames}[library](url)
    cpu, wall = time.process_time(), time.perf_counter()

    def callback(ticker):
        nonlocal last
        last = ticker["bid"]
        if ticker["ask_volume"] > 1e12:
            delays.append(time.time_ns() / 1e3 - ticker["ask_volume"])

    with open(path, "w", buffering=1) as journal:  # a line a write: on kill -9 nothing is missing
        receiving = asyncio.create_task(receive(frames, queue, count))
        for _ in range(count):
            received_ns, data = await queue.get()
            ticker = {
                "received_ns": received_ns,
                "symbol": data["s"],
                "bid": float(data["b"]),
                "bid_volume": float(data["B"]),
                "ask": float(data["a"]),
                "ask_volume": float(data["A"]),
            }
            journal.write(json.dumps(ticker) + "\n")
            callback(ticker)
        await receiving
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu_us": cpu / count * 1e6, "wall_us": wall / count * 1e6, "delays_us": delays}


print(json.dumps(asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))))
