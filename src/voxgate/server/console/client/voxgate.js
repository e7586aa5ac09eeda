/**
 * voxgate in the browser.
 *
 *     import { Voxgate } from "https://voice.example.com/voxgate.js";
 *     const voxgate = new Voxgate({ token: async (purpose) => (await fetch(`/token/${purpose}`)).json() });
 *     button.onclick = () => voxgate.speak("Hello!");
 */
import { Call } from "./call.js";
import { VoxgateError } from "./errors.js";
import { ask } from "./rest.js";
import { Speaking } from "./speaking.js";
import { SpeechSocket, address } from "./speech.js";

export { Call } from "./call.js";
export { Conversation } from "./conversation.js";
export { openDecoder, streams } from "./decoders.js";
export { VoxgateError } from "./errors.js";
export { Microphone } from "./microphone.js";
export { Player } from "./player.js";
export { Speaking } from "./speaking.js";
export { SpeechSocket } from "./speech.js";

/** The server that this module came from. */
const HOME = new URL("../../", import.meta.url);

const TOKENS = {
  speech: { path: "v1/tokens", body: { fronts: ["telnyx"] } },
  conversation: { path: "api/v1/sdk/token", body: {} },
};

/**
 * A server, and the right to use it.
 *
 * @typedef {{token: string, ws_url?: string}} Token
 * @typedef {"speech" | "conversation"} Purpose
 */
export class Voxgate {
  /**
   * @param {object} options
   * @param {string | URL} [options.server] where voxgate is; where this module came from when left out
   * @param {(purpose: Purpose) => Promise<Token>} [options.token] asks your own server for a token, which
   *   asks voxgate; called once for each connection
   * @param {string} [options.apiKey] for trusted pages only: whoever can read the page can read the key
   */
  constructor({ server = HOME, token, apiKey }) {
    this.server = new URL(server);
    if (!this.server.pathname.endsWith("/")) this.server.pathname += "/";
    this._apiKey = apiKey;
    this._token = token ?? ((purpose) => this._ownToken(purpose));
  }

  /**
   * Speak a text, whole or in pieces. Call it in answer to a click or key, or the browser keeps the sound back.
   *
   * @param {string | AsyncIterable<string>} text
   * @param {import("./speech.js").SpeechOptions & {jitterMs?: number}} [options]
   * @returns {Speaking}
   */
  speak(text, options = {}) {
    return new Speaking(text, options, () => this.openSpeech(options));
  }

  /**
   * Talk with an agent, with microphone and loudspeaker. Call it in answer to a click or key.
   *
   * @param {{deviceId?: string}} [options]
   * @returns {Call}
   */
  talk(options = {}) {
    return new Call(options, this.server, () => this._tokenFor("conversation"));
  }

  /**
   * Open a text-to-speech connection without a loudspeaker.
   *
   * @param {import("./speech.js").SpeechOptions} [options]
   */
  async openSpeech(options = {}) {
    const { token } = await this._tokenFor("speech");
    try {
      return await SpeechSocket.open(this.server, token, options);
    } catch (refused) {
      if (this._apiKey) await this.get(address(this.server, options)).catch((reason) => raise(reason, refused));
      throw refused;
    }
  }

  /** Every voice. Needs an `apiKey`. */
  async voices() {
    const { voices } = await this.get("v2/text-to-speech/voices");
    return voices;
  }

  /** The server's figures. Needs an `apiKey`. */
  figures() {
    return this.get("v1/figures");
  }

  /** Ask the server for JSON, with the API key. */
  get(path, { signal } = {}) {
    return ask(new URL(path, this.server), { key: this._apiKey, signal });
  }

  async _tokenFor(purpose) {
    const given = await this._token(purpose);
    if (typeof given?.token !== "string") {
      throw new VoxgateError("token_missing", "Your server gave no token.", { retryable: true });
    }
    return given;
  }

  async _ownToken(purpose) {
    const { path, body } = TOKENS[purpose];
    const { token } = await ask(new URL(path, this.server), { method: "POST", key: this._apiKey, body });
    return { token }; // at the address that is known to work: this one
  }
}

const UPGRADE_REQUIRED = 426;

/** Throw what the server says of a refused connection, unless it would take it: then it was something else. */
function raise(reason, refused) {
  throw reason.status === undefined || reason.status === UPGRADE_REQUIRED ? refused : reason;
}
