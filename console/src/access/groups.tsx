// The groups of models that a caller may use alike.

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { Name } from '../lib/text'
import type { RouteGrant } from '../types'
import type { Column } from './matrix'
import { rowName } from './shown'

const FEW = 30
const MANY = 500

export interface Group {
  models: string[]
  grants: RouteGrant[]
}

export function groupsOf(column: Column): Group[] {
  const groups: Group[] = column.groups.map((grants) => ({ models: [], grants }))
  for (const [model, at] of column.groupOf) groups[at]?.models.push(model)
  return groups
}

/** Some names, and more on demand. */
export function Models({ names }: { names: string[] }): JSX.Element {
  const [most, setMost] = useState(FEW)
  const shown = names.slice(0, most)
  return (
    <ul class="names">
      {shown.map((name) => (
        <li key={name}>{name === '' ? rowName(name) : <Name of={name} />}</li>
      ))}
      {names.length > most && (
        <li>
          <button type="button" class="link" onClick={() => setMost(most + MANY)}>
            and {(names.length - most).toLocaleString('en')} more
          </button>
        </li>
      )}
    </ul>
  )
}
