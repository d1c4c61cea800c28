import { PolicyVerifier } from "@buildkit-node/proto/policy-session";
import { unary } from "@buildkit-node/transport";
import type { Attachable } from "../attachable.ts";
import type { SourcePolicy } from "./source-policy.ts";

/** Lets a function of the caller decide about each source of a build that names this session for it. Since 0.26. */
export function policyService(policy: SourcePolicy): Attachable {
  return {
    methods: new Map([
      unary(PolicyVerifier.method.checkPolicy, async (request, { signal }) => {
        const { policyCheck, policyResponse } = await import("./policy-messages.ts");
        return policyResponse(await policy(policyCheck(request), { signal }), request);
      }),
    ]),
  };
}
