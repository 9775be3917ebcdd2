// The list of decisions, with its filters. Each filter is a setting in the address.

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { Choice, Search } from '../lib/controls'
import { link, param, setParams } from '../lib/route'
import { type Column, Grid } from '../lib/table'
import { clock, oneLine } from '../lib/text'
import { type Tone, Verdict } from '../lib/verdict'
import type { Decision } from '../types'
import { type Feed, useFeed } from './feed'

const FILTERS = ['verdict', 'rule', 'role', 'team', 'model'] as const

const COLUMNS: Column[] = [
  { id: 'verdict', label: 'Verdict', width: 100 },
  { id: 'rule', label: 'Rule', width: 150 },
  { id: 'caller', label: 'Caller', width: 190 },
  { id: 'models', label: 'Models', width: 200 },
  { id: 'route', label: 'Route', width: 240 },
  { id: 'status', label: 'Status', width: 70 },
  { id: 'latency', label: 'ms', width: 70 },
]

const TONES: Record<string, Tone> = { allowed: 'yes', denied: 'no', refused: 'no', failed: 'if' }

export function Decisions(): JSX.Element {
  const [isPaused, setPaused] = useState(false)
  const feed = useFeed(Object.fromEntries(FILTERS.map((name) => [name, param(name)])), isPaused)
  const at = (row: number): Decision | undefined => feed.decisions[row]
  const open = (row: number) => {
    const id = at(row)?.id
    if (id !== undefined) location.hash = link('why', { id })
  }
  return (
    <section aria-labelledby="decisions">
      <header class="bar">
        <h2 id="decisions">Decisions</h2>
        <p role="status">
          <State feed={feed} isPaused={isPaused} />
        </p>
        <button type="button" aria-pressed={isPaused} onClick={() => setPaused(!isPaused)}>
          {isPaused ? 'Go on' : 'Pause'}
        </button>
      </header>
      <Filters />
      <Grid
        label="Decisions, the newest first. Enter shows why."
        rows={feed.decisions.length}
        head={{ id: 'time', label: 'Time', width: 92 }}
        rowHead={(row) => clock(at(row)?.at ?? '')}
        columns={COLUMNS}
        cell={(row, column) => {
          const decision = at(row)
          return decision === undefined ? '' : cellOf(decision, COLUMNS[column]?.id ?? '')
        }}
        onRow={open}
        empty={feed.state === 'live' ? 'No decision yet.' : ''}
      />
    </section>
  )
}

function State({ feed, isPaused }: { feed: Feed; isPaused: boolean }): JSX.Element {
  if (isPaused) return <Verdict tone="none">paused</Verdict>
  if (feed.state === 'lost') return <Verdict tone="no">{feed.error || 'the stream ended'}; trying again</Verdict>
  if (feed.state === 'connecting') return <Verdict tone="none">connecting</Verdict>
  if (feed.sampled === null) return <Verdict tone="yes">every decision is shown</Verdict>
  const { seen, sent } = feed.sampled
  return (
    <Verdict tone="if">
      sampled: {sent} of {seen} decisions in the last second are shown
    </Verdict>
  )
}

function Filters(): JSX.Element {
  const field = (name: string, label: string) => (
    <Search key={name} label={label} value={param(name)} hint="exact name" onInput={(value) => setParams({ [name]: value })} />
  )
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <Choice
        label="Verdict"
        value={param('verdict')}
        onChange={(verdict) => setParams({ verdict })}
        options={[['', 'any'], ...Object.keys(TONES).map((verdict): [string, string] => [verdict, verdict])]}
      />
      {field('rule', 'Rule')}
      {field('role', 'Role')}
      {field('team', 'Team')}
      {field('model', 'Model')}
    </form>
  )
}

function cellOf(decision: Decision, column: string): JSX.Element | string {
  switch (column) {
    case 'verdict':
      return <Verdict tone={TONES[decision.verdict] ?? 'none'}>{oneLine(decision.verdict)}</Verdict>
    case 'rule':
      return <bdi title={oneLine(ruleOf(decision))}>{oneLine(ruleOf(decision))}</bdi>
    case 'caller':
      return <bdi title={callerOf(decision)}>{callerOf(decision)}</bdi>
    case 'models':
      return <bdi title={oneLine(decision.models.join(', '))}>{oneLine(decision.models.join(', '))}</bdi>
    case 'route':
      return <bdi>{oneLine(`${decision.method} ${decision.route}`)}</bdi>
    case 'status':
      return decision.status === null ? '–' : String(decision.status)
    case 'latency':
      return decision.latency_ms === null ? '–' : decision.latency_ms.toFixed(1)
    default:
      return ''
  }
}

/** The rule that denied, why the token was refused, or what would have denied. */
function ruleOf({ rule, reason, unenforced, shadow, shadow_config: config }: Decision): string {
  const trials = [...(unenforced === null ? [] : [`not enforced: ${unenforced}`]), ...(config === null ? [] : [`shadow: ${config}`])]
  const wouldChange = shadow.length > 0 ? [`shadow: ${shadow.join(', ')}`] : []
  return [rule ?? reason ?? '', ...trials, ...wouldChange].filter(Boolean).join('; ')
}

function callerOf({ roles, teams, caller }: Decision): string {
  if (caller === null) return 'no valid token'
  const subject = caller.master_key ? 'the master key' : (caller.subject ?? caller.user_id ?? '')
  return oneLine([subject, ...roles, ...teams].filter(Boolean).join(', ') || 'no name')
}
