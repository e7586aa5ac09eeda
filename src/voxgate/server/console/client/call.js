/** A conversation with microphone and loudspeaker. */
import { Conversation } from "./conversation.js";
import { VoxgateError } from "./errors.js";
import { Microphone } from "./microphone.js";
import { Player } from "./player.js";

const RATE_HZ = 16_000;
/** Of the agent's voice that may wait; a page that slept does not go on talking about the past. */
const MAX_WAITING_S = 2;
/** A microphone that gives nothing at all for so long, from the beginning, is switched off somewhere. */
const DEAD_MS = 3000;
const FRAME_MS = 20;

/**
 * What `Voxgate.talk` gives.
 *
 * Events:
 * - `state`: `state` has changed: `opening`, `listening`, `hearing`, `thinking`, `speaking` or `ended`
 * - `level`: `detail.rms` and `detail.peak` of the microphone, every 20 ms
 * - `event`: `detail` is a message of the server: `transcript`, `agent_text`, `turn_latency`, `interrupted`, ...
 * - `samples`: `detail` is an Int16Array of the agent's voice
 * - `progress`: `detail` is the loudspeaker's `Progress`
 * - `suspended`, `running`: the browser holds sound back, or lets it go; see `resume()`
 * - `trouble`: `detail` is a `VoxgateError`; the call goes on (`microphone_silent`, `microphone_held`,
 *   `uplink_slow`)
 * - `mended`: `detail` is the code of a trouble that is over
 */
export class Call extends EventTarget {
  /**
   * @param {{deviceId?: string}} options
   * @param {URL} server
   * @param {() => Promise<{token: string, ws_url?: string}>} getToken
   */
  constructor(options, server, getToken) {
    super();
    this.state = "opening";
    this._microphone = new Microphone(options);
    this._player = new Player({ sampleRate: RATE_HZ, maxS: MAX_WAITING_S });
    this._deadFor = 0;
    this._hangUp = new AbortController();
    this._over = new Promise((resolve, reject) => {
      this._finish = resolve;
      this._fail = reject;
    });
    /** Resolves when the agent listens; rejects with a `VoxgateError`. */
    this.ready = this._open(server, getToken);
    this.ready.catch((error) => this._fail(error));
    /** Resolves with the server's reason when the call is over; rejects with a `VoxgateError`. */
    this.ended = this._over.finally(() => this._release());
    this.ended.catch(() => {}); // whoever wants to know awaits it; nobody has to
  }

  /** Hang up. */
  end() {
    this._hangUp.abort();
    this._finish("hung_up");
  }

  /** Let sound in and out; call it in answer to a click or key after `suspended`. */
  async resume() {
    await Promise.all([this._player.resume(), this._microphone.resume()]);
  }

  set muted(muted) {
    this._microphone.muted = muted;
  }

  get muted() {
    return this._microphone.muted;
  }

  /** The microphone in use, as the browser names it. */
  get microphone() {
    return { label: this._microphone.label, deviceId: this._microphone.deviceId };
  }

  /**
   * Go on with another microphone; the one in use stays when that fails.
   *
   * @param {string} deviceId of `navigator.mediaDevices.enumerateDevices()`
   */
  async useMicrophone(deviceId) {
    const next = new Microphone({ deviceId });
    await next.start();
    next.muted = this.muted;
    const before = this._microphone;
    this._microphone = next;
    this._deadFor = 0;
    this._connectMicrophone(next);
    await before.stop();
    if (this.state === "ended") await next.stop();
  }

  async _open(server, getToken) {
    this._connectMicrophone(this._microphone);
    this._connectPlayer();
    // Both at once, while the browser still remembers the click.
    await Promise.all([this._player.start(), this._microphone.start()]);
    const token = await getToken();
    if (this._hangUp.signal.aborted) throw new VoxgateError("hung_up", "The call was ended.");
    const conversation = await Conversation.open(server, token, this._hangUp.signal);
    this._conversation = conversation;
    conversation.addEventListener("audio", ({ detail }) => this._speak(detail));
    conversation.addEventListener("event", (event) => this._told(event));
    conversation.addEventListener("slow", () =>
      this._trouble("uplink_slow", "The connection is too slow for the microphone; the agent hears gaps."),
    );
    conversation.addEventListener("swift", () => this._mended("uplink_slow"));
    conversation.addEventListener("close", ({ detail: { reason, error } }) =>
      error ? this._fail(error) : this._finish(reason),
    );
    this._become("listening");
  }

  _connectMicrophone(microphone) {
    microphone.addEventListener("frame", ({ detail }) => this._hear(detail));
    microphone.addEventListener("lost", ({ detail }) => this._fail(detail));
    microphone.addEventListener("held", () =>
      this._trouble("microphone_held", "The microphone is switched off, on the device or by the system."),
    );
    microphone.addEventListener("flowing", () => this._mended("microphone_held"));
    microphone.addEventListener("suspended", () => this.dispatchEvent(new Event("suspended")));
  }

  _connectPlayer() {
    const player = this._player;
    player.addEventListener("suspended", () => this.dispatchEvent(new Event("suspended")));
    player.addEventListener("running", () => this.dispatchEvent(new Event("running")));
    player.addEventListener("playing", () => this._become("speaking"));
    player.addEventListener("progress", ({ detail }) => {
      this.dispatchEvent(new CustomEvent("progress", { detail }));
      if (!detail.playing && this.state === "speaking") this._become("listening");
    });
  }

  _hear({ samples, rms, peak }) {
    if (peak > 0) {
      if (this._deadFor >= DEAD_MS) this._mended("microphone_silent");
      this._deadFor = -Infinity; // it works; some give nothing between words
    } else if (!this.muted) {
      this._deadFor += FRAME_MS;
      if (this._deadFor === DEAD_MS) {
        this._trouble("microphone_silent", "The microphone gives no sound at all. Is it switched off?");
      }
    }
    this.dispatchEvent(new CustomEvent("level", { detail: { rms, peak } }));
    this._conversation?.send(samples);
  }

  _speak(samples) {
    this.dispatchEvent(new CustomEvent("samples", { detail: samples }));
    this._player.feed(samples);
  }

  _told({ detail }) {
    switch (detail.type) {
      case "speech_started":
        // While the agent speaks this may be a cough: it goes on until the server calls it an interruption.
        if (this.state !== "speaking") this._become("hearing");
        break;
      case "speech_stopped":
        if (this.state === "hearing") this._become("thinking");
        break;
      case "interrupted":
        this._player.clear();
        this._become("hearing");
        break;
      default:
    }
    this.dispatchEvent(new CustomEvent("event", { detail }));
  }

  _trouble(code, message) {
    this.dispatchEvent(new CustomEvent("trouble", { detail: new VoxgateError(code, message) }));
  }

  _mended(code) {
    this.dispatchEvent(new CustomEvent("mended", { detail: code }));
  }

  _become(state) {
    if (this.state === state || this.state === "ended") return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  async _release() {
    this._become("ended");
    this._hangUp.abort();
    await Promise.all([this._microphone.stop(), this._player.close()]);
  }
}
