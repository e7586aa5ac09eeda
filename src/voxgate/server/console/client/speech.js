/** The text-to-speech WebSocket: text in while it is being written, audio out while it is being made. */
import { VoxgateError } from "./errors.js";
import { fromBase64 } from "./pcm.js";

const PATH = "v2/text-to-speech/speech";
const NORMAL = 1000;

/**
 * @typedef {object} SpeechOptions
 * @property {string} [voice] such as `Telnyx.NaturalHD.astra`
 * @property {string} [format] `linear16`, `wav`, `mp3`, `mulaw`, `alaw` or `ogg_vorbis`
 * @property {number} [sampleRate] in Hz
 * @property {string} [language] BCP-47
 * @property {boolean} [disableCache]
 * @property {object} [voiceSettings] the voice's own settings
 */

/**
 * One connection; open it with `SpeechSocket.open`.
 *
 * Events:
 * - `sent`: `detail` is the frame, as an object
 * - `frame`: `detail.frame` is what came, `detail.audio` its audio as a Uint8Array or null
 * - `final`: all that was asked for has been sent
 * - `close`: `detail.error` is a `VoxgateError`, or null when all went well
 */
export class SpeechSocket extends EventTarget {
  /**
   * @param {URL} server
   * @param {string} token for this connection
   * @param {SpeechOptions} options
   * @returns {Promise<SpeechSocket>}
   * @throws {VoxgateError} `refused`: browsers do not tell a page why an upgrade was refused
   */
  static open(server, token, options) {
    const url = address(server, options);
    url.protocol = url.protocol.replace("http", "ws");
    url.searchParams.set("token", token);
    return new Promise((resolve, reject) => {
      const webSocket = new WebSocket(url);
      webSocket.onopen = () => resolve(new SpeechSocket(webSocket, options.voiceSettings));
      webSocket.onclose = () => reject(refused());
    });
  }

  constructor(webSocket, voiceSettings) {
    super();
    this._webSocket = webSocket;
    this._init = voiceSettings ? { text: " ", voice_settings: voiceSettings } : { text: " " };
    this._error = null;
    webSocket.onmessage = ({ data }) => this._receive(data);
    webSocket.onclose = ({ code }) => this._closed(code);
  }

  /** Hand over text. It is spoken sentence by sentence, as sentences become whole. */
  say(text) {
    // Empty text would end the session.
    if (text !== "") this._send({ text });
  }

  /** Speak what waits for the end of its sentence now. */
  flush() {
    this._send({ text: " ", flush: true });
  }

  /** Drop all speech, made or not; the connection stays open for more text. */
  interrupt() {
    this._send({ force: true });
  }

  /** No more text: the rest is spoken, then the server closes. */
  end() {
    this._send({ text: "" });
  }

  /** Leave at once. */
  close() {
    this._webSocket.close(NORMAL);
  }

  get isOpen() {
    return this._webSocket.readyState === WebSocket.OPEN;
  }

  _send(frame) {
    if (!this.isOpen) return;
    if (this._init !== null) {
      const init = this._init; // must be the first frame
      this._init = null;
      this._send(init);
    }
    this._webSocket.send(JSON.stringify(frame));
    this.dispatchEvent(new CustomEvent("sent", { detail: frame }));
  }

  _receive(data) {
    const frame = JSON.parse(data);
    if (typeof frame.error === "string") {
      this._error = new VoxgateError("speech_failed", `${frame.error}.`, { retryable: true });
    }
    const audio = frame.audio ? fromBase64(frame.audio) : null;
    this.dispatchEvent(new CustomEvent("frame", { detail: { frame, audio } }));
    if (frame.isFinal) this.dispatchEvent(new Event("final"));
  }

  _closed(code) {
    const error = this._error ?? (code === NORMAL ? null : connectionLost(code));
    this.dispatchEvent(new CustomEvent("close", { detail: { code, error } }));
  }
}

/** Where the connection is opened, as an HTTP address; asked with GET, it tells why it would be refused. */
export function address(server, { voice, format = "linear16", sampleRate = 24_000, language, disableCache }) {
  const url = new URL(PATH, server);
  const query = {
    voice,
    audio_format: format,
    sample_rate: sampleRate,
    language,
    disable_cache: disableCache || undefined,
  };
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  return url;
}

const refused = () =>
  new VoxgateError(
    "refused",
    "The server refused the connection. Browsers do not say why: it may be the token, the voice, its format or " +
      "rate, or this page’s origin; or the server is about to stop.",
  );

const connectionLost = (closeCode) =>
  new VoxgateError("connection_lost", "The connection was lost.", { retryable: true, closeCode });
