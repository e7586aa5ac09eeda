/** The view that talks. */
import { byId, element, onNextPicture, say } from "./dom.js";
import { Transcript } from "./transcript.js";
import { hideSuspended, hideTrouble, hideTroubleOf, showSuspended, showTrouble } from "./trouble.js";
import { Turns } from "./turns.js";

const STATES = {
  opening: ["Connecting…", "Allow the microphone if the browser asks."],
  listening: ["Listening", "Say something."],
  hearing: ["Hearing you", "Take your time: a pause ends your turn."],
  thinking: ["Thinking", ""],
  speaking: ["Speaking", "Speak up to interrupt."],
};
const REASONS = {
  agent_disconnected: "The agent hung up.",
  room_closed: "The session was closed.",
  server_shutdown: "The server is about to stop.",
  hung_up: "You hung up.",
};
const METER_EVERY_MS = 500;
const FLOOR_DB = -60;

export class TalkView {
  constructor(session) {
    this._session = session;
    this._call = null;
    this._level = this._agentLevel = 0;
    this._note = byId("talk-trouble");
    this._transcript = new Transcript(byId("transcript"), byId("transcript-scroll"), byId("transcript-empty"));
    this._turns = new Turns(byId("turns"));
    this._showLevel = onNextPicture(() => this._paintLevel());
    byId("call-start").addEventListener("click", () => this._start());
    byId("call-end").addEventListener("click", () => this._call?.end());
    byId("call-mute").addEventListener("click", () => this._mute());
    byId("microphone").addEventListener("change", () => this._changeMicrophone());
  }

  begin() {}

  show() {
    if (!globalThis.isSecureContext) {
      showTrouble(this._note, { code: "insecure_context", message: "Browsers give the microphone to secure pages only." });
    } else if (!this._call) {
      this._tellPermission();
    }
  }

  hide() {}

  end() {
    this._call?.end();
  }

  async _tellPermission() {
    const permission = await navigator.permissions?.query({ name: "microphone" }).catch(() => null);
    if (this._call || !permission) return;
    const about = {
      denied: "The microphone is blocked for this page: allow it in the site settings, beside the address.",
      granted: "The microphone is allowed for this page.",
    };
    say(byId("call-about"), about[permission.state] ?? "The browser will ask for the microphone.");
  }

  async _start() {
    hideTrouble(this._note);
    this._transcript.begin();
    this._turns.begin();
    const call = this._session.voxgate.talk({ deviceId: byId("microphone").value || undefined });
    this._call = call;
    this._session.onAir(true);
    this._listen(call);
    this._showState();
    this._showButtons();
    call.ready.then(() => this._listMicrophones(), () => {});
    try {
      this._over(REASONS[await call.ended] ?? "The call is over.");
    } catch (error) {
      this._over("The call broke off.");
      showTrouble(this._note, error, { label: "Try again", run: () => this._start() });
    }
  }

  _listen(call) {
    call.addEventListener("state", () => this._showState());
    call.addEventListener("level", ({ detail }) => {
      this._level = detail.rms;
      this._showLevel();
    });
    call.addEventListener("samples", ({ detail }) => {
      this._agentLevel = loudness(detail);
    });
    call.addEventListener("event", ({ detail }) => this._told(detail));
    call.addEventListener("trouble", ({ detail }) => showTrouble(this._note, detail));
    call.addEventListener("mended", ({ detail }) => hideTroubleOf(this._note, detail));
    call.addEventListener("suspended", () => showSuspended(this._note, () => call.resume()));
    call.addEventListener("running", () => hideSuspended(this._note));
  }

  _told(message) {
    switch (message.type) {
      case "transcript":
        if (message.text) this._transcript.heard(message.text);
        break;
      case "agent_text":
        this._transcript.said(message.sentence, message.text);
        break;
      case "interrupted":
        this._transcript.interrupted();
        break;
      case "turn_latency":
        this._turns.add(message);
        break;
      case "audio_mistake":
        showTrouble(this._note, {
          message: `The microphone’s audio looks wrong to the server: it looks like ${message.looks_like}.`,
        });
        break;
      default:
    }
  }

  _showState() {
    const { state } = this._call;
    byId("orb").dataset.state = state;
    if (!(state in STATES)) return;
    const [told, about] = STATES[state];
    say(byId("call-state"), this._call.muted ? `${told} (muted)` : told);
    say(byId("call-about"), this._call.muted ? "The agent does not hear you." : about);
  }

  _over(reason) {
    this._call = null;
    this._level = 0;
    this._paintLevel();
    this._session.onAir(false);
    byId("orb").dataset.state = "idle";
    say(byId("call-state"), "Not connected");
    say(byId("call-about"), reason);
    this._showButtons();
  }

  _showButtons() {
    const [start, end, mute] = ["call-start", "call-end", "call-mute"].map(byId);
    const hadFocus = [start, end, mute].includes(document.activeElement);
    start.hidden = Boolean(this._call);
    end.hidden = mute.hidden = !this._call;
    mute.setAttribute("aria-pressed", "false");
    mute.textContent = "Mute";
    if (hadFocus) (this._call ? end : start).focus();
  }

  _mute() {
    const muted = !this._call.muted;
    this._call.muted = muted;
    byId("call-mute").setAttribute("aria-pressed", String(muted));
    this._showState();
  }

  async _listMicrophones() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const inputs = devices.filter((device) => device.kind === "audioinput" && device.deviceId);
    const select = byId("microphone");
    select.replaceChildren(
      ...inputs.map((device, at) => element("option", { value: device.deviceId }, device.label || `Microphone ${at + 1}`)),
    );
    select.value = this._call?.microphone.deviceId ?? "";
    byId("microphone-field").hidden = inputs.length < 2;
  }

  async _changeMicrophone() {
    try {
      await this._call?.useMicrophone(byId("microphone").value);
      hideTrouble(this._note);
    } catch (error) {
      showTrouble(this._note, error);
      byId("microphone").value = this._call?.microphone.deviceId ?? "";
    }
  }

  _paintLevel() {
    const share = shareOf(this._level);
    const agentSpeaks = this._call?.state === "speaking";
    byId("orb").style.setProperty("--level", (agentSpeaks ? shareOf(this._agentLevel) : share).toFixed(3));
    const meter = byId("level");
    meter.firstElementChild.style.setProperty("--level", share.toFixed(3));
    if (!this._call || performance.now() - (this._toldLevelAt ?? 0) > METER_EVERY_MS) {
      this._toldLevelAt = performance.now();
      meter.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    }
  }
}

/** Where a level stands between silence and the loudest, as an ear would say. */
function shareOf(level) {
  const db = 20 * Math.log10(Math.max(level, 1e-6));
  return Math.max(0, Math.min(1, 1 - db / FLOOR_DB));
}

function loudness(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / samples.length) / 32768;
}
