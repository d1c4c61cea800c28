import { create } from "@bufbuild/protobuf";
import { normalizePlatform, type Platform, parsePlatform } from "@buildkit-node/oci";
import { type Platform as PlatformMessage, PlatformSchema } from "@buildkit-node/proto/pb";

/** A platform as a caller gives it, in the one spelling that everything compares. */
export function toPlatform(given: Platform | string): Platform {
  return normalizePlatform(typeof given === "string" ? parsePlatform(given) : given);
}

export function platformToProto(platform: Platform): PlatformMessage {
  return create(PlatformSchema, {
    OS: platform.os,
    Architecture: platform.architecture,
    Variant: platform.variant ?? "",
    OSVersion: platform.osVersion ?? "",
    OSFeatures: [...(platform.osFeatures ?? [])],
  });
}

export function platformFromProto(message: PlatformMessage): Platform {
  return {
    os: message.OS,
    architecture: message.Architecture,
    ...(message.Variant !== "" && { variant: message.Variant }),
    ...(message.OSVersion !== "" && { osVersion: message.OSVersion }),
    ...(message.OSFeatures.length > 0 && { osFeatures: message.OSFeatures }),
  };
}
