/** Text to sound: one connection, one decoder, one loudspeaker. */
import { openDecoder } from "./decoders.js";
import { Player } from "./player.js";

/**
 * What `Voxgate.speak` gives: speech that is on its way.
 *
 * Events:
 * - `sent`, `frame`: every frame of the wire, as `SpeechSocket` tells them
 * - `samples`: `detail` is an Int16Array of what will be heard
 * - `timing`: `timings` has learnt something
 * - `progress`: `detail` is the loudspeaker's `Progress`
 * - `suspended`, `running`: the browser holds the sound back, or lets it go; see `resume()`
 *
 * @typedef {object} Timings milliseconds, undefined until known
 * @property {number} [connected] from asking for a token until the connection was open
 * @property {number} [firstAudio] from the first text sent until the first audio came
 * @property {number} [server] the server's own share of that
 * @property {number} [heard] from the first text sent until the first sample was played
 * @property {number} [silent] from `interrupt()` until nothing was heard
 */
export class Speaking extends EventTarget {
  /**
   * @param {string | AsyncIterable<string>} text
   * @param {import("./speech.js").SpeechOptions & {jitterMs?: number}} options
   * @param {() => Promise<import("./speech.js").SpeechSocket>} open gets a token, and connects
   */
  constructor(text, options, open) {
    super();
    /** @type {Timings} */
    this.timings = {};
    this.interrupted = false;
    this._player = new Player(options);
    this._silent = Promise.resolve();
    for (const name of ["progress", "suspended", "running"]) {
      this._player.addEventListener(name, (event) => this._forward(event));
    }
    this._player.addEventListener("playing", () => this._time("heard", this._began));
    /** Resolves when all was heard, or it was interrupted; rejects with a `VoxgateError`. */
    this.done = this._run(text, options, open).finally(() => this._player.close());
    this.done.catch(() => {}); // whoever wants to know awaits `done`; nobody has to
  }

  /** Stop at once: the server is told, and what is here already is not played. */
  interrupt() {
    if (this.interrupted) return;
    this.interrupted = true;
    const began = performance.now();
    this._socket?.interrupt();
    this._decoder?.reset();
    this._silent = this._player.clear().then(() => this._time("silent", began));
    this._stop?.();
  }

  /** Let the sound out; call it in answer to a click or key after `suspended`. */
  resume() {
    return this._player.resume();
  }

  async _run(text, options, open) {
    const asked = performance.now();
    const opening = open();
    opening.then(() => this._time("connected", asked), () => {});
    try {
      [this._socket] = await Promise.all([opening, this._player.start()]);
    } catch (error) {
      opening.then((socket) => socket.close(), () => {});
      throw error;
    }
    const closed = this._listen(options);
    const writing = this._write(text);
    await closed;
    await writing;
    if (this.interrupted) await this._silent;
    else await this._playOut();
  }

  /** Resolves when the connection is over, rejects when it broke. */
  _listen({ format = "linear16", sampleRate = 24_000 }) {
    const socket = this._socket;
    return new Promise((resolve, reject) => {
      const fail = (error) => {
        socket.close();
        this._player.clear();
        reject(error);
      };
      this._decoder = openDecoder(format, sampleRate, (samples) => this._give(samples), fail);
      this._stop = () => {
        socket.end();
        resolve();
      };
      socket.addEventListener("sent", (event) => this._forward(event));
      socket.addEventListener("frame", (event) => this._hear(event));
      socket.addEventListener("close", ({ detail: { error } }) => (error ? fail(error) : resolve()));
      if (this.interrupted) this._stop();
    });
  }

  async _write(text) {
    const pieces = typeof text === "string" ? [text] : text;
    for await (const piece of pieces) {
      if (this.interrupted || !this._socket.isOpen) return;
      this._began ??= performance.now();
      this._socket.say(piece);
    }
    if (!this.interrupted) this._socket.end();
  }

  _hear(event) {
    const { frame, audio } = event.detail;
    if (audio !== null && this.timings.firstAudio === undefined) this._time("firstAudio", this._began);
    if (frame.timeToFirstAudioFrameMs !== undefined && this.timings.server === undefined) {
      this.timings.server = frame.timeToFirstAudioFrameMs;
      this.dispatchEvent(new Event("timing"));
    }
    this._forward(event);
    // What was on its way when the server read of the interruption is not to be heard any more.
    if (audio !== null && !this.interrupted) this._decoder.feed(audio);
  }

  _give(samples) {
    if (this.interrupted) return;
    this.dispatchEvent(new CustomEvent("samples", { detail: samples }));
    this._player.feed(samples);
  }

  async _playOut() {
    await this._decoder.finish();
    const drained = new Promise((resolve) => {
      this._player.addEventListener("drained", resolve, { once: true });
      this._stop = resolve;
    });
    this._player.end();
    await drained;
    await this._silent;
  }

  _time(name, since) {
    this.timings[name] ??= performance.now() - since;
    this.dispatchEvent(new Event("timing"));
  }

  _forward({ type, detail }) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
