"""Publishes by WHIP and plays by WHEP with aiortc; prints what it saw as one JSON line.

    publish_and_play.py WHIP_URL WHIP_TOKEN WHEP_URL WHEP_TOKEN CODEC FRAMES
"""

import asyncio
import json
import sys
import time
import urllib.error
import urllib.request

import av
from aiortc import RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import AudioStreamTrack
from aiortc.rtcrtpsender import RTCRtpSender

DEADLINE_S = 60


class Stripes(VideoStreamTrack):
    """Moving stripes: every frame differs, so a decoder that repeats one is found out."""

    def __init__(self):
        super().__init__()
        self.count = 0

    async def recv(self):
        timestamp, time_base = await self.next_timestamp()
        frame = av.VideoFrame(320, 180, "yuv420p")
        for plane in frame.planes:
            row = bytes(64 + (3 * self.count + x) % 128 for x in range(plane.line_size))
            plane.update(row * plane.height)
        frame.pts, frame.time_base = timestamp, time_base
        self.count += 1
        return frame


def post(url, token, sdp):
    request = urllib.request.Request(
        url,
        data=sdp.encode(),
        headers={"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers["Location"], answer.read().decode()
    except urllib.error.HTTPError as refusal:
        raise SystemExit(f"{url}: {refusal.code} {refusal.read().decode()}\n{sdp}") from refusal


async def negotiate(pc, url, token):
    await pc.setLocalDescription(await pc.createOffer())
    status, location, sdp = await asyncio.to_thread(post, url, token, pc.localDescription.sdp)
    if status != 201 or not location:
        raise SystemExit(f"{url}: {status}, location {location}")
    await pc.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="answer"))


async def publish(url, token, codec):
    pc = RTCPeerConnection()
    pc.addTrack(AudioStreamTrack())
    pc.addTrack(Stripes())
    for transceiver in pc.getTransceivers():
        if transceiver.kind == "video":
            known = RTCRtpSender.getCapabilities("video").codecs
            transceiver.setCodecPreferences(
                [one for one in known if one.mimeType == f"video/{codec}"]
            )
        transceiver.direction = "sendonly"
    await negotiate(pc, url, token)
    return pc


async def play(url, token, frames_wanted):
    pc = RTCPeerConnection()
    tracks = asyncio.Queue()
    pc.on("track", tracks.put_nowait)
    pc.addTransceiver("video", direction="recvonly")
    pc.addTransceiver("audio", direction="recvonly")
    started = time.monotonic()
    await negotiate(pc, url, token)
    by_kind = {track.kind: track for track in [await tracks.get(), await tracks.get()]}
    first_ms, pictures = None, set()
    for _ in range(frames_wanted):
        frame = await by_kind["video"].recv()
        first_ms = first_ms or 1000 * (time.monotonic() - started)
        pictures.add(bytes(frame.planes[0])[: frame.width])
    sound = await by_kind["audio"].recv()
    return pc, {
        "first_picture_ms": round(first_ms),
        "different_pictures": len(pictures),
        "width": frame.width,
        "sound_samples": sound.samples,
    }


def transport(pc):
    return pc.getTransceivers()[0].receiver.transport


async def main(whip, whip_token, whep, whep_token, codec, frames):
    publisher = await publish(whip, whip_token, codec)
    player, seen = await play(whep, whep_token, int(frames))
    seen["states"] = [publisher.connectionState, player.connectionState]
    seen["dtls"] = [transport(pc).state for pc in (publisher, player)]
    await asyncio.gather(publisher.close(), player.close())
    print(json.dumps(seen))


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), DEADLINE_S))
