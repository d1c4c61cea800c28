export {
  type RecordedBuild,
  type RecordedCall,
  type RecordedTree,
  recordBuild,
} from "./record-build.ts";
export type { RecordedFiles, RecordedImage, RecordedWorld } from "./recorded-world.ts";
