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

export function gatesOf(found: Explanation, isVerified: boolean): Gate[] {
  const hasCaller = found.caller !== null
  const hasRequest = found.request !== undefined
  const missing = hasRequest ? ungranted(found) : []
  const denying = (found.checks ?? []).filter((check) => check.holds)
  const roles = found.caller?.roles.map((role) => role.role) ?? []
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
      summary: roles.length > 0 ? `The caller has the role ${roles.join(', ')}.` : 'The caller has no role.',
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
      isOpen: denying.length === 0,
      summary: denying.length === 0 ? 'Each check passes.' : `${denying.length} of ${found.checks?.length ?? 0} checks deny.`,
    },
  ]
  // Grants and checks are both evaluated, whatever the other says.
  const last = hasRequest ? 5 : hasCaller ? 3 : 1
  return all.map((gate, at) => ({ ...gate, isReached: at < last }))
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
