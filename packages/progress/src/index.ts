export { type DisplayMode, type DisplayOptions, display } from "./display/display.ts";
export type { OutputStream } from "./display/output.ts";
export {
  BuildModel,
  type BuildModelOptions,
  type BuildObserver,
  type BuildTotals,
} from "./model/build-model.ts";
export type { LogLine } from "./model/log-tail.ts";
export type { LogLineHead, Step, StepState, Task, VertexRecord } from "./model/step.ts";
export { type ReplayOptions, readRecording, replay } from "./record/recording.ts";
export { formatStatusLine, parseStatusLine } from "./record/status-line.ts";
export {
  type BuildComparison,
  type CacheMiss,
  compareBuilds,
  type MissReason,
  type StepComparison,
} from "./report/comparison.ts";
export { explainMiss, formatComparison, formatSummary } from "./report/report-text.ts";
export { type BuildSummary, type BytesMoved, type StepTime, summarize } from "./report/summary.ts";
export { type ChromeTrace, type ChromeTraceEvent, timingTrace } from "./views/chrome-trace.ts";
export { timingDot, timingMermaid } from "./views/graph.ts";
export { type TimingPageOptions, timingPage } from "./views/page/timing-page.ts";
