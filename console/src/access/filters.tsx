// The filters of the matrix. Each is a setting in the address.

import type { JSX } from 'preact'
import { Choice, Search } from '../lib/controls'
import { param, setParams } from '../lib/route'
import { oneLine } from '../lib/text'
import type { Matrix } from './matrix'
import { chosenRoute } from './shown'

const VERDICTS: [string, string][] = [
  ['', 'any verdict'],
  ['yes', 'allowed to somebody'],
  ['if', 'under a condition'],
  ['no', 'denied to somebody'],
]

export function Filters({ matrix, onSave }: { matrix: Matrix; onSave: () => void }): JSX.Element {
  const byRoutes = param('by') === 'routes'
  const sorts = [...new Set(matrix.columns.map((column) => column.sort))]
  const route = chosenRoute(matrix)
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <Search label="Search" value={param('q')} onInput={(q) => setParams({ q })} hint="model, role, team" />
      <Choice
        label="Rows"
        value={param('by')}
        onChange={(by) => setParams({ by, show: '' })}
        options={[
          ['', 'models'],
          ['routes', 'routes'],
        ]}
      />
      {byRoutes ? (
        <>
          <label>
            Model
            <input
              type="text"
              list="models"
              value={param('of')}
              placeholder="without a model"
              onChange={(event) => setParams({ of: event.currentTarget.value })}
            />
          </label>
          <datalist id="models">
            {matrix.models.slice(0, 500).map((model) => (
              <option key={model} value={model}>
                {oneLine(model)}
              </option>
            ))}
          </datalist>
        </>
      ) : (
        <Choice
          label="Routes"
          value={route === '' ? 'all' : route}
          onChange={(chosen) => setParams({ route: chosen })}
          options={[['all', 'all routes'], ...matrix.routes.map((one): [string, string] => [one, oneLine(one)])]}
        />
      )}
      <Choice
        label="Callers"
        value={param('sort')}
        onChange={(sort) => setParams({ sort })}
        options={[['', 'all'], ...sorts.map((sort): [string, string] => [sort, sort])]}
      />
      <Choice label="Verdict" value={param('verdict')} onChange={(verdict) => setParams({ verdict })} options={VERDICTS} />
      <button type="button" onClick={onSave}>
        Download CSV
      </button>
    </form>
  )
}
