// For the other packages of this workspace: no promise is made to anybody else.
export { capabilitiesFromProto } from "./capabilities.ts";
export { definitionBytes } from "./definition.ts";
export { type DecodedDetails, decodeDetails } from "./error-details.ts";
export * from "./index.ts";
export { platformFromProto } from "./platform.ts";
