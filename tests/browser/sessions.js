// Runs in the page: the smallest WHIP publisher and WHEP player, with times and statistics.
// Deliberately not the console's client: the relay has to work with one that shares no code with it.
globalThis.sessions = (() => {
  const open = new Map();
  let last = 0;

  const gathered = (pc) =>
    new Promise((done) => {
      if (pc.iceGatheringState === 'complete') done();
      pc.addEventListener('icegatheringstatechange', () => pc.iceGatheringState === 'complete' && done());
    });

  async function offer(pc, url, token) {
    await pc.setLocalDescription();
    await gathered(pc);
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp', ...(token ? { Authorization: `Bearer ${token}` } : {}) },
      body: pc.localDescription.sdp,
    });
    const body = await answer.text();
    if (answer.status !== 201) throw new Error(`${url}: ${answer.status} ${body}`);
    await pc.setRemoteDescription({ type: 'answer', sdp: body });
    return new URL(answer.headers.get('Location'), url).href;
  }

  function keep(session) {
    last += 1;
    open.set(last, session);
    return last;
  }

  // A quarter, a half and the whole of the picture, lowest first.
  const LAYERS = [
    { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 120_000 },
    { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 350_000 },
    { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 1_200_000 },
  ];

  /** Publishes the fake camera and microphone by WHIP, video in this codec only, in three layers if asked. */
  async function publish({ url, token, codec, layers = false, width = 640, height = 360, frameRate = 15 }) {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width, height, frameRate } });
    const pc = new RTCPeerConnection();
    for (const track of stream.getTracks()) {
      const sendEncodings = layers && track.kind === 'video' ? LAYERS : undefined;
      const transceiver = pc.addTransceiver(track, { direction: 'sendonly', streams: [stream], sendEncodings });
      if (track.kind !== 'video' || !codec) continue;
      const wanted = [`video/${codec}`, 'video/rtx'].map((name) => name.toLowerCase());
      transceiver.setCodecPreferences(
        RTCRtpSender.getCapabilities('video').codecs.filter(({ mimeType }) => wanted.includes(mimeType.toLowerCase())),
      );
    }
    const location = await offer(pc, url, token);
    return { session: keep({ pc, location, token, stream }), location };
  }

  /** Plays one picture and one sound by WHEP; resolves when the answer is set. */
  async function play({ url, token }) {
    const asked = performance.now();
    const pc = new RTCPeerConnection();
    const session = { pc, token, asked, firstPictureMs: null };
    for (const kind of ['video', 'audio']) pc.addTransceiver(kind, { direction: 'recvonly' });
    pc.addEventListener('track', ({ track }) => (track.kind === 'video' ? show(session, track) : hear(track)));
    session.location = await offer(pc, url, token);
    return { session: keep(session), location: session.location };
  }

  function show(session, track) {
    const video = document.createElement('video');
    Object.assign(video, { muted: true, autoplay: true, playsInline: true, srcObject: new MediaStream([track]) });
    document.body.append(video);
    video.requestVideoFrameCallback((now) => {
      session.firstPictureMs ??= now - session.asked;
    });
  }

  // Sound that nothing plays is thrown away before it is counted.
  function hear(track) {
    const audio = document.createElement('audio');
    Object.assign(audio, { autoplay: true, srcObject: new MediaStream([track]) });
    document.body.append(audio);
  }

  /** What the browser knows about a session: its transport, and every RTP stream in m-line order. */
  async function statistics({ session }) {
    const { pc, firstPictureMs } = open.get(session);
    const all = [...(await pc.getStats()).values()];
    const transport = all.find(({ type }) => type === 'transport');
    const codec = (id) => all.find((entry) => entry.id === id)?.mimeType;
    const streams = all
      .filter(({ type }) => type === 'inbound-rtp' || type === 'outbound-rtp')
      .map((entry) => ({ ...entry, codec: codec(entry.codecId) }));
    const pair = all.find(({ id }) => id === transport?.selectedCandidatePairId);
    return {
      state: pc.connectionState,
      availableOutgoingBitrate: pair?.availableOutgoingBitrate,
      srtpCipher: transport?.srtpCipher,
      firstPictureMs,
      streams,
    };
  }

  /** Asks the relay for another layer of the picture; answers with the status. */
  async function layer({ session, layer }) {
    const { location, token } = open.get(session);
    const answer = await fetch(`${location}/layer`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...(token ? { Authorization: `Bearer ${token}` } : {}) },
      body: JSON.stringify({ layer }),
    });
    return { status: answer.status };
  }

  /** Ends a session by DELETE, as a polite client does; answers with the status. */
  async function close({ session }) {
    const { pc, location, token, stream } = open.get(session);
    open.delete(session);
    const answer = await fetch(location, {
      method: 'DELETE',
      headers: token ? { Authorization: `Bearer ${token}` } : {},
    });
    pc.close();
    stream?.getTracks().forEach((track) => track.stop());
    return { status: answer.status };
  }

  return { publish, play, statistics, layer, close };
})();
