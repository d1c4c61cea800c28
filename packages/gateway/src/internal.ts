export { capabilitiesFromProto } from "./capabilities.ts";
export { definitionBytes } from "./definition.ts";
export { type DecodedDetails, decodeDetails } from "./error-details.ts";
export { platformFromProto } from "./platform.ts";
