/** Numbers as people read them. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const count = (number) => (number < 100_000 ? whole.format(number) : short.format(number));

/** @returns {[string, string]} number and unit */
export function milliseconds(ms) {
  if (ms === undefined) return ["–", ""];
  if (ms < 1) return ["< 1", "ms"];
  return [ms < 10 && !Number.isInteger(ms) ? tenths.format(ms) : whole.format(ms), "ms"];
}

/** @returns {[string, string]} number and unit */
export function duration(seconds) {
  if (seconds < 100) return [tenths.format(seconds), "s"];
  if (seconds < 6000) return [tenths.format(seconds / 60), "min"];
  return [count(seconds / 3600), "h"];
}

export const durationText = (seconds) => duration(seconds).join(" ");

export function bytes(size) {
  if (size < 1 << 20) return `${whole.format(size / 1024)} KiB`;
  return `${tenths.format(size / (1 << 20))} MiB`;
}

export const plural = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;
