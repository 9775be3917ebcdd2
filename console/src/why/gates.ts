// An explanation as a path through gates. The first gate that is closed ends it.

import type { Considered, Explanation } from '../types'

export type GateName = 'token' | 'caller' | 'request' | 'grants' | 'checks'

export interface Gate {
  name: GateName
  title: string
  isOpen: boolean
  /** Whether the request came this far. */
  isReached: boolean
  summary: string
}

/** The rules that deny because nothing grants. */
const GRANTS = new Set(['master_key', 'R2.unmatched', 'R2.model', 'R2.route'])

export function gatesOf(found: Explanation, isVerified: boolean): Gate[] {
  const hasCaller = found.caller !== null
  const hasRequest = found.request !== undefined
  // A record has no policies, only the rule that denied.
  const isOfGrants = found.rule !== null && GRANTS.has(found.rule)
  const missing = found.grants === undefined ? (isOfGrants ? ['the request'] : []) : ungranted(found)
  const denying = found.checks === undefined ? (found.rule === null || isOfGrants ? 0 : 1) : found.checks.filter((check) => check.holds).length
  const roles = found.caller?.roles.map((role) => role.role) ?? []
  const ofToken = rolesOfToken(found)
  const all: Omit<Gate, 'isReached'>[] = [
    {
      name: 'token',
      title: 'Token',
      isOpen: hasCaller,
      summary: hasCaller ? (isVerified ? 'The token is verified.' : 'The claims were given, not verified.') : 'The token is refused.',
    },
    {
      name: 'caller',
      title: 'Caller',
      isOpen: hasCaller,
      summary: roles.length > 0
          ? `The caller has the role ${roles.join(', ')}.`
          : ofToken.length > 0
            ? `The token names the role ${ofToken.join(', ')}.`
            : 'The caller has no role.',
    },
    {
      name: 'request',
      title: 'Request',
      isOpen: hasRequest,
      summary: hasRequest ? 'Every parser reads the request alike.' : 'The request cannot be judged.',
    },
    {
      name: 'grants',
      title: 'Grants',
      isOpen: missing.length === 0,
      summary: missing.length === 0 ? 'The route and each model are granted.' : `Nothing grants ${missing.join(' and ')}.`,
    },
    {
      name: 'checks',
      title: 'Mandatory checks',
      isOpen: denying === 0,
      summary: denying === 0 ? 'Each check passes.' : denying === 1 ? 'A check denies.' : `${denying} checks deny.`,
    },
  ]
  // Grants and checks are both evaluated, whatever the other says.
  const last = hasRequest ? 5 : hasCaller ? 3 : 1
  return all.map((gate, at) => ({ ...gate, isReached: at < last }))
}

/** The names of roles in the token, before any mapping. */
function rolesOfToken(found: Explanation): string[] {
  const read = found.caller?.claims.filter(({ key }) => key === 'roles_jwt_field' || key === 'user_roles_jwt_field') ?? []
  return read.flatMap(({ value }) => (Array.isArray(value) ? value : [value])).filter((value) => typeof value === 'string')
}

/** What no policy grants: the route, or a model. */
function ungranted(found: Explanation): string[] {
  const grants = found.grants ?? []
  const isGranted = (model: string | null) => grants.some((grant) => grant.model === model && grant.holds)
  const asked = new Set<string | null>([null, ...(found.request?.models ?? []), ...grants.map((grant) => grant.model)])
  return [...asked].filter((model) => !isGranted(model)).map(questionOf)
}

export function questionOf(model: string | null): string {
  if (model === null) return 'the route'
  return model === '' ? 'the model that the route runs, unnamed' : `the model ${model}`
}

/** The places that a change of the answer would touch: the checks that deny, or the grants that do not hold. */
export function placesToChange(found: Explanation): string[] {
  if (found.allow) return []
  const denying = (found.checks ?? []).filter((check) => check.holds && (found.rule === null || check.rule === found.rule))
  const about = (considered: Considered[]) => [...new Set(considered.flatMap(({ source }) => (source === null ? [] : [source])))]
  if (denying.length > 0) return about(denying)
  return about((found.grants ?? []).filter((grant) => !grant.holds)).slice(0, 5)
}
