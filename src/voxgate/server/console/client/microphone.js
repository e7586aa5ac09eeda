/** The microphone, as 20 ms frames of 16 kHz s16le. */
import { VoxgateError, checkSecureContext } from "./errors.js";

const TROUBLES = {
  NotAllowedError: [
    "microphone_denied",
    "The microphone is not allowed here. Allow it in the browser's site settings, next to the address.",
  ],
  SecurityError: ["microphone_denied", "The browser does not let this page use a microphone."],
  NotFoundError: ["microphone_missing", "There is no microphone. Plug one in, and try again."],
  OverconstrainedError: ["microphone_missing", "The chosen microphone is not there any more."],
  NotReadableError: [
    "microphone_busy",
    "The microphone cannot be opened: another program may be using it, or the system keeps it from the browser.",
  ],
  AbortError: ["microphone_busy", "The microphone could not be started."],
};
const RESUME_MS = 700;

/**
 * Events:
 * - `frame`: `detail.samples` is an Int16Array of 320 samples, `detail.rms` and `detail.peak` its level, 0 to 1
 * - `lost`: the microphone was unplugged, or its permission taken away; `detail` is a `VoxgateError`
 * - `held`, `flowing`: the system or a switch on the device silences it, or lets it go on
 * - `suspended`: the browser holds back the audio context until `resume()` is called in answer to a gesture
 */
export class Microphone extends EventTarget {
  /** @param {{deviceId?: string}} [options] */
  constructor({ deviceId } = {}) {
    super();
    this._deviceId = deviceId;
  }

  /**
   * Ask for the microphone, and open it. Call it in answer to a click or key.
   *
   * @throws {VoxgateError} `insecure_context`, `microphone_denied`, `microphone_missing`, `microphone_busy`
   */
  async start() {
    checkSecureContext();
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new VoxgateError("microphone_missing", "This browser gives pages no microphone.");
    }
    this._stream = await this._ask();
    if (this._stopped) {
      await this.stop();
      throw new VoxgateError("microphone_busy", "The microphone was given back before it was open.");
    }
    const [track] = this._stream.getAudioTracks();
    track.onended = () => this._lose();
    track.onmute = () => this.dispatchEvent(new Event("held"));
    track.onunmute = () => this.dispatchEvent(new Event("flowing"));
    try {
      await this._open();
    } catch (cause) {
      await this.stop();
      throw new VoxgateError("microphone_busy", "The microphone's sound cannot be read.", { cause });
    }
  }

  async _ask() {
    try {
      return await navigator.mediaDevices.getUserMedia({
        audio: {
          channelCount: 1,
          echoCancellation: true,
          noiseSuppression: true,
          autoGainControl: true,
          ...(this._deviceId ? { deviceId: { exact: this._deviceId } } : {}),
        },
      });
    } catch (cause) {
      const [code, message] = TROUBLES[cause.name] ?? ["microphone_busy", "The microphone cannot be opened."];
      throw new VoxgateError(code, message, { cause });
    }
  }

  async _open() {
    // At the microphone's own rate: some browsers refuse to connect a microphone to a context of another.
    this.context = new AudioContext({ latencyHint: "interactive" });
    await this.context.audioWorklet.addModule(new URL("./microphone-worklet.js", import.meta.url));
    const source = this.context.createMediaStreamSource(this._stream);
    this._node = new AudioWorkletNode(this.context, "voxgate-microphone", { outputChannelCount: [1] });
    this._node.port.onmessage = ({ data }) => this.dispatchEvent(new CustomEvent("frame", { detail: data }));
    // Its output is silence; but what leads nowhere is not run.
    source.connect(this._node).connect(this.context.destination);
    this.context.onstatechange = () => {
      if (this.suspended) this.dispatchEvent(new Event("suspended"));
    };
    await this.resume();
  }

  /** Go on, where the browser had suspended the audio context. */
  async resume() {
    const context = this.context;
    if (!context || context.state === "closed") return;
    await Promise.race([context.resume(), new Promise((done) => setTimeout(done, RESUME_MS))]);
    if (this.suspended) this.dispatchEvent(new Event("suspended"));
  }

  get suspended() {
    return Boolean(this.context) && this.context.state !== "running" && this.context.state !== "closed";
  }

  /** The microphone that is open, as the browser names it; with a permission only. */
  get label() {
    return this._stream?.getAudioTracks()[0]?.label ?? "";
  }

  /** Which of `navigator.mediaDevices.enumerateDevices()` is open. */
  get deviceId() {
    return this._stream?.getAudioTracks()[0]?.getSettings().deviceId ?? "";
  }

  /** Send silence instead of what is heard, or stop doing so. */
  set muted(muted) {
    for (const track of this._stream?.getAudioTracks() ?? []) track.enabled = !muted;
  }

  get muted() {
    return this._stream?.getAudioTracks()[0]?.enabled === false;
  }

  /** Give the microphone back; the browser's own sign of it goes out. */
  async stop() {
    this._stopped = true;
    for (const track of this._stream?.getTracks() ?? []) {
      track.onended = track.onmute = track.onunmute = null;
      track.stop();
    }
    this._node?.port.postMessage("close");
    this._node?.disconnect();
    this._node = this._stream = undefined;
    if (this.context) {
      this.context.onstatechange = null;
      this._closing ??= this.context.close();
    }
    await this._closing;
  }

  _lose() {
    const error = new VoxgateError(
      "microphone_lost",
      "The microphone was unplugged, or its permission was taken away.",
    );
    this.dispatchEvent(new CustomEvent("lost", { detail: error }));
  }
}
