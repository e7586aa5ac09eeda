/** Takes the microphone's samples at the context's rate, and sends 20 ms frames of 16 kHz s16le. */
import { samplesFromFloats } from "./pcm.js";
import { Resampler } from "./resampler.js";

const RATE_HZ = 16_000;
const FRAME_SAMPLES = 320;

class MicrophoneProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this._resampler = new Resampler(sampleRate, RATE_HZ);
    this._frame = new Float32Array(FRAME_SAMPLES);
    this._filled = 0;
    this.port.onmessage = () => {
      this._closed = true;
    };
  }

  process([channels]) {
    if (channels.length > 0) this._take(this._resampler.feed(mixed(channels)));
    return !this._closed;
  }

  _take(floats) {
    for (const float of floats) {
      this._frame[this._filled] = float;
      this._filled += 1;
      if (this._filled === FRAME_SAMPLES) this._send();
    }
  }

  _send() {
    let sum = 0;
    let peak = 0;
    for (const float of this._frame) {
      sum += float * float;
      peak = Math.max(peak, Math.abs(float));
    }
    const samples = samplesFromFloats(this._frame);
    const rms = Math.sqrt(sum / FRAME_SAMPLES);
    this.port.postMessage({ samples, rms, peak }, [samples.buffer]);
    this._filled = 0;
  }
}

/** Mix channels down to one; most microphones have one already. */
function mixed(channels) {
  if (channels.length === 1) return channels[0];
  return channels[0].map((_, at) => channels.reduce((sum, channel) => sum + channel[at], 0) / channels.length);
}

registerProcessor("voxgate-microphone", MicrophoneProcessor);
