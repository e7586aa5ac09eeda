/** Samples: what the wire carries, and what the browser plays. Everything here is 16 bit and mono. */

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Decode base64 into bytes. */
export function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

/** Read little-endian 16-bit samples; `bytes` holds whole samples. */
export function samplesFromBytes(bytes) {
  const samples = new Int16Array(bytes.length >> 1);
  if (LITTLE_ENDIAN) {
    new Uint8Array(samples.buffer).set(bytes.subarray(0, samples.length * 2));
    return samples;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < samples.length; at += 1) samples[at] = view.getInt16(at * 2, true);
  return samples;
}

/** Write samples as little-endian bytes. */
export function bytesFromSamples(samples) {
  if (LITTLE_ENDIAN) return samples.buffer.slice(samples.byteOffset, samples.byteOffset + samples.byteLength);
  const view = new DataView(new ArrayBuffer(samples.length * 2));
  samples.forEach((sample, at) => view.setInt16(at * 2, sample, true));
  return view.buffer;
}

/** Round floats between -1 and 1 to samples. */
export function samplesFromFloats(floats) {
  const samples = new Int16Array(floats.length);
  for (let at = 0; at < floats.length; at += 1) {
    samples[at] = Math.max(-32768, Math.min(32767, Math.round(floats[at] * 32768)));
  }
  return samples;
}

const MULAW = Int16Array.from({ length: 256 }, (_, byte) => {
  const code = ~byte & 0xff;
  const size = ((((code & 0x0f) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84;
  return code & 0x80 ? -size : size;
});
const ALAW = Int16Array.from({ length: 256 }, (_, byte) => {
  const code = byte ^ 0x55;
  const exponent = (code & 0x70) >> 4;
  const size = ((code & 0x0f) << 4) + (exponent ? 0x108 : 8);
  const shifted = exponent > 1 ? size << (exponent - 1) : size;
  return code & 0x80 ? shifted : -shifted;
});

/** Expand µ-law (source: ITU-T G.711). */
export const samplesFromMulaw = (bytes) => Int16Array.from(bytes, (byte) => MULAW[byte]);
/** Expand A-law (source: ITU-T G.711). */
export const samplesFromAlaw = (bytes) => Int16Array.from(bytes, (byte) => ALAW[byte]);
