/** The view that speaks. */
import { streams } from "../client/voxgate.js";
import { Combobox } from "./combobox.js";
import { byId, figure, onNextPicture, say } from "./dom.js";
import { FrameList } from "./frames.js";
import { hideSuspended, hideTrouble, showSuspended, showTrouble } from "./trouble.js";
import { aboutVoice, findVoices, searchable, showVoice } from "./voices.js";
import { Waveform } from "./waveform.js";
import { duration, durationText, milliseconds } from "./words.js";

const FIRST_VOICE = "Telnyx.NaturalHD.astra";
/** About as fast as a language model writes. */
const WORD_EVERY_MS = 60;

export class SpeakView {
  constructor(session) {
    this._session = session;
    this._voices = [];
    this._speaking = null;
    this._waveform = new Waveform(byId("wave"));
    this._frames = new FrameList(byId("frames"), byId("frames-scroll"), byId("frames-count"));
    this._showFigures = onNextPicture(() => this._paintFigures());
    this._voiceBox = new Combobox(byId("voice"), byId("voice-list"), {
      find: (text) => findVoices(this._voices, text),
      value: (voice) => voice.id,
      show: showVoice,
      changed: () => this._tellVoice(),
    });
    byId("speak-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this._speak();
    });
    byId("interrupt").addEventListener("click", () => this._interrupt());
    byId("view-speak").addEventListener("keydown", (event) => this._onKey(event));
    byId("text").addEventListener("input", () => this._countText());
    byId("format").addEventListener("change", () => this._tellFormat());
    this._countText();
    this._tellFormat();
  }

  /** Take the voices of a key that was just accepted. */
  begin(voices) {
    this._voices = searchable(voices);
    const first = this._voices.find((voice) => voice.id === FIRST_VOICE) ?? this._voices[0];
    if (!byId("voice").value) byId("voice").value = first?.id ?? FIRST_VOICE;
    this._tellVoice();
  }

  show() {}

  hide() {}

  end() {
    this._interrupt();
    this._voices = [];
  }

  _onKey(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      byId("speak-form").requestSubmit();
    } else if (event.key === "Escape" && this._speaking) {
      event.preventDefault();
      this._interrupt();
    }
  }

  async _speak() {
    this._interrupt();
    const options = {
      voice: byId("voice").value.trim(),
      format: byId("format").value,
      sampleRate: Number(byId("rate").value),
    };
    const text = byId("text").value;
    hideTrouble(byId("speak-trouble"));
    byId("wave-empty").hidden = true;
    this._waveform.begin(options.sampleRate);
    this._frames.begin();
    const speaking = this._session.voxgate.speak(byId("word-by-word").checked ? wordByWord(text) : text, options);
    this._speaking = speaking;
    this._progress = null;
    this._listen(speaking);
    this._setState("Connecting…", true);
    try {
      await speaking.done;
      if (speaking === this._speaking) this._finish(speaking.interrupted ? "Interrupted" : "Finished");
    } catch (error) {
      if (speaking === this._speaking) this._fail(error);
    }
  }

  _listen(speaking) {
    const ours = (work) => (event) => {
      if (speaking === this._speaking) work(event.detail);
    };
    speaking.addEventListener("sent", ours((frame) => this._frames.sent(frame)));
    speaking.addEventListener("frame", ours(({ frame, audio }) => this._frames.received(frame, audio)));
    speaking.addEventListener("samples", ours((samples) => {
      this._waveform.add(samples);
      this._showFigures();
    }));
    speaking.addEventListener("timing", ours(() => {
      const { connected, heard } = speaking.timings;
      if (!speaking.interrupted) this._setState(heard ? "Speaking" : connected ? "Waiting for audio…" : "Connecting…", true);
      this._showFigures();
    }));
    speaking.addEventListener("progress", ours((progress) => {
      this._progress = progress;
      this._waveform.playedS = progress.playedS;
      this._showFigures();
    }));
    const note = byId("speak-trouble");
    speaking.addEventListener("suspended", ours(() => showSuspended(note, () => speaking.resume())));
    speaking.addEventListener("running", ours(() => hideSuspended(note)));
  }

  _interrupt() {
    if (!this._speaking || this._speaking.interrupted) return;
    this._speaking.interrupt();
    this._waveform.cut();
    this._setState("Interrupted", true);
  }

  _finish(state) {
    hideSuspended(byId("speak-trouble"));
    this._paintFigures();
    this._setState(`${state}: ${durationText(this._progress?.playedS ?? 0)} heard`, false);
    this._speaking = null;
  }

  _fail(error) {
    this._paintFigures();
    this._setState("Failed", false);
    this._speaking = null;
    showTrouble(byId("speak-trouble"), error);
  }

  _setState(text, busy) {
    say(byId("speak-state"), text);
    const interrupt = byId("interrupt");
    if (!busy && document.activeElement === interrupt) byId("speak").focus();
    interrupt.disabled = !busy;
  }

  _paintFigures() {
    const { timings } = this._speaking ?? { timings: {} };
    if (!this._speaking) return;
    figure(byId("figure-first"), ...milliseconds(timings.firstAudio));
    figure(byId("figure-server"), ...milliseconds(timings.server));
    figure(byId("figure-heard"), ...milliseconds(timings.heard));
    figure(byId("figure-silent"), ...milliseconds(timings.silent));
    figure(byId("figure-audio"), ...duration(this._waveform.receivedS));
    const { playedS = 0, underruns = 0 } = this._progress ?? {};
    say(byId("figure-played"), `${durationText(playedS)} played`);
    figure(byId("figure-gaps"), String(underruns));
  }

  _tellVoice() {
    const name = byId("voice").value.trim().toLowerCase();
    const voice = this._voices.find((each) => each.id.toLowerCase() === name);
    say(byId("voice-about"), this._voices.length === 0 ? "" : aboutVoice(voice));
  }

  _tellFormat() {
    const whole = !streams(byId("format").value);
    say(byId("format-about"), whole ? "This browser plays it when all of it has come." : "");
  }

  _countText() {
    const { value, maxLength } = byId("text");
    say(byId("text-count"), `${value.length.toLocaleString("en")} of ${maxLength.toLocaleString("en")}`);
  }
}

async function* wordByWord(text) {
  for (const word of text.match(/\s*\S+\s*/g) ?? []) {
    yield word;
    await new Promise((done) => setTimeout(done, WORD_EVERY_MS));
  }
}
