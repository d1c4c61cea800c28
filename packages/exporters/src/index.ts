export type { ExportContext, Exporter, PreparedExport, ResultOf } from "./exporter.ts";
export type { ImageFacts } from "./image-facts.ts";
export type { ImageOptions } from "./image-options.ts";
export { type LocalOptions, type LocalResult, local } from "./local.ts";
export { type OciOptions, type OciResult, oci } from "./oci.ts";
export { type TarOptions, type TarResult, tar } from "./tar.ts";
