// What the filters of the address leave of the matrix.

import { useMemo } from 'preact/hooks'
import { param } from '../lib/route'
import { oneLine } from '../lib/text'
import { type Cell, type Column, type Matrix, WITHOUT, cellOf, usualRoute } from './matrix'

export interface Shown {
  byRoutes: boolean
  columns: Column[]
  /** The names of the rows: models, or classes of routes. */
  names: string[]
  cell: (row: number, column: number) => Cell
  /** The models and routes of the rows, for CSV. */
  models: string[]
  routes: string[]
}

const EMPTY: Cell = { tone: 'none', text: '' }

/** The class of routes that is chosen. The empty string means all. */
export function chosenRoute(matrix: Matrix): string {
  const route = param('route')
  return route === '' ? usualRoute(matrix) : route === 'all' ? '' : route
}

export function useShown(matrix: Matrix): Shown {
  const [search, sort, verdict, by, of] = [param('q'), param('sort'), param('verdict'), param('by'), param('of')]
  const route = chosenRoute(matrix)
  return useMemo(() => {
    const byRoutes = by === 'routes'
    const answer = (column: Column, name: string) =>
      byRoutes ? cellOf(column, of, name) : cellOf(column, name, route)
    const all = byRoutes ? matrix.routes : [...matrix.models, WITHOUT]
    const found = searched(matrix, search, sort, all)
    const names = found.names.filter(
      (name) => verdict === '' || found.columns.some((column) => answer(column, name).tone === verdict),
    )
    const cell = (row: number, at: number): Cell => {
      const [name, column] = [names[row], found.columns[at]]
      return name === undefined || column === undefined ? EMPTY : answer(column, name)
    }
    const routes = byRoutes ? names : route === '' ? matrix.routes : [route]
    return { byRoutes, columns: found.columns, names, cell, models: byRoutes ? [of] : names, routes }
  }, [matrix, search, sort, verdict, by, of, route])
}

export function rowName(name: string): string {
  return name === WITHOUT ? 'without a model' : oneLine(name)
}

/** Words find rows. If no row has them, they find callers. */
function searched(matrix: Matrix, search: string, sort: string, all: string[]): { columns: Column[]; names: string[] } {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  const has = (text: string) => words.every((word) => text.toLowerCase().includes(word))
  const columns = matrix.columns.filter((column) => sort === '' || column.sort === sort)
  const names = all.filter((name) => has(rowName(name)))
  if (words.length === 0 || names.length > 0) return { columns, names }
  const callers = columns.filter((column) => has([column.name, ...alikeOf(matrix, column)].join(' ')))
  return callers.length > 0 ? { columns: callers, names: all } : { columns, names }
}

/** The names that are treated as the caller's. */
export function alikeOf(matrix: Matrix, { caller }: Column): string[] {
  const own = [...caller.roles, caller.scope, caller.team_id?.name, ...caller.teams.map((team) => team.name)]
  return own.flatMap((name) =>
    name !== null && name !== undefined && Object.hasOwn(matrix.alike, name) ? (matrix.alike[name] ?? []) : [],
  )
}
