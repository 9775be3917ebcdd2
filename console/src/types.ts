// The shapes of the admin API. `src/cli/api/openapi.json` describes them.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

export interface Named {
  name?: string
  other?: boolean
}

/** The tokens that the rules treat alike. */
export interface Caller {
  master_key: boolean
  issuer: string | null
  roles: string[]
  team_id: Named | null
  teams: Named[]
  team_alias: Named | null
  object_id: Named | null
  team_header: string | null
  scope: string | null
  admin: boolean
  email_domain: Named | null
  user_id: boolean
}

export interface Condition {
  policy: string
  effect: string
  source: string
  condition: string
}

/** `allow` is null if conditions decide. */
export interface Grant {
  allow: boolean | null
  conditions?: Condition[]
}

export interface Example {
  method?: string
  path?: string
  body?: Json
  headers?: Record<string, string>
}

export interface RouteGrant extends Grant {
  routes: string
  example: Example
}

export interface AccessRow {
  models: string[]
  routes: RouteGrant[]
}

export interface CallerAccess {
  caller: Caller
  claims: Record<string, Json> | null
  access: AccessRow[]
}

export interface Access {
  callers: CallerAccess[]
  alike: Record<string, string[]>
  /** The number of callers before `offset` and `limit`. */
  total: number
}

export interface Considered {
  policy: string
  rule: string
  source: string | null
  model: string | null
  holds: boolean
}

export interface SourceLine {
  file: string
  line: number
  text: string
}

export interface Explanation {
  allow: boolean
  status: number
  rule: string | null
  reason: string | null
  meaning: string | null
  documentation: string | null
  advice: string | null
  unenforced: string | null
  token: { iss: Json; aud: Json } | null
  caller: {
    claims: { key: string; claim: string; value: Json; nearest: string | null }[]
    roles: { role: string; because: string; source: string | null }[]
    user_id: string | null
    entity: string | null
  } | null
  request?: { method: string; route: string; models: string[]; sent_to: string[]; team_id: string | null }
  grants?: Considered[]
  checks?: Considered[]
  policies?: string[]
  sources: SourceLine[]
  /** Whether this is what was recorded, because the decision log keeps no inputs. */
  recorded?: boolean
  generation?: number
}

export interface Decision {
  id: string
  at: string
  verdict: string
  rule: string | null
  reason: string | null
  caller: { subject: string | null; user_id: string | null; role: string | null; team: string | null; master_key: boolean } | null
  roles: string[]
  teams: string[]
  models: string[]
  method: string
  route: string
  status: number | null
  latency_ms: number | null
  generation: number
  shadow: string[]
  unenforced: string | null
  shadow_config: string | null
}

export interface Reload {
  at: string
  outcome: 'loaded' | 'refused'
  generation: number
  hash: string | null
  error?: string | null
  changes?: string[]
}

export interface Deployment {
  model: string
  deployment: string
  host: string | null
  cooling_down_seconds: number | null
  succeeded: number
  failed: number
}

export interface Snapshot {
  generation: number
  hash: string | null
  version: string
  mode: string
  solver: boolean
  keys: { issuer: string | null; url: string; keys: number; age_seconds: number | null }[]
  deployments: Deployment[]
  reloads_recent: Reload[]
}

export interface Sources {
  config: SourceFile | null
  policies: SourceFile[]
  cases: SourceFile[]
}

export interface SourceFile {
  name: string
  text: string
}

export interface Diagnostic {
  file?: string | null
  line: number | null
  column: number | null
  message: string
  help?: string | null
  kind?: string
}

export interface Checked {
  valid: boolean
  warnings?: Diagnostic[]
  problems?: Diagnostic[]
  ignored?: { key: string; line: number; count: number; kind: string; reason: string }[]
}

export interface Change {
  caller: Caller
  what: string
  name: string
  change: string
  old: Grant
  new: Grant
  example: Example & { claims?: { old: Json; new: Json } }
}

export interface Diff {
  same: boolean
  changes: Change[]
  not_compared: string[]
  compared: { callers: number; named: Record<string, number>; only_changed_names: boolean; alike: Record<string, string[]> }
}

export interface Direction {
  /** Null if the solver cannot say. */
  possible: boolean | null
  counterexample?: Json
  reason?: string
}

export interface Proof {
  relation: string
  newly_allowed: Direction
  no_longer_allowed: Direction
  solver: string
}

export interface TestReport {
  total: number
  failed: number
  outcomes: {
    file: string
    line: number
    note: string
    passed: boolean
    because: string
    mismatches: { what: string; expected: string; actual: string }[]
  }[]
}

export interface Metrics {
  interval_seconds: number
  start: string
  series: { allowed: number[]; denied: number[]; errors: number[]; p50_ms: (number | null)[]; p99_ms: (number | null)[] }
  denied_by_rule: Record<string, number>
  denied_by_model: Record<string, number>
  shadow: { policies: number; config: number; unenforced: number }
}
