/** Cuts a stream of MP3 into frames (source: ISO 11172-3 and 13818-3, Layer III). Pure. */

const KBPS = {
  1: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
};
const RATES_HZ = [44_100, 48_000, 32_000];
/** The version's two bits: 3 is MPEG 1, 2 is MPEG 2 at half the rates, 0 is MPEG 2.5 at a quarter. */
const DIVISORS = { 3: 1, 2: 2, 0: 4 };

/**
 * @typedef {object} Mp3Frame
 * @property {Uint8Array} data
 * @property {number} sampleRate
 * @property {number} channels
 * @property {number} samples a channel's samples in the frame
 */

export class Mp3Cutter {
  constructor() {
    this._waiting = new Uint8Array(0);
  }

  /** @param {Uint8Array} bytes @returns {Mp3Frame[]} every frame that is complete */
  feed(bytes) {
    const data = new Uint8Array(this._waiting.length + bytes.length);
    data.set(this._waiting);
    data.set(bytes, this._waiting.length);
    const frames = [];
    let at = 0;
    while (at + 10 <= data.length) {
      const tag = tagLength(data, at);
      const frame = tag > 0 ? null : header(data, at);
      if (tag === 0 && frame === null) {
        at += 1; // not where a frame begins: look on
        continue;
      }
      const length = tag || frame.length;
      if (at + length > data.length) break;
      if (frame !== null) frames.push({ ...frame, data: data.slice(at, at + length) });
      at += length;
    }
    this._waiting = data.slice(at);
    return frames;
  }
}

/** The length of an ID3v2 tag that begins here; 0 when none does. */
function tagLength(data, at) {
  if (data[at] !== 0x49 || data[at + 1] !== 0x44 || data[at + 2] !== 0x33) return 0;
  return 10 + (data[at + 6] << 21) + (data[at + 7] << 14) + (data[at + 8] << 7) + data[at + 9];
}

function header(data, at) {
  const [first, second, third, fourth] = data.subarray(at, at + 4);
  const divisor = DIVISORS[(second >> 3) & 3];
  const layerThree = ((second >> 1) & 3) === 1;
  if (first !== 0xff || (second & 0xe0) !== 0xe0 || !divisor || !layerThree) return null;
  const kbps = KBPS[divisor === 1 ? 1 : 2][third >> 4];
  const rateHz = RATES_HZ[(third >> 2) & 3];
  if (!kbps || !rateHz) return null;
  const sampleRate = rateHz / divisor;
  const samples = divisor === 1 ? 1152 : 576;
  const length = Math.floor((samples * kbps * 125) / sampleRate) + ((third >> 1) & 1);
  return { length, sampleRate, samples, channels: fourth >> 6 === 3 ? 1 : 2 };
}
