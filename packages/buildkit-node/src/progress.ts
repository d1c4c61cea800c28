export * from "@buildkit-node/progress";
