/**
 * A jitter buffer: samples come when the network brings them, and leave when the sound card wants them.
 *
 * Pure: it runs inside the AudioWorklet, and in tests without one. It waits until `jitterMs` of audio are
 * there (or no more will come, or none has come for a while), then plays. When it runs dry in mid-speech it waits
 * again, each time a little longer. Wherever sound begins or stops in the middle, it is faded, so that nothing
 * clicks.
 */

const FADE_MS = 5;
const MAX_JITTER_MS = 400;
const JITTER_GROWTH = 1.5;
/** Audio that comes this soon after the buffer ran dry was late; what comes later is new speech. */
const LATE_MS = 300;
/** Of the jitter buffer's length that audio waits at most, when too little of it comes to fill the buffer. */
const PATIENCE = 3;

export class Playout {
  /**
   * @param {number} sampleRate in Hz, of everything
   * @param {{jitterMs?: number, maxMs?: number}} [options] `maxMs`: of more than this the oldest is dropped
   */
  constructor(sampleRate, { jitterMs = 60, maxMs = Infinity } = {}) {
    this._perMs = sampleRate / 1000;
    this._jitter = jitterMs * this._perMs;
    this._max = maxMs * this._perMs;
    this._chunks = [];
    this._offset = 0;
    this._dryFor = Infinity;
    this._waitedFor = 0;
    this._fadeIn = 0;
    this._last = 0;
    this._tail = [];
    /** Samples that wait. */
    this.buffered = 0;
    /** Samples that were played. */
    this.played = 0;
    /** Samples that were never played, because there were too many. */
    this.dropped = 0;
    /** How often it ran dry in mid-speech. */
    this.underruns = 0;
    this.playing = false;
    this.ended = false;
  }

  /** Take samples. */
  push(samples) {
    if (this.ended) {
      this.ended = false;
      this._dryFor = Infinity;
    }
    if (!this.playing && this.buffered === 0 && this._dryFor < LATE_MS * this._perMs) {
      this.underruns += 1;
      this._jitter = Math.min(this._jitter * JITTER_GROWTH, MAX_JITTER_MS * this._perMs);
    }
    this._dryFor = Infinity;
    this._chunks.push(samples);
    this.buffered += samples.length;
    while (this.buffered > this._max && this._chunks.length > 1) this._dropOldest();
  }

  /** No more will come for now: play what is there. */
  end() {
    this.ended = true;
  }

  /** Fall silent, and forget what waits. */
  clear() {
    const fade = Math.min(Math.round(FADE_MS * this._perMs), this.playing ? this.buffered : 0);
    const tail = new Float32Array(fade);
    this._take(tail, 0);
    for (let at = 0; at < fade; at += 1) tail[at] *= 1 - (at + 1) / fade;
    this._tail = [...tail];
    this._chunks = [];
    this._offset = this.buffered = this._last = 0;
    this._dryFor = Infinity;
    this._waitedFor = 0;
    this.playing = this.ended = false;
  }

  /** Whether everything that came was played. */
  get drained() {
    return this.buffered === 0 && this._tail.length === 0;
  }

  /** Fill `output` with what is to be heard now; silence where there is nothing. */
  read(output) {
    let at = 0;
    while (at < output.length && this._tail.length > 0) output[at++] = this._tail.shift();
    if (!this.playing && this._isEnough(output.length)) {
      this.playing = true;
      this._fadeIn = this.played > 0 ? Math.round(FADE_MS * this._perMs) : 0;
    }
    if (this.playing) at = this._take(output, at);
    if (at < output.length) this._fallSilent(output, at);
  }

  _isEnough(count) {
    this._waitedFor = this.buffered > 0 ? this._waitedFor + count : 0;
    const enough = this.ended || this.buffered >= this._jitter || this._waitedFor >= PATIENCE * this._jitter;
    return this.buffered > 0 && enough;
  }

  _take(output, from) {
    let at = from;
    while (at < output.length && this._chunks.length > 0) {
      const chunk = this._chunks[0];
      const count = Math.min(output.length - at, chunk.length - this._offset);
      for (let i = 0; i < count; i += 1) output[at + i] = chunk[this._offset + i] / 32768;
      this._offset += count;
      at += count;
      if (this._offset === chunk.length) {
        this._chunks.shift();
        this._offset = 0;
      }
    }
    const taken = at - from;
    this.buffered -= taken;
    this.played += taken;
    const fade = Math.round(FADE_MS * this._perMs);
    for (let i = from; i < at && this._fadeIn > 0; i += 1, this._fadeIn -= 1) {
      output[i] *= 1 - this._fadeIn / fade;
    }
    if (taken > 0) this._last = output[at - 1];
    return at;
  }

  _fallSilent(output, from) {
    if (this.playing) {
      this.playing = false;
      this._waitedFor = 0;
      this._dryFor = this.ended ? Infinity : 0;
    }
    this._dryFor += output.length - from;
    const step = Math.exp(-1 / this._perMs);
    for (let at = from; at < output.length; at += 1) {
      this._last = Math.abs(this._last) < 1e-4 ? 0 : this._last * step;
      output[at] = this._last;
    }
  }

  _dropOldest() {
    const count = this._chunks.shift().length - this._offset;
    this._offset = 0;
    this.buffered -= count;
    this.dropped += count;
  }
}
