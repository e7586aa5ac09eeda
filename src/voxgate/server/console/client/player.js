/** Plays samples as they come. */
import { VoxgateError, checkSecureContext } from "./errors.js";

/** How long a browser may take to let sound out, before the page is told that it does not. */
const RESUME_MS = 700;

/**
 * A loudspeaker with a jitter buffer.
 *
 * Events:
 * - `progress`: `detail` is a `Progress`
 * - `playing`: the first sample of a stretch of audio is being heard
 * - `drained`: everything that came has been heard
 * - `suspended`: the browser holds sound back until `resume()` is called in answer to a click or key
 * - `running`: sound comes out (again)
 *
 * @typedef {{playedS: number, bufferedS: number, droppedS: number, underruns: number, playing: boolean}} Progress
 */
export class Player extends EventTarget {
  /**
   * @param {{sampleRate?: number, jitterMs?: number, maxS?: number}} [options]
   *   `jitterMs`: audio that is collected before it is played. `maxS`: audio that may wait; of more than
   *   that the oldest is dropped.
   */
  constructor({ sampleRate = 24_000, jitterMs = 60, maxS = 900 } = {}) {
    super();
    this.sampleRate = sampleRate;
    this._options = { jitterMs, maxMs: maxS * 1000 };
    this._clears = new Map();
    this._nextClear = 1;
    this.progress = { playedS: 0, bufferedS: 0, droppedS: 0, underruns: 0, playing: false };
  }

  /**
   * Open the loudspeaker. Call it in answer to a click or key, or the browser keeps the sound back.
   *
   * @throws {VoxgateError} `insecure_context`, `audio_unavailable`
   */
  async start() {
    checkSecureContext();
    try {
      this.context = new AudioContext({ sampleRate: this.sampleRate, latencyHint: "interactive" });
      this.context.onstatechange = () => this._tellState();
      await this.context.audioWorklet.addModule(new URL("./player-worklet.js", import.meta.url));
    } catch (cause) {
      await this.close();
      throw new VoxgateError("audio_unavailable", "The browser cannot open the loudspeaker.", { cause });
    }
    if (this._closing) return;
    this._node = new AudioWorkletNode(this.context, "voxgate-player", {
      numberOfInputs: 0,
      outputChannelCount: [1],
      processorOptions: this._options,
    });
    this._node.port.onmessage = ({ data }) => this._told(data);
    this._node.connect(this.context.destination);
    await this.resume();
  }

  /** Let sound out, if the browser allows it; else there is a `suspended` event. */
  async resume() {
    const context = this.context;
    if (!context || context.state === "closed") return;
    // A browser that waits for a gesture leaves this promise open.
    await Promise.race([context.resume(), new Promise((done) => setTimeout(done, RESUME_MS))]);
    if (context.state !== "running") this.dispatchEvent(new Event("suspended"));
  }

  get suspended() {
    return Boolean(this.context) && this.context.state !== "running" && this.context.state !== "closed";
  }

  /** Play samples (an Int16Array, which is given away) after those before. */
  feed(samples) {
    if (samples.length > 0) this._node?.port.postMessage({ kind: "samples", samples }, [samples.buffer]);
  }

  /** Say that no more comes for now, so that a short rest is not held back. */
  end() {
    this._node?.port.postMessage({ kind: "end" });
  }

  /** Fall silent at once and forget what waits. Resolves when it is silent. */
  clear() {
    if (!this._node || this.suspended) {
      this._node?.port.postMessage({ kind: "clear" });
      return Promise.resolve();
    }
    const id = this._nextClear++;
    const silent = new Promise((done) => this._clears.set(id, done));
    this._node.port.postMessage({ kind: "clear", id });
    return silent;
  }

  /** Give the loudspeaker back. */
  async close() {
    this._node?.port.postMessage({ kind: "close" });
    this._node?.disconnect();
    this._node = undefined;
    for (const done of this._clears.values()) done();
    this._clears.clear();
    if (this.context) {
      this.context.onstatechange = null;
      this._closing ??= this.context.close();
    }
    await this._closing;
  }

  _told({ played, buffered, dropped, underruns, playing, drained, ended, cleared }) {
    const seconds = (samples) => samples / this.sampleRate;
    const began = playing && !this.progress.playing;
    this.progress = {
      playedS: seconds(played),
      bufferedS: seconds(buffered),
      droppedS: seconds(dropped),
      underruns,
      playing,
    };
    if (began) this.dispatchEvent(new Event("playing"));
    this.dispatchEvent(new CustomEvent("progress", { detail: this.progress }));
    if (cleared !== undefined) {
      this._clears.get(cleared)?.();
      this._clears.delete(cleared);
    } else if (drained && ended) {
      // What was handed on is still on its way to the ear, a quarter of a second with some headphones.
      const { baseLatency = 0, outputLatency = 0 } = this.context;
      setTimeout(() => this.dispatchEvent(new Event("drained")), (baseLatency + outputLatency) * 1000);
    }
  }

  _tellState() {
    this.dispatchEvent(new Event(this.context.state === "running" ? "running" : "suspended"));
  }
}
