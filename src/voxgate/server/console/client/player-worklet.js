/** Plays what `Player` sends, through the jitter buffer. */
import { Playout } from "./playout.js";

/** How often progress is told. */
const TELL_MS = 50;

class PlayerProcessor extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this._playout = new Playout(sampleRate, processorOptions);
    this._untold = 0;
    this._state = "false true false";
    this.port.onmessage = ({ data }) => this._hear(data);
  }

  _hear(message) {
    switch (message.kind) {
      case "samples":
        this._playout.push(message.samples);
        break;
      case "end":
        this._playout.end();
        break;
      case "clear":
        this._playout.clear();
        this._cleared = message.id;
        break;
      default:
        this._closed = true;
    }
  }

  process(_, [[output]]) {
    const playout = this._playout;
    playout.read(output);
    this._untold += output.length;
    const { played, buffered, dropped, underruns, playing, drained, ended } = playout;
    const state = `${playing} ${drained} ${ended}`;
    const silent = this._cleared !== undefined && drained;
    if (state !== this._state || silent || (playing && this._untold >= (TELL_MS * sampleRate) / 1000)) {
      this._state = state;
      this._untold = 0;
      const cleared = silent ? this._cleared : undefined;
      this.port.postMessage({ played, buffered, dropped, underruns, playing, drained, ended, cleared });
      if (silent) this._cleared = undefined;
    }
    return !this._closed;
  }
}

registerProcessor("voxgate-player", PlayerProcessor);
