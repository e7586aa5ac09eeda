/** Draws what was received, and how much of it was heard. */
import { onNextPicture } from "./dom.js";

const PEAKS_A_SECOND = 100;
const BAR_PX = 2;
const GAP_PX = 1.5;
/** The width stands for so much at least, so that the first moments do not fill it all. */
const LEAST_S = 4;

export class Waveform {
  /** @param {HTMLCanvasElement} canvas its colours come from its style: color, border color, outline color */
  constructor(canvas) {
    this._canvas = canvas;
    this._draw = onNextPicture(() => this._paint());
    this.begin(24_000);
    new ResizeObserver(this._draw).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this._draw);
    new MutationObserver(this._draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  /** Forget everything. */
  begin(sampleRate) {
    this._peaks = [];
    this._peak = 0;
    this._filled = 0;
    this._step = sampleRate / PEAKS_A_SECOND;
    this._playedS = 0;
    this._cutS = null;
    this._draw();
  }

  /** @param {Int16Array} samples */
  add(samples) {
    for (const sample of samples) {
      this._peak = Math.max(this._peak, Math.abs(sample));
      this._filled += 1;
      if (this._filled >= this._step) {
        this._peaks.push(this._peak / 32768);
        this._peak = 0;
        this._filled -= this._step;
      }
    }
    this._draw();
  }

  set playedS(seconds) {
    this._playedS = seconds;
    this._draw();
  }

  /** Mark where it was interrupted. */
  cut() {
    this._cutS = this._playedS;
    this._draw();
  }

  get receivedS() {
    return this._peaks.length / PEAKS_A_SECOND;
  }

  _paint() {
    const canvas = this._canvas;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (width === 0) return;
    const scale = devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const { color: played, borderTopColor: waiting, outlineColor: cut } = getComputedStyle(canvas);
    const shownS = Math.max(LEAST_S, this.receivedS);
    const bars = Math.floor(width / (BAR_PX + GAP_PX));
    for (let bar = 0; bar < bars; bar += 1) {
      const fromS = (bar / bars) * shownS;
      const peak = this._peakBetween(fromS, ((bar + 1) / bars) * shownS);
      const tall = peak === null ? 1 : Math.max(2, peak * (height - 16));
      pen.fillStyle = peak !== null && fromS < this._playedS ? played : waiting;
      pen.fillRect(bar * (BAR_PX + GAP_PX), (height - tall) / 2, BAR_PX, tall);
    }
    if (this._cutS !== null) {
      pen.fillStyle = cut;
      pen.fillRect(Math.min(width - 2, (this._cutS / shownS) * width), 6, 2, height - 12);
    }
  }

  _peakBetween(fromS, toS) {
    const from = Math.floor(fromS * PEAKS_A_SECOND);
    const to = Math.max(from + 1, Math.floor(toS * PEAKS_A_SECOND));
    if (from >= this._peaks.length) return null;
    let peak = 0;
    for (let at = from; at < to && at < this._peaks.length; at += 1) peak = Math.max(peak, this._peaks[at]);
    return peak;
  }
}
