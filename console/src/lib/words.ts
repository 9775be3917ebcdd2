// Callers and rules in words, as the command writes them.

import type { Caller, Named } from '../types'

/** A caller in words, such as "role dev, team red". `alike` has the names that are treated as the caller's. */
export function callerName(caller: Caller, alike: Record<string, string[]> = {}): string {
  const parts = callerParts(caller, alike)
  return parts.length > 0 ? parts.join(', ') : 'no role, team or scope'
}

export function callerParts(caller: Caller, alike: Record<string, string[]> = {}): string[] {
  if (caller.master_key) return ['the master key']
  const all = (name: string) => {
    const others = Object.hasOwn(alike, name) ? (alike[name] ?? []) : []
    return others.length > 2 ? `${name} and ${others.length} alike` : [name, ...others].join(' or ')
  }
  const parts: string[] = []
  const add = (what: string, named: Named | null) => {
    if (named !== null) parts.push(named.name === undefined ? `any other ${what}` : `${what} ${all(named.name)}`)
  }
  if (caller.issuer !== null) parts.push(`issuer ${caller.issuer}`)
  for (const role of caller.roles) parts.push(`role ${all(role)}`)
  add('team id', caller.team_id)
  add('object id', caller.object_id)
  for (const team of caller.teams) add('team', team)
  add('team alias', caller.team_alias)
  if (caller.team_header !== null) parts.push(`x-litellm-team-id: ${caller.team_header}`)
  if (caller.scope !== null) parts.push(`scope ${all(caller.scope)}`)
  if (caller.admin) parts.push('the admin scope')
  if (caller.email_domain?.name !== undefined) parts.push(`email at ${caller.email_domain.name}`)
  if (!caller.user_id) parts.push('no user id')
  return parts
}

/** What a caller is, to filter by. */
export function callerSort(caller: Caller): string {
  if (caller.master_key) return 'master key'
  if (caller.roles.length > 0) return 'role'
  if (caller.scope !== null) return 'scope'
  if (caller.team_id !== null || caller.teams.length > 0 || caller.team_alias !== null || caller.object_id !== null) return 'team'
  return 'other'
}

/** What a mandatory check asks. A check that holds denies. */
const ASKS: Record<string, string> = {
  overage: 'The token carries every claim that roles and teams are read from.',
  deny_models: 'No role of the token denies the model.',
  references: 'No id in the request belongs to another caller.',
  'R3.scope': 'A scope of the token allows the model.',
  'R5.admin_route': 'An admin stays on the routes for admins.',
  'R6.header': 'x-litellm-team-id, if sent, names a team of the caller.',
  'R6.unknown_team': 'The token’s team is declared.',
  'R6.no_team': 'The token names a team if one is required.',
  'R6.no_team_with_model': 'One of the caller’s teams may use the model on this route.',
  'R6.blocked': 'The team is not blocked.',
  'R6.team_route': 'The team may call the route.',
  'R6.team_model': 'The team may use the model.',
  'R7.email_domain': 'The email is of the allowed domain.',
  'R8.identity': 'A user or a team is known.',
  'R9.floor': 'The route is one of an LLM API, or a list of the configuration names it.',
  policy: 'The conditions of the policy do not hold.',
}

export function asks(rule: string): string {
  return (Object.hasOwn(ASKS, rule) ? ASKS[rule] : undefined) ?? 'It is granted.'
}
