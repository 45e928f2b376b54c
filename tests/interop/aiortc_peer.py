#!/usr/bin/python3
"""aiortc as a peer: `serve PORT` echoes audio and messages for POST /offer; `call URL [STUN]` expects such an echo."""
import asyncio
import fractions
import json
import math
import sys
import urllib.request

import av
import numpy
from aiohttp import web
from aiortc import MediaStreamTrack, RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription

BIG = bytes((i * 7 + i // 251) % 256 for i in range(65536))


class Tone(MediaStreamTrack):
    """440 Hz, 20 ms frames in real time."""

    kind = "audio"

    def __init__(self):
        super().__init__()
        self.start, self.n = None, 0

    async def recv(self):
        loop = asyncio.get_event_loop()
        self.start = self.start or loop.time()
        await asyncio.sleep(max(0, self.start + self.n * 0.02 - loop.time()))
        t = (numpy.arange(960) + self.n * 960) / 48000
        samples = (numpy.sin(2 * math.pi * 440 * t) * 8000).astype(numpy.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, self.n * 960, fractions.Fraction(1, 48000)
        self.n += 1
        return frame


async def serve(port):
    peers = set()

    async def offer(request):
        body = await request.json()
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peers.add(peer)

        @peer.on("track")
        def on_track(track):
            if track.kind == "audio":
                peer.addTrack(track)

        @peer.on("datachannel")
        def on_channel(channel):
            channel.on("message", channel.send)

        await peer.setRemoteDescription(RTCSessionDescription(sdp=body["sdp"], type=body["type"]))
        await peer.setLocalDescription(await peer.createAnswer())
        return web.json_response({"sdp": peer.localDescription.sdp, "type": "answer"})

    app = web.Application()
    app.router.add_post("/offer", offer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("listening", flush=True)
    await asyncio.Event().wait()


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


async def call(url, *stun):
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[RTCIceServer(one) for one in stun]))
    peer.addTrack(Tone())
    channel = peer.createDataChannel("echo")
    got, opened = asyncio.Queue(), asyncio.Event()
    channel.on("open", opened.set)
    channel.on("message", got.put_nowait)
    tracks = []
    peer.on("track", tracks.append)
    await peer.setLocalDescription(await peer.createOffer())
    local = {"sdp": peer.localDescription.sdp, "type": "offer"}
    answer = await asyncio.get_event_loop().run_in_executor(None, post, url, local)
    await peer.setRemoteDescription(RTCSessionDescription(sdp=answer["sdp"], type=answer["type"]))
    await asyncio.wait_for(opened.wait(), 10)
    channel.send("hello")
    assert await asyncio.wait_for(got.get(), 10) == "hello", "text came back changed"
    channel.send(BIG)
    assert await asyncio.wait_for(got.get(), 10) == BIG, "64 KiB came back changed"
    loud = 0
    for _ in range(100):
        frame = await asyncio.wait_for(tracks[0].recv(), 5)
        loud += numpy.abs(frame.to_ndarray().astype(float)).mean() > 1000
    assert loud > 40, f"only {loud} of 100 frames are loud"
    await peer.close()
    print(f"text, 64 KiB and audio ({loud} loud frames) came back")


asyncio.run(serve(int(sys.argv[2])) if sys.argv[1] == "serve" else call(*sys.argv[2:]))
