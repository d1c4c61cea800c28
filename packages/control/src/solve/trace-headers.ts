/** What OpenTelemetry's API keeps for all copies of itself in a process, as far as it is used here. */
interface OpenTelemetry {
  readonly context?: { active(): unknown };
  readonly propagation?: {
    inject(
      context: unknown,
      carrier: Record<string, string>,
      setter: { set(carrier: Record<string, string>, key: string, value: string): void },
    ): void;
  };
}

/** Where it is kept, since version 1.0 of `@opentelemetry/api`. */
const apiKey = Symbol.for("opentelemetry.js.api.1");

/**
 * The headers that make the daemon's spans part of the caller's trace: `traceparent` and what else the propagator of the
 * program's OpenTelemetry writes; none where there is no OpenTelemetry.
 *
 * @param entry what the daemon is to repeat in its own calls, as an entry of W3C baggage
 */
export function traceHeaders(entry?: string): Readonly<Record<string, string>> {
  const api = (globalThis as { readonly [apiKey]?: OpenTelemetry })[apiKey];
  const headers: Record<string, string> = {};
  const setter = {
    set: (carrier: Record<string, string>, key: string, value: string) => {
      carrier[key] = value;
    },
  };
  if (api?.context !== undefined) api.propagation?.inject(api.context.active(), headers, setter);
  if (entry !== undefined) {
    const { baggage } = headers;
    headers["baggage"] = baggage === undefined ? entry : `${baggage},${entry}`;
  }
  return headers;
}
