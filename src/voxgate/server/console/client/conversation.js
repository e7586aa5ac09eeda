/** The voice-agent WebSocket: a token, then 20 ms frames of 16 kHz s16le both ways. */
import { VoxgateError } from "./errors.js";
import { bytesFromSamples, samplesFromBytes } from "./pcm.js";

const PATH = "api/v1/sdk/ws";
const NORMAL = 1000;
/** Two seconds of audio: a connection that is further behind gets no more until it has caught up. */
const MAX_WAITING_BYTES = 64_000;

const CODES = {
  AUTH_TIMEOUT: "token_late",
  INVALID_AUTH: "not_authenticated",
  AUTH_FAILED: "not_authenticated",
  SESSION_SETUP_FAILED: "setup_failed",
};
const RETRYABLE = new Set(["token_late", "setup_failed"]);

/**
 * One session; open it with `Conversation.open`.
 *
 * Events:
 * - `audio`: `detail` is an Int16Array of the agent's voice
 * - `event`: `detail` is a message of the server, such as `{type: "transcript", text: "..."}`
 * - `slow`, `swift`: the connection is too slow for the microphone, and frames are left out; it has caught up
 * - `close`: `detail.reason` is the server's word, `detail.error` a `VoxgateError` or null
 */
export class Conversation extends EventTarget {
  /**
   * @param {URL} server
   * @param {{token: string, ws_url?: string}} given
   * @param {AbortSignal} [signal] ends the attempt
   * @returns {Promise<Conversation>} when the agent listens
   * @throws {VoxgateError} `connection_failed`, `not_authenticated`, `token_late`, `setup_failed`
   */
  static open(server, { token, ws_url: given }, signal) {
    const url = new URL(given ?? new URL(PATH, server));
    url.protocol = url.protocol.replace("http", "ws");
    const webSocket = new WebSocket(url);
    webSocket.binaryType = "arraybuffer";
    const conversation = new Conversation(webSocket);
    signal?.addEventListener("abort", () => webSocket.close(NORMAL));
    return new Promise((resolve, reject) => {
      webSocket.onopen = () => webSocket.send(JSON.stringify({ token, events: true }));
      conversation.addEventListener("event", ({ detail }) => {
        if (detail.type === "agent_ready") resolve(conversation);
      });
      conversation.addEventListener("close", ({ detail }) => {
        reject(detail.error ?? new VoxgateError("setup_failed", "The session ended before it began."));
      });
    });
  }

  constructor(webSocket) {
    super();
    this._webSocket = webSocket;
    this._error = null;
    this._reason = "";
    this._wasConnected = false;
    this._isSlow = false;
    webSocket.onmessage = ({ data }) => this._receive(data);
    webSocket.onclose = ({ code }) => this._closed(code);
  }

  /** Send a frame of the microphone, an Int16Array. */
  send(samples) {
    if (this._webSocket.readyState !== WebSocket.OPEN) return;
    const slow = this._webSocket.bufferedAmount > MAX_WAITING_BYTES;
    if (slow !== this._isSlow) this.dispatchEvent(new Event(slow ? "slow" : "swift"));
    this._isSlow = slow;
    if (!slow) this._webSocket.send(bytesFromSamples(samples));
  }

  /** Hang up. */
  close() {
    this._webSocket.close(NORMAL);
  }

  _receive(data) {
    if (typeof data !== "string") {
      this.dispatchEvent(new CustomEvent("audio", { detail: samplesFromBytes(new Uint8Array(data)) }));
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "connected") this._wasConnected = true;
    if (message.type === "session_ended") this._reason = message.reason;
    if (message.type === "error") {
      const code = CODES[message.code] ?? "server_error";
      this._error = new VoxgateError(code, `${message.message}.`, { retryable: RETRYABLE.has(code) });
    }
    this.dispatchEvent(new CustomEvent("event", { detail: message }));
  }

  _closed(code) {
    const error = this._error ?? (code === NORMAL ? null : this._lost(code));
    this.dispatchEvent(new CustomEvent("close", { detail: { code, reason: this._reason, error } }));
  }

  _lost(closeCode) {
    const details = { retryable: true, closeCode };
    return this._wasConnected
      ? new VoxgateError("connection_lost", "The connection to the agent was lost.", details)
      : new VoxgateError("connection_failed", "The agent's address cannot be reached.", details);
  }
}
