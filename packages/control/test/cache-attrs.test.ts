import { ghaCacheVariables, s3CacheVariables } from "@buildkit-node/control";
import { describe, expect, it } from "vitest";
import { cacheAttrs } from "../src/cache/cache-attrs.ts";
import type { CacheExport, CacheImport } from "../src/cache/cache-options.ts";

describe("a cache in the daemon's words", () => {
  it.each<[CacheExport, Record<string, string>]>([
    [
      {
        type: "registry",
        ref: "host/x:y",
        insecure: true,
        mode: "max",
        ignoreError: true,
        imageManifest: false,
        ociMediaTypes: true,
        compression: "zstd",
        compressionLevel: 3,
        forceCompression: true,
      },
      {
        ref: "host/x:y",
        "registry.insecure": "true",
        mode: "max",
        "ignore-error": "true",
        "image-manifest": "false",
        "oci-mediatypes": "true",
        compression: "zstd",
        "compression-level": "3",
        "force-compression": "true",
      },
    ],
    [
      { type: "local", dest: "/d", tag: "t", reset: true, mode: "min" },
      { dest: "/d", mode: "min" },
    ],
    [{ type: "inline" }, {}],
    [
      { type: "gha", token: "t", urlV2: "u2", url: "u", version: "2", ghToken: "g", ignoreError: false },
      { token: "t", url_v2: "u2", url: "u", version: "2", ghtoken: "g", "ignore-error": "false" },
    ],
    [
      {
        type: "s3",
        bucket: "b",
        name: ["one", "two"],
        accessKeyId: "a",
        usePathStyle: true,
        uploadParallelism: 2,
        endpointUrl: "http://x",
        retryMaxAttempts: 3,
        mode: "max",
      },
      {
        bucket: "b",
        name: "one;two",
        access_key_id: "a",
        use_path_style: "true",
        upload_parallelism: "2",
        endpoint_url: "http://x",
        retry_max_attempts: "3",
        mode: "max",
      },
    ],
    [
      { type: "azblob", accountUrl: "u", accountName: "n", manifestsPrefix: "m" },
      { account_url: "u", account_name: "n", manifests_prefix: "m" },
    ],
    [{ type: "new", attrs: { "as-is": "1" } }, { "as-is": "1" }],
  ])("%o", (cache, attrs) => {
    expect(cacheAttrs("cacheTo", cache)).toEqual({ type: cache.type, attrs });
  });

  it.each<[string, CacheImport | CacheExport, string]>([
    ["cacheTo", { type: "registry" }, "ref"],
    ["cacheTo", { type: "local" }, "dest"],
    ["cacheFrom", { type: "local" }, "src"],
    ["cacheFrom", { type: "gha", token: "" }, "token"],
  ])("refuses in %s what lacks something: %o", (argument, cache, missing) => {
    expect(() => cacheAttrs(argument, cache)).toThrow(`needs ${missing}`);
  });
});

describe("what the environment says of caches", () => {
  it("is read when it is asked for", () => {
    const env = {
      ACTIONS_RUNTIME_TOKEN: "t",
      ACTIONS_CACHE_SERVICE_V2: "True",
      ACTIONS_RESULTS_URL: "https://results",
      ACTIONS_CACHE_URL: "",
    };
    expect(ghaCacheVariables(env)).toEqual({ token: "t", version: "2", urlV2: "https://results" });
    expect(ghaCacheVariables({ ACTIONS_RUNTIME_TOKEN: "t", ACTIONS_CACHE_SERVICE_V2: "false" })).toEqual({
      token: "t",
    });
    expect(() => ghaCacheVariables({})).toThrow("ACTIONS_RUNTIME_TOKEN");
    expect(s3CacheVariables({ AWS_REGION: "r", AWS_SESSION_TOKEN: "" })).toEqual({ region: "r" });
  });
});
