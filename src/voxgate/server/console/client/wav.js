/** Reads a WAV file that is still coming. Pure. */

const FORMATS = new Map([
  [1, "linear16"],
  [6, "alaw"],
  [7, "mulaw"],
]);

/** Takes bytes until the header is complete, then gives out what is behind it. */
export class WavReader {
  constructor() {
    this._head = new Uint8Array(0);
    /** @type {{codec: string, sampleRate: number} | null} known once the header was read */
    this.format = null;
    this._inData = false;
  }

  /**
   * @param {Uint8Array} bytes
   * @returns {Uint8Array} audio, in the codec of `format`
   */
  feed(bytes) {
    if (this._inData) return bytes;
    const data = new Uint8Array(this._head.length + bytes.length);
    data.set(this._head);
    data.set(bytes, this._head.length);
    this._head = data;
    const at = this._dataStart(new DataView(data.buffer));
    if (at < 0) return new Uint8Array(0);
    this._inData = true;
    this._head = new Uint8Array(0);
    return data.subarray(at);
  }

  _dataStart(view) {
    let at = 12; // "RIFF", a length, "WAVE"
    while (at + 8 <= view.byteLength) {
      const name = String.fromCharCode(...new Uint8Array(view.buffer, at, 4));
      const length = view.getUint32(at + 4, true);
      if (name === "data") return at + 8;
      if (name === "fmt " && at + 24 <= view.byteLength) {
        const codec = FORMATS.get(view.getUint16(at + 8, true)) ?? "unknown";
        this.format = { codec, sampleRate: view.getUint32(at + 12, true) };
      }
      at += 8 + length + (length % 2);
    }
    return -1;
  }
}
