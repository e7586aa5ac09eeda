/** The few requests over plain HTTP that the client makes. */
import { VoxgateError } from "./errors.js";

const TIMEOUT_MS = 15_000;

const CODES = new Map([
  [400, "invalid_request"],
  [401, "not_authenticated"],
  [403, "not_permitted"],
  [404, "not_found"],
  [422, "invalid_request"],
  [429, "rate_limited"],
  [503, "unavailable"],
]);

/**
 * Ask the server.
 *
 * @param {string | URL} url
 * @param {{method?: string, key?: string, body?: unknown, signal?: AbortSignal}} [options]
 * @returns {Promise<any>} the answer's JSON
 */
export async function ask(url, { method = "GET", key, body, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  let answer;
  try {
    answer = await fetch(url, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      cache: "no-store",
      credentials: "omit",
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new VoxgateError("connection_failed", "The server cannot be reached.", { retryable: true, cause });
  }
  const content = await answer.json().catch(() => null);
  if (answer.ok && content !== null) return content;
  throw refusal(answer.status, content);
}

/** Turn a refusal, in any of the server's dialects, into an error. */
function refusal(status, content) {
  const code = CODES.get(status) ?? (status >= 500 ? "server_error" : "invalid_request");
  const told = content?.errors?.[0]?.detail ?? content?.message ?? content?.error?.message;
  const message = typeof told === "string" ? told : `The server answered ${status}.`;
  return new VoxgateError(code, message, { status, retryable: status === 429 || status >= 500 });
}
