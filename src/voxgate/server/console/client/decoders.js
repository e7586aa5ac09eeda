/** From what the wire carries to samples that can be played. */
import { VoxgateError } from "./errors.js";
import { Mp3Cutter } from "./mp3.js";
import { samplesFromAlaw, samplesFromBytes, samplesFromFloats, samplesFromMulaw } from "./pcm.js";
import { Resampler } from "./resampler.js";
import { WavReader } from "./wav.js";

/** Of a format that can only be decoded when it has come whole. */
const MAX_WHOLE_BYTES = 32 << 20;

const G711 = { mulaw: samplesFromMulaw, alaw: samplesFromAlaw };

/**
 * @typedef {object} Decoder
 * @property {(bytes: Uint8Array) => void} feed
 * @property {() => Promise<void>} finish gives out what is left
 * @property {() => void} reset forgets what was fed
 */

/**
 * Whether this browser can play a format while it comes. Where it cannot, audio is played when all of it is
 * there.
 */
export function streams(format) {
  if (format === "mp3") return "AudioDecoder" in globalThis;
  return format !== "ogg_vorbis";
}

/**
 * @param {string} format a value of Telnyx's `audio_format`
 * @param {number} sampleRate that was asked for
 * @param {(samples: Int16Array) => void} give takes what was decoded, in order
 * @param {(error: VoxgateError) => void} fail told when the audio cannot be decoded
 * @returns {Decoder}
 */
export function openDecoder(format, sampleRate, give, fail) {
  switch (format) {
    case "linear16":
    case "pcm":
      return new PcmDecoder(give);
    case "mulaw":
    case "alaw":
      return new SimpleDecoder((bytes) => give(G711[format](bytes)));
    case "wav":
      return new WavDecoder(give, fail);
    case "mp3":
      return streams(format) ? new Mp3Decoder(sampleRate, give, fail) : new WholeDecoder(sampleRate, give, fail);
    default:
      return new WholeDecoder(sampleRate, give, fail);
  }
}

const undecodable = (cause) =>
  new VoxgateError("undecodable_audio", "This browser cannot decode the audio; choose another format.", { cause });

class SimpleDecoder {
  constructor(take) {
    this.feed = take;
  }

  async finish() {}

  reset() {}
}

/** Samples may be split between two frames. */
class PcmDecoder {
  constructor(give) {
    this._give = give;
    this._odd = new Uint8Array(0);
  }

  feed(bytes) {
    const data = new Uint8Array(this._odd.length + bytes.length);
    data.set(this._odd);
    data.set(bytes, this._odd.length);
    const whole = data.length & ~1;
    this._odd = data.slice(whole);
    if (whole > 0) this._give(samplesFromBytes(data.subarray(0, whole)));
  }

  async finish() {}

  reset() {
    this._odd = new Uint8Array(0);
  }
}

class WavDecoder {
  constructor(give, fail) {
    this._reader = new WavReader();
    this._pcm = new PcmDecoder(give);
    this._give = give;
    this._fail = fail;
  }

  feed(bytes) {
    const audio = this._reader.feed(bytes);
    if (audio.length === 0) return;
    const codec = this._reader.format?.codec;
    if (codec === "linear16") this._pcm.feed(audio);
    else if (codec in G711) this._give(G711[codec](audio));
    else this._fail(undecodable());
  }

  async finish() {}

  reset() {
    this._pcm.reset(); // one header stands before all of a session's audio: it is not forgotten
  }
}

class Mp3Decoder {
  constructor(sampleRate, give, fail) {
    this._sampleRate = sampleRate;
    this._give = give;
    this._fail = fail;
    this._resampler = null;
    this._begin();
  }

  feed(bytes) {
    for (const frame of this._cutter.feed(bytes)) {
      if (this._decoder.state === "unconfigured") {
        this._decoder.configure({
          codec: "mp3",
          sampleRate: frame.sampleRate,
          numberOfChannels: frame.channels,
        });
      }
      if (this._decoder.state !== "configured") return;
      const timestamp = (this._samples / frame.sampleRate) * 1e6;
      this._samples += frame.samples;
      this._decoder.decode(new EncodedAudioChunk({ type: "key", timestamp, data: frame.data }));
    }
  }

  async finish() {
    if (this._decoder.state === "configured") await this._decoder.flush().catch(() => {});
    if (this._decoder.state !== "closed") this._decoder.close();
  }

  reset() {
    if (this._decoder.state !== "closed") this._decoder.close();
    this._begin();
  }

  _begin() {
    this._cutter = new Mp3Cutter();
    this._samples = 0;
    const decoder = new AudioDecoder({
      output: (audio) => decoder === this._decoder && this._take(audio),
      error: (cause) => decoder === this._decoder && this._fail(undecodable(cause)),
    });
    this._decoder = decoder;
  }

  _take(audio) {
    const floats = new Float32Array(audio.numberOfFrames);
    audio.copyTo(floats, { planeIndex: 0, format: "f32-planar" });
    if (audio.sampleRate !== this._sampleRate) {
      this._resampler ??= new Resampler(audio.sampleRate, this._sampleRate);
    }
    audio.close();
    this._give(samplesFromFloats(this._resampler ? this._resampler.feed(floats) : floats));
  }
}

class WholeDecoder {
  constructor(sampleRate, give, fail) {
    this._context = new OfflineAudioContext(1, 1, sampleRate);
    this._give = give;
    this._fail = fail;
    this.reset();
  }

  feed(bytes) {
    this._length += bytes.length;
    if (this._length > MAX_WHOLE_BYTES) this._fail(undecodable());
    else this._pieces.push(bytes);
  }

  async finish() {
    if (this._length === 0) return;
    const whole = new Uint8Array(await new Blob(this._pieces).arrayBuffer());
    this.reset();
    try {
      const audio = await this._context.decodeAudioData(whole.buffer);
      this._give(samplesFromFloats(audio.getChannelData(0)));
    } catch (cause) {
      this._fail(undecodable(cause));
    }
  }

  reset() {
    this._pieces = [];
    this._length = 0;
  }
}
