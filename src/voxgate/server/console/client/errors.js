/**
 * Everything that goes wrong, as one class with a stable code. Decide on `code`, never on `message`.
 *
 * @typedef {object} Details
 * @property {boolean} [retryable] whether trying again can help
 * @property {number} [status] of HTTP, when a request was refused
 * @property {number} [closeCode] of the WebSocket, when it was closed
 * @property {unknown} [cause] the browser's own error
 */
export class VoxgateError extends Error {
  /**
   * @param {string} code stable, for programs
   * @param {string} message a sentence for people
   * @param {Details} [details]
   */
  constructor(code, message, { retryable = false, status, closeCode, cause } = {}) {
    super(message, { cause });
    this.name = "VoxgateError";
    this.code = code;
    this.retryable = retryable;
    this.status = status;
    this.closeCode = closeCode;
  }
}

/** What must hold before a browser lets a page play or record through an AudioWorklet. */
export function checkSecureContext() {
  if (!globalThis.isSecureContext) {
    throw new VoxgateError(
      "insecure_context",
      "Browsers give sound and the microphone only to pages that came over HTTPS, or from localhost.",
    );
  }
}
