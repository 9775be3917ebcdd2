// The whole story of a column, a row or a cell.

import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { link, param, setParams } from '../lib/route'
import { Source, useSources } from '../lib/source'
import { Name, json, oneLine, plural } from '../lib/text'
import { Verdict, toneOf, wordOf } from '../lib/verdict'
import type { Condition, RouteGrant, Sources } from '../types'
import { type Column, type Matrix, cellOf, grantsOf, isClass } from './matrix'
import { Models, groupsOf } from './groups'
import { alikeOf, chosenRoute, rowName } from './shown'

const close = (): void => setParams({ show: '', caller: '', model: '' })

export function Story({ matrix }: { matrix: Matrix }): JSX.Element {
  const [show, model] = [param('show'), param('model')]
  const column = matrix.columns.find((one) => one.name === param('caller'))
  const { data: sources } = useSources()
  if (show === 'model') {
    return (
      <Panel title={`Model ${rowName(model)}`}>
        <OfModel matrix={matrix} model={model} />
      </Panel>
    )
  }
  if (column === undefined) {
    return (
      <Panel title="Unknown caller">
        <p>No rule in force names this caller.</p>
      </Panel>
    )
  }
  return show === 'cell' ? (
    <Panel title={`${column.name}: ${rowName(model)}`}>
      <OfCell matrix={matrix} column={column} model={model} sources={sources} />
    </Panel>
  ) : (
    <Panel title={column.name}>
      <OfCaller matrix={matrix} column={column} sources={sources} />
    </Panel>
  )
}

/** Takes the focus when it opens. Escape closes it, and gives the focus back to the grid. */
function Panel({ title, children }: { title: string; children: ComponentChildren }): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus(), [title])
  const leave = () => {
    close()
    document.querySelector<HTMLElement>('main [role=grid]')?.focus()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') leave()
  }
  return (
    <section class="panel" aria-label={title} onKeyDown={onKeyDown}>
      <header>
        <h2 ref={heading} tabIndex={-1}>
          {title}
        </h2>
        <button type="button" onClick={leave} aria-label="Close">
          ✕
        </button>
      </header>
      {children}
    </section>
  )
}

function OfCaller({ matrix, column, sources }: { matrix: Matrix; column: Column; sources: Sources | null }): JSX.Element {
  const alike = alikeOf(matrix, column)
  return (
    <>
      {alike.length > 0 && (
        <p>
          The rules treat these alike:{' '}
          {alike.map((name, at) => (
            <span key={name}>
              {at > 0 && ', '}
              <Name of={name} />
            </span>
          ))}
        </p>
      )}
      {column.claims !== null && (
        <>
          <h3>Claims of such a token</h3>
          <pre tabIndex={0} aria-label="Claims">
            {json(column.claims)}
          </pre>
        </>
      )}
      {groupsOf(column).map((group, at) => (
        <section key={at} class="group">
          <h3>{group.models.length > 1 ? plural(group.models.length, 'model') : 'On'}</h3>
          <Models names={group.models} />
          <Grants grants={group.grants} sources={sources} />
        </section>
      ))}
    </>
  )
}

interface GrantsProps {
  grants: RouteGrant[]
  sources: Sources | null
  /** Where to ask why. */
  why?: (grant: RouteGrant) => string | null
}

/** Answers on routes, grouped by the answer. */
function Grants({ grants, sources, why }: GrantsProps): JSX.Element {
  const groups = new Map<string, RouteGrant[]>()
  for (const grant of grants) {
    const key = JSON.stringify([grant.allow, grant.conditions ?? null])
    groups.set(key, [...(groups.get(key) ?? []), grant])
  }
  return (
    <ul class="plain">
      {[...groups].map(([key, same]) => {
        const [{ allow, conditions }] = same as [RouteGrant]
        return (
          <li key={key}>
            <Verdict tone={toneOf(allow)}>{wordOf(allow)}</Verdict>
            <ul class="routes">
              {same.map((grant) => (
                <li key={grant.routes}>
                  <Name of={grant.routes} /> <Why to={why?.(grant) ?? null} about={grant.routes} />
                </li>
              ))}
            </ul>
            <Conditions of={conditions ?? []} sources={sources} />
          </li>
        )
      })}
    </ul>
  )
}

function Why({ to, about }: { to: string | null; about: string }): JSX.Element | null {
  return to === null ? null : (
    <a href={to} aria-label={`Why: ${oneLine(about)}`}>
      Why
    </a>
  )
}

export function Conditions({ of, sources }: { of: Condition[]; sources: Sources | null }): JSX.Element | null {
  if (of.length === 0) return null
  return (
    <ul class="conditions">
      {of.map((condition) => (
        <li key={condition.policy + condition.source}>
          <p>
            {condition.effect === 'permit' ? 'Allowed only if' : 'Denied if'} the policy <Name of={condition.policy} /> applies:{' '}
            <code>{oneLine(condition.condition)}</code>
          </p>
          <Source at={condition.source} sources={sources} />
        </li>
      ))}
    </ul>
  )
}

function OfModel({ matrix, model }: { matrix: Matrix; model: string }): JSX.Element {
  const route = chosenRoute(matrix)
  const order = { yes: 0, if: 1, no: 2, none: 3 }
  const cells = matrix.columns.map((column) => ({ column, cell: cellOf(column, model, route) }))
  cells.sort((a, b) => order[a.cell.tone] - order[b.cell.tone])
  return (
    <>
      <p>
        On <Name of={route === '' ? 'all routes' : route} />
      </p>
      <table class="list">
        <thead>
          <tr>
            <th scope="col">Caller</th>
            <th scope="col">Answer</th>
          </tr>
        </thead>
        <tbody>
          {cells.map(({ column, cell }) => (
            <tr key={column.name}>
              <th scope="row">
                <button type="button" class="link" onClick={() => setParams({ show: 'cell', caller: column.name })}>
                  <bdi>{column.name}</bdi>
                </button>
              </th>
              <td>
                <Verdict tone={cell.tone}>{cell.text}</Verdict>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}

function OfCell({ matrix, column, model, sources }: { matrix: Matrix; column: Column; model: string; sources: Sources | null }): JSX.Element {
  // The chosen routes stand first.
  const route = chosenRoute(matrix)
  const grants = grantsOf(column, model)
  const sorted = [...grants.filter((one) => one.routes === route), ...grants.filter((one) => one.routes !== route)]
  const why = (grant: RouteGrant) => (column.claims === null ? null : whyLink(column, model, grant))
  return <Grants grants={sorted} sources={sources} why={why} />
}

/** The example is of the group, so the model is put in. */
function whyLink({ claims }: Column, model: string, { example }: RouteGrant): string {
  const body = model === '' || isClass(model) ? example.body : { model }
  return link('why', {
    claims: JSON.stringify(claims),
    method: example.method ?? 'POST',
    path: example.path ?? '',
    body: body === undefined ? '' : JSON.stringify(body),
  })
}
