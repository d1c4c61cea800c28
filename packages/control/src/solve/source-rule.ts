import type { MessageInitShape } from "@bufbuild/protobuf";
import { AttrMatch, MatchType, PolicyAction, type PolicySchema } from "@buildkit-node/proto/source-policy";

/**
 * A rule about the sources of a build, which the daemon applies by itself. Of the rules that match a source the last one
 * that allows or denies counts; one that converts replaces the source, for which all rules are asked again.
 */
export interface SourceRule {
  readonly action: "allow" | "deny" | "convert";
  readonly selector: SourceSelector;
  /** What `convert` makes of the source; without an identifier, the selector's. */
  readonly updates?: {
    /** With `${1}` and so on for what the selector's wildcards or groups have matched. */
    readonly identifier?: string;
    readonly attrs?: Readonly<Record<string, string>>;
  };
}

export interface SourceSelector {
  /** Such as `docker-image://docker.io/library/*`. */
  readonly identifier: string;
  /** How the identifier is read: with `*` for any characters, letter by letter, or as a Go regular expression. Default: `wildcard`. */
  readonly match?: "wildcard" | "exact" | "regex";
  /** Conditions on the source's attributes, all of which must hold. */
  readonly constraints?: readonly {
    readonly key: string;
    readonly value: string;
    readonly condition: "equal" | "not-equal" | "matches";
  }[];
}

const actions = {
  allow: PolicyAction.ALLOW,
  deny: PolicyAction.DENY,
  convert: PolicyAction.CONVERT,
} as const;
const matches = { wildcard: MatchType.WILDCARD, exact: MatchType.EXACT, regex: MatchType.REGEX } as const;
const conditions = {
  equal: AttrMatch.EQUAL,
  "not-equal": AttrMatch.NOTEQUAL,
  matches: AttrMatch.MATCHES,
} as const;

/** The only version of policies that there is. */
const policyVersion = 1n;

export function policyToProto(rules: readonly SourceRule[]): MessageInitShape<typeof PolicySchema> {
  return { version: policyVersion, rules: rules.map(ruleToProto) };
}

function ruleToProto({ action, selector, updates }: SourceRule) {
  const { identifier, match = "wildcard", constraints = [] } = selector;
  return {
    action: actions[action],
    selector: {
      identifier,
      matchType: matches[match],
      constraints: constraints.map((one) => ({ ...one, condition: conditions[one.condition] })),
    },
    ...(updates && {
      updates: { identifier: updates.identifier ?? "", attrs: { ...updates.attrs } },
    }),
  };
}
