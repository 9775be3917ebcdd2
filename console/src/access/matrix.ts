// The answers of `access`, so that one about a caller, a model and a class of routes is found at once.

import { oneLine } from '../lib/text'
import type { Tone } from '../lib/verdict'
import { callerName, callerSort } from '../lib/words'
import type { Access, Caller, Condition, Json, RouteGrant } from '../types'

/** The requests without a model, among the names of models. No model has an empty name. */
export const WITHOUT = ''

export interface Column {
  name: string
  sort: string
  caller: Caller
  claims: Record<string, Json> | null
  /** The answers of each group of models, and the group of each model. */
  groups: RouteGrant[][]
  groupOf: Map<string, number>
}

export interface Matrix {
  columns: Column[]
  models: string[]
  routes: string[]
  alike: Record<string, string[]>
}

/** One answer, or what several have in common. */
export interface Cell {
  tone: Tone
  text: string
}

/** The order of the columns. */
const SORTS = ['role', 'team', 'scope', 'other', 'master key']

const NOT_ASKED: Cell = { tone: 'none', text: 'not asked' }

export function matrixOf(access: Access): Matrix {
  const [models, routes] = [new Set<string>(), new Set<string>()]
  const columns = access.callers.map(({ caller, claims, access: rows }): Column => {
    const groupOf = new Map<string, number>()
    rows.forEach((row, at) => {
      for (const model of row.models) groupOf.set(model, at)
      for (const model of row.models) models.add(model)
      for (const grant of row.routes) routes.add(grant.routes)
      if (row.models.length === 0) groupOf.set(WITHOUT, at)
    })
    const name = oneLine(callerName(caller, access.alike))
    return { name, sort: callerSort(caller), caller, claims, groups: rows.map((row) => row.routes), groupOf }
  })
  const order = new Intl.Collator('en', { numeric: true })
  columns.sort((a, b) => SORTS.indexOf(a.sort) - SORTS.indexOf(b.sort))
  const byName = (a: string, b: string) => Number(isClass(a)) - Number(isClass(b)) || order.compare(a, b)
  return { columns, models: [...models].sort(byName), routes: [...routes].sort(order.compare), alike: access.alike }
}

/** Whether this stands for models that no rule names, as `access` writes them. */
export function isClass(model: string): boolean {
  return model.startsWith('any other model') || /^`.*` itself$/s.test(model)
}

export function grantsOf(column: Column, model: string): RouteGrant[] {
  const group = column.groupOf.get(model)
  return group === undefined ? [] : (column.groups[group] ?? [])
}

/** The answer on one class of routes, or on all of them if `route` is empty. */
export function cellOf(column: Column, model: string, route: string): Cell {
  const grants = grantsOf(column, model)
  if (route !== '') {
    const grant = grants.find((one) => one.routes === route)
    return grant === undefined ? NOT_ASKED : single(grant)
  }
  const count = (allow: boolean | null) => grants.filter((grant) => grant.allow === allow).length
  const [yes, no, maybe] = [count(true), count(false), count(null)]
  if (grants.length === 0) return NOT_ASKED
  if (no === grants.length) return { tone: 'no', text: 'denied' }
  if (yes === grants.length) return { tone: 'yes', text: 'allowed' }
  if (maybe === 0) return { tone: 'yes', text: `${yes} of ${grants.length} routes` }
  return { tone: 'if', text: `${yes + maybe} of ${grants.length}, some if` }
}

function single(grant: RouteGrant): Cell {
  if (grant.allow === null) return { tone: 'if', text: inWords(grant.conditions ?? []) }
  return grant.allow ? { tone: 'yes', text: 'allowed' } : { tone: 'no', text: 'denied' }
}

function inWords(conditions: Condition[]): string {
  const [first] = conditions
  return conditions.length === 1 && first !== undefined ? `if ${oneLine(first.policy)}` : `if ${conditions.length} policies`
}

/** The class of routes that most people mean: the one of chat completions. */
export function usualRoute(matrix: Matrix): string {
  return matrix.routes.find((route) => route.startsWith('/v1/chat/completions')) ?? ''
}

/** The columns as CSV (RFC 4180). A quote stands before a cell that a spreadsheet would compute. */
export function csvOf(columns: Column[], models: string[], routes: string[]): string {
  const lines = ['caller,model,routes,access,conditions']
  for (const column of columns) {
    for (const model of models) {
      for (const grant of grantsOf(column, model)) {
        if (!routes.includes(grant.routes)) continue
        const conditions = (grant.conditions ?? []).map(({ policy, source }) => `${policy} [${source}]`).join('; ')
        const word = grant.allow === null ? 'if' : grant.allow ? 'allowed' : 'denied'
        lines.push([column.name, model, grant.routes, word, conditions].map(csvCell).join(','))
      }
    }
  }
  return `${lines.join('\n')}\n`
}

export function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
