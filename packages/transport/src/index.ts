export type { Connection, MetadataPairs } from "./connection.ts";
export type { Dialer } from "./dialer.ts";
