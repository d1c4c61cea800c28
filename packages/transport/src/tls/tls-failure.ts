import type { Explained } from "../connect-error.ts";

/** What a failed handshake means, or undefined when the failure has nothing to do with TLS. */
export function explainTlsFailure(code: string, error: Error): Explained | undefined {
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return wrongName(error);
  // The alerts of old and new versions of the protocol, as several versions of OpenSSL spell them.
  const alert = /^ERR_SSL_.*ALERT_(\w+)$/.exec(code)?.[1] ?? "";
  const known = failures[code] ?? alerts[alert];
  if (known !== undefined) return known;
  if (!code.startsWith("ERR_SSL_") && !code.startsWith("ERR_TLS_")) return undefined;
  return { failure: "tls", problem: `the TLS handshake failed: ${error.message}` };
}

/** Node's error carries the name that was asked for and the certificate. */
function wrongName(error: Error): Explained {
  const host = "host" in error && typeof error.host === "string" ? error.host : "this host";
  const names = "cert" in error ? alternativeNames(error.cert) : undefined;
  return {
    failure: "certificate-name",
    problem: `the daemon's certificate is not for ${host}${names === undefined ? "" : ` but for ${names}`}`,
    advice: "use a name that it holds in the address or in tls.serverName",
  };
}

function alternativeNames(cert: unknown): string | undefined {
  if (typeof cert !== "object" || cert === null || !("subjectaltname" in cert)) return undefined;
  return typeof cert.subjectaltname === "string" ? cert.subjectaltname : undefined;
}

const unknownAuthority: Explained = {
  failure: "certificate-authority",
  problem: "the daemon's certificate is signed by an authority that is not trusted",
  advice: "give the authority's certificate in tls.ca, or as ca.pem in tls.dir",
};

const selfSigned: Explained = {
  ...unknownAuthority,
  problem: "the daemon's certificate is signed by itself, and not trusted",
  advice: "give that certificate, or the authority's, in tls.ca",
};

/** What OpenSSL finds in the daemon's certificate, and bytes that are not TLS. */
const failures: Readonly<Record<string, Explained>> = {
  CERT_HAS_EXPIRED: {
    failure: "certificate-expired",
    problem: "the daemon's certificate, or its authority's, has expired",
    advice: "renew it, or set this machine's clock",
  },
  CERT_NOT_YET_VALID: {
    failure: "certificate-expired",
    problem: "the daemon's certificate, or its authority's, is not valid yet",
    advice: "set this machine's clock, or the clock of the machine that issued it",
  },
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  DEPTH_ZERO_SELF_SIGNED_CERT: selfSigned,
  CERT_SIGNATURE_FAILURE: {
    ...unknownAuthority,
    problem: "the daemon's certificate is not signed by the authority that it names",
  },
  ERR_SSL_WRONG_VERSION_NUMBER: {
    failure: "tls",
    problem: "what listens there does not speak TLS",
    advice: "leave the tls option out, or check the port",
  },
};

const giveAccepted =
  "give one that is signed by the authority which the daemon trusts in tls.cert and tls.key, or in tls.dir";

/** What the daemon says of us before it hangs up. */
const alerts: Readonly<Record<string, Explained>> = {
  CERTIFICATE_REQUIRED: refused("the daemon requires a client certificate", giveAccepted),
  // Of several meanings each; without a certificate, older protocol versions say the same.
  BAD_CERTIFICATE: refused("the daemon requires a client certificate that it accepts", giveAccepted),
  HANDSHAKE_FAILURE: refused("the daemon requires a client certificate that it accepts", giveAccepted),
  CERTIFICATE_UNKNOWN: refused("the daemon does not accept the client certificate", giveAccepted),
  UNSUPPORTED_CERTIFICATE: refused("the daemon has no use for the client certificate's kind", giveAccepted),
  UNKNOWN_CA: refused("the daemon does not trust the client certificate's authority", giveAccepted),
  CERTIFICATE_EXPIRED: refused(
    "the daemon says that the client certificate has expired",
    "renew it, or set the daemon's clock",
  ),
  CERTIFICATE_REVOKED: refused("the daemon says that the client certificate is revoked", "give another one"),
};

function refused(problem: string, advice: string): Explained {
  return { failure: "client-certificate", problem, advice };
}
