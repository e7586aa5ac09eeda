/**
 * Changes the rate of samples that come piece by piece: a windowed sinc, one set of weights for each phase.
 * Pure.
 */

/** Zero crossings of the sinc on either side; more is steeper and slower. */
const CROSSINGS = 16;
/** Of the lower Nyquist frequency that passes. */
const PASSBAND = 0.92;
const MAX_PHASES = 640;

const gcd = (a, b) => (b === 0 ? a : gcd(b, a % b));

export class Resampler {
  /** @param {number} fromHz @param {number} toHz both whole numbers */
  constructor(fromHz, toHz) {
    const divisor = gcd(fromHz, toHz);
    this._up = toHz / divisor;
    this._down = fromHz / divisor;
    const narrow = Math.min(1, toHz / fromHz);
    this._half = Math.ceil(CROSSINGS / narrow);
    this._phases = Math.min(this._up, MAX_PHASES);
    this._weights = Array.from({ length: this._phases }, (_, phase) =>
      weights(phase / this._phases, this._half, narrow * PASSBAND),
    );
    this._waiting = new Float32Array(this._half - 1);
    // When the next output is due, after the first of `_waiting` that belongs to no earlier one: whole
    // input samples, and a remainder in parts of 1 / _up.
    this._whole = 0;
    this._part = 0;
  }

  /**
   * @param {Float32Array} input of any length
   * @returns {Float32Array} what can be made of all input so far
   */
  feed(input) {
    const data = new Float32Array(this._waiting.length + input.length);
    data.set(this._waiting);
    data.set(input, this._waiting.length);
    const taps = 2 * this._half;
    const output = [];
    while (this._whole + taps <= data.length) {
      const phase = Math.floor((this._part * this._phases) / this._up);
      const row = this._weights[phase];
      let sum = 0;
      for (let tap = 0; tap < taps; tap += 1) sum += data[this._whole + tap] * row[tap];
      output.push(sum);
      this._part += this._down;
      this._whole += Math.floor(this._part / this._up);
      this._part %= this._up;
    }
    const used = Math.min(this._whole, data.length);
    this._waiting = data.slice(used);
    this._whole -= used;
    return Float32Array.from(output);
  }
}

function weights(fraction, half, cutoff) {
  const row = Float32Array.from({ length: 2 * half }, (_, tap) => {
    const distance = tap - (half - 1) - fraction;
    const angle = (Math.PI * distance) / half;
    const window = Math.abs(distance) >= half ? 0 : 0.42 + 0.5 * Math.cos(angle) + 0.08 * Math.cos(2 * angle);
    return sinc(cutoff * distance) * window;
  });
  const sum = row.reduce((total, weight) => total + weight, 0);
  return row.map((weight) => weight / sum); // silence in, silence out; a constant stays what it is
}

const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
