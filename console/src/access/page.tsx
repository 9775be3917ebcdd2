// Access: who may use which models, on which routes.

import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { get } from '../lib/api'
import { useLoaded } from '../lib/load'
import { param, setParams } from '../lib/route'
import { Grid } from '../lib/table'
import { download, plural } from '../lib/text'
import { Failure, Verdict } from '../lib/verdict'
import type { Access } from '../types'
import { Filters } from './filters'
import { type Column, type Matrix, csvOf, matrixOf } from './matrix'
import { rowName, useShown } from './shown'
import { Story } from './story'

export function AccessPage(): JSX.Element {
  const { data, error, isLoading } = useLoaded('access', wholeAccess)
  const matrix = useMemo(() => (data === null ? null : matrixOf(data)), [data])
  return (
    <main id="main" class="access" tabIndex={-1}>
      <h1>Access</h1>
      <Failure error={error} />
      {matrix === null ? isLoading && <p class="quiet">Loading…</p> : <Answers matrix={matrix} />}
    </main>
  )
}

const AT_ONCE = 1000

/** Every caller, some at a time. */
async function wholeAccess(signal: AbortSignal): Promise<Access> {
  const whole = await get<Access>('access', { limit: AT_ONCE }, signal)
  while (whole.callers.length < whole.total) {
    const { callers } = await get<Access>('access', { offset: whole.callers.length, limit: AT_ONCE }, signal)
    if (callers.length === 0) break
    whole.callers.push(...callers)
  }
  return whole
}

function Answers({ matrix }: { matrix: Matrix }): JSX.Element {
  const shown = useShown(matrix)
  const hasStory = param('show') !== ''
  const caller = (column: number) => shown.columns[column]?.name ?? ''
  const name = (row: number) => shown.names[row] ?? ''
  const openRow = (row: number) =>
    shown.byRoutes ? setParams({ by: '', route: name(row) }) : setParams({ show: 'model', model: name(row), caller: '' })
  const openCell = (row: number, column: number) =>
    setParams({ show: 'cell', caller: caller(column), model: shown.byRoutes ? param('of') : name(row) })
  return (
    <>
      <Filters matrix={matrix} onSave={() => save(shown)} />
      <p class="quiet" role="status">
        {shown.byRoutes ? plural(shown.names.length, 'class of routes', 'classes of routes') : plural(shown.names.length, 'row')},{' '}
        {plural(shown.columns.length, 'caller')}. Each column is a token with a single role, team or scope.
      </p>
      <div class={hasStory ? 'split' : 'whole'}>
        <Grid
          label={shown.byRoutes ? 'Routes by caller' : 'Models by caller'}
          rows={shown.names.length}
          head={{ id: 'name', label: shown.byRoutes ? 'Routes' : 'Model', width: headWidth() }}
          rowHead={(row) => rowName(name(row))}
          columns={shown.columns.map((column) => ({ id: column.name, label: column.name, width: widthOf(column) }))}
          cell={(row, column) => {
            const { tone, text } = shown.cell(row, column)
            return <Verdict tone={tone}>{text}</Verdict>
          }}
          onRow={openRow}
          onColumn={(column) => setParams({ show: 'caller', caller: caller(column), model: '' })}
          onCell={openCell}
          empty="Nothing matches the filters."
        />
        {hasStory && <Story matrix={matrix} />}
      </div>
    </>
  )
}

const save = (shown: ReturnType<typeof useShown>): void =>
  download('access.csv', 'text/csv', csvOf(shown.columns, shown.models, shown.routes))

const headWidth = (): number => Math.min(300, Math.max(130, Math.floor(innerWidth * 0.4)))
const widthOf = (column: Column): number => Math.min(260, Math.max(130, column.name.length * 8 + 26))
