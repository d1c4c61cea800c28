export { capabilitiesFromProto } from "./capabilities.ts";
export { type DecodedDetails, decodeDetails } from "./error-details.ts";
