#!/usr/bin/env python3
"""The Python package xiaozhi-sdk, a client we did not write, against our embedded assistant: OTA, hello, tools, speech,
photo, other frames, refusals, activation, a server that goes away. Run by tests/interop/run, which installs it.

  tests/interop/xiaozhi_sdk_test.py path/to/xiaozhi-rtc       ends with "N passed, N failed"."""
import asyncio
import io
import json
import logging
import re
import signal
import subprocess
import sys
import threading
import urllib.request
import wave

import av
import numpy
import xiaozhi_sdk
from xiaozhi_sdk import XiaoZhiWebsocket
from xiaozhi_sdk.utils.mcp_tool import get_device_status, set_volume, take_photo

PATIENCE = 20  # seconds; nothing is timed tighter
MAC = "02:00:00:00:00:01"
verdicts, complaints = [], []


class Complaints(logging.Handler):
    """What the package finds wrong, it only logs."""

    def emit(self, record):
        complaints.append(record.getMessage())


def check(held, text):
    verdicts.append(bool(held))
    print(f"{'ok  ' if held else 'FAIL'} {text}", flush=True)


def red_picture():
    pixels = numpy.zeros((480, 640, 3), numpy.uint8)
    pixels[:, :] = (220, 30, 30)
    jpeg = av.CodecContext.create("mjpeg", "w")
    jpeg.width, jpeg.height, jpeg.pix_fmt, jpeg.time_base = 640, 480, "yuvj420p", "1/25"
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuvj420p")
    return b"".join(bytes(packet) for packet in [*jpeg.encode(frame), *jpeg.encode(None)])


class Server:
    def __init__(self, *options):
        self.process = subprocess.Popen([sys.argv[1], "assistant", "--listen", "127.0.0.1:0", *options],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.log = []
        threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True).start()
        self.url = re.search(r"http://\S+/xiaozhi/ota/", self.process.stdout.readline()).group(0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def post(self, path, body):
        request = urllib.request.Request(self.url.replace("/ota/", path), json.dumps(body).encode(),
                                         {"Authorization": "Bearer admin"})
        return json.load(urllib.request.urlopen(request))


class Device:
    """The package's client with its tools, and what it was told."""

    def __init__(self, server, frame_ms=60, token=None):
        self.told, self.volume, self.questions = [], 70, []
        self.client = XiaoZhiWebsocket(self.hear, ota_url=server.url, audio_sample_rate=16000, audio_channels=1,
                                       audio_frame_duration=frame_ms)
        self.token = token

    async def hear(self, message):
        self.told.append(message)

    def set_volume(self, arguments):
        self.volume = arguments["volume"]
        return True, False

    async def photo(self, arguments):
        self.questions.append(arguments["question"])
        return await self.client.async_analyze_image(red_picture(), arguments["question"])

    async def open(self):
        status = {"audio_speaker": {"volume": 70}}
        # Plain functions: the package copies its table deeply, methods with all that hangs on them.
        await self.client.set_mcp_tool([
            {**set_volume, "tool_func": lambda arguments: self.set_volume(arguments), "is_async": False},
            {**get_device_status, "tool_func": lambda _: (status, False), "is_async": False},
            {**take_photo, "tool_func": lambda arguments: self.photo(arguments), "is_async": True}])
        return await self.client.init_connection(MAC)

    async def until(self, wanted):
        async def look():
            at = 0
            while True:
                for message in self.told[at:]:
                    at += 1
                    if wanted(message):
                        return message
                await asyncio.sleep(0.02)
        try:
            return await asyncio.wait_for(look(), PATIENCE)
        except asyncio.TimeoutError:
            return None

    async def answer(self, text=None):
        """Says |text|; the sentences of the answer and its sound, one row per frame."""
        if text:
            self.told.clear()
            self.client.output_audio_queue.clear()
            await self.client.send_text(text)
        await self.until(lambda m: m["type"] == "tts" and m["state"] == "stop")
        sentences = [m["text"] for m in self.told if m["type"] == "tts" and m["state"] == "sentence_start"]
        return sentences, [numpy.asarray(row) for row in self.client.output_audio_queue]


def spoken(text):
    """16 kHz samples of |text|, with quiet around it."""
    data = subprocess.run(["espeak-ng", "-v", "en-us", "--stdout", text], check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(data)) as file:
        rate, samples = file.getframerate(), numpy.frombuffer(file.readframes(10 ** 7), numpy.int16)
    at = numpy.arange(0, len(samples) - 1, rate / 16000)
    quiet = numpy.zeros(8000)
    return numpy.concatenate([quiet, numpy.interp(at, numpy.arange(len(samples)), samples), quiet]).astype(numpy.int16)


async def say(device, samples, frame_ms=60):
    n = 16 * frame_ms
    for at in range(0, len(samples) - n, n):
        await device.client.send_audio(samples[at:at + n].tobytes())
        await asyncio.sleep(frame_ms / 1000)
    await device.client.send_silence_audio(1.2)  # in one burst: the server has to count by samples


async def test_conversation(server):
    device = Device(server)
    check(await device.open(), "OTA, hello, listen: connected")
    client = device.client
    check(client.session_id and client.audio_opus.xiaozhi_out_sample_rate == 24000, "hello has all that it reads")
    check(client.explain_url.startswith("http://127.0.0.1") and client.explain_token, "MCP initialize has the vision address")
    sentences, rows = await device.answer("set the volume to 30 percent")
    check(device.volume == 30 and sentences == ["The volume is now 30 percent."], "a tool is called, its result is spoken")
    loud = [row for row in rows if row.size == 960 and numpy.abs(row.astype(int)).max() > 500]
    check(len(loud) > 10 and all(row.size == 960 for row in rows), f"the answer is heard ({len(rows)} frames of 60 ms)")
    kinds = [m.get("state") or m["type"] for m in device.told if m["type"] in ("stt", "tts", "llm")]
    check(kinds[0] == "stt" and kinds.count("start") == kinds.count("stop") == 1, "one bracket around it, stt first")
    sentences, _ = await device.answer("take a photo")
    check(device.questions and sentences and sentences[0].startswith("I see a picture of 640 by 480") and "red" in sentences[1],
          "a photo is asked for, uploaded, described")
    device.told.clear()
    await say(device, spoken("what time is it"))
    heard = await device.until(lambda m: m["type"] == "stt")
    check(heard and heard["text"] == "what time is it", "speech is understood, silence in a burst ends it")
    sentences, _ = await device.answer()
    check(sentences and "It is" in sentences[0], "and answered")
    device.told.clear()
    await client.send_text("what can you do")
    await device.until(lambda m: m.get("state") == "sentence_start")
    await client.send_abort()
    check(await device.until(lambda m: m.get("state") == "stop"), "an abort ends the answer")
    check(not complaints, f"the package found nothing wrong {complaints[:3]}")
    await client.close()


async def test_short_frames(server):
    device = Device(server, frame_ms=20)
    check(await device.open() and device.client.audio_opus.xiaozhi_out_frame_size == 480, "20 ms up: 20 ms down")
    sentences, rows = await device.answer("hello")
    check(sentences and len(rows) > 15 and all(row.size == 320 for row in rows), "an answer in frames of 20 ms")
    check(not complaints, f"the package found nothing wrong {complaints[:3]}")
    await device.client.close()


async def test_refusals():
    with Server("--auth-token", "s3cret") as server:
        device = Device(server)
        check(not await device.open(), "without the token: refused, and it says so")
        complaints.clear()
    with Server() as server:
        device = Device(server)
        await device.open()
        await device.client.send_text("what can you do")
        await device.until(lambda m: m.get("state") == "sentence_start")
        server.process.send_signal(signal.SIGKILL)
        check(await device.until(lambda m: m["type"] == "websocket" and m["state"] == "close"), "a server that dies is noticed")
        await device.client.close()
        complaints.clear()


async def test_activation():
    with Server("--device-activation", "--admin-token", "admin") as server:
        device = Device(server)
        opening = asyncio.create_task(device.open())
        code = None
        for _ in range(PATIENCE * 50):
            if match := re.search(r"code=(\d{6})", "".join(server.log)):
                code = match.group(1)
                break
            await asyncio.sleep(0.02)
        await opening
        check(code and server.post("/devices", {"code": code})["device"] == MAC, "the code it is given activates it")
        told = [m.get("text") for m in device.told]
        check(await device.until(lambda m: m.get("text") == "Hello!" and m["type"] == "tts"),
              "it polls, connects by itself and is answered")
        check("Hello!" not in told, "and was not before")
        await device.client.close()


async def main():
    logging.getLogger("xiaozhi_sdk").addHandler(Complaints(logging.ERROR))
    with Server() as server:
        await test_conversation(server)
        await test_short_frames(server)
    await test_refusals()
    await test_activation()
    print(f"xiaozhi-sdk {xiaozhi_sdk.__version__}")
    print(f"{sum(verdicts)} passed, {len(verdicts) - sum(verdicts)} failed")
    sys.exit(0 if all(verdicts) else 1)


asyncio.run(main())
