// What the gateway says about the draft.

import type { JSX } from 'preact'
import { useSources } from '../lib/source'
import { Name, Sentence, json, oneLine, plural, visible } from '../lib/text'
import { type Tone, Verdict } from '../lib/verdict'
import { callerName } from '../lib/words'
import type { Change, Diagnostic, Diff, Direction, Proof, TestReport } from '../types'
import { Conditions } from '../access/story'
import type { Said } from './ask'

const MOST = 200

export interface ResultsProps {
  said: Said
  hasEdits: boolean
  configName: string
  onPlace: (diagnostic: Diagnostic) => void
}

export function Results({ said, hasEdits, configName, onPlace }: ResultsProps): JSX.Element {
  return (
    <section class="results" aria-label="Results" aria-busy={said.state !== 'done'}>
      <p role="status">
        <Summary said={said} hasEdits={hasEdits} />
        {said.state === 'asking' && <span class="quiet"> Asking…</span>}
      </p>
      {said.error !== '' && (
        <p class="failure" role="alert">
          <Sentence of={said.error} />
        </p>
      )}
      {said.diagnostics.length > 0 && (
        <>
          <h2>Findings</h2>
          <ul class="plain">
            {said.diagnostics.map((one, at) => (
              <li key={at}>
                <Finding of={one} configName={configName} onPlace={onPlace} />
              </li>
            ))}
          </ul>
        </>
      )}
      {hasEdits && said.diff !== null && <Changes diff={said.diff} />}
      {hasEdits && said.proof !== null && <Proven proof={said.proof} />}
      {said.tested.length > 0 && <Cases reports={said.tested} />}
    </section>
  )
}

function Summary({ said, hasEdits }: { said: Said; hasEdits: boolean }): JSX.Element | null {
  if (said.state === 'waiting') return null
  if (said.error !== '') return <Verdict tone="none">no answer</Verdict>
  if (!said.isValid) return <Verdict tone="no">not valid: it would not be put in force</Verdict>
  if (said.diff === null && hasEdits) return <Verdict tone="none">valid; comparing</Verdict>
  if (!hasEdits) return <Verdict tone="yes">this is what is in force</Verdict>
  const count = said.diff?.changes.length ?? 0
  return said.diff?.same === true ? (
    <Verdict tone="yes">valid; nobody gains or loses anything</Verdict>
  ) : (
    <Verdict tone="if">valid; {plural(count, 'change')}</Verdict>
  )
}

function Finding({ of, configName, onPlace }: { of: Diagnostic; configName: string; onPlace: (diagnostic: Diagnostic) => void }): JSX.Element {
  const place = of.line === null ? null : `${of.file ?? configName}:${of.line}`
  const isWarning = of.kind === 'warning' || of.kind?.startsWith('ignored') === true
  return (
    <>
      <Verdict tone={isWarning ? 'if' : 'no'}>{oneLine(of.kind ?? 'error')}</Verdict>{' '}
      {place !== null && (
        <button type="button" class="link" onClick={() => onPlace(of)}>
          {oneLine(place)}
        </button>
      )}{' '}
      <Sentence of={of.message} />
      {of.help !== null && of.help !== undefined && (
        <p class="quiet">
          <Sentence of={of.help} />
        </p>
      )}
    </>
  )
}

const TONES: Record<string, Tone> = { gains: 'yes', loses: 'no' }

function Changes({ diff }: { diff: Diff }): JSX.Element {
  const { data: sources } = useSources()
  return (
    <>
      <h2>Who gains and loses</h2>
      {diff.changes.length === 0 && <p>Nobody, as far as it was compared.</p>}
      {byCaller(diff).map(([who, changes]) => (
        <section key={who} class="group">
          <h3>
            <bdi>{who}</bdi>
          </h3>
          <ul class="plain">
            {changes.map((change, at) => (
              <li key={at}>
                <Verdict tone={TONES[change.change] ?? 'if'}>{oneLine(change.change)}</Verdict> {oneLine(change.what)} <Name of={change.name} />
                <Conditions of={change.new.conditions ?? []} sources={sources} />
              </li>
            ))}
          </ul>
        </section>
      ))}
      {diff.changes.length > MOST && <p class="quiet">and {plural(diff.changes.length - MOST, 'more change')}.</p>}
      {diff.not_compared.length > 0 && (
        <>
          <h3>Not compared</h3>
          <ul class="plain">
            {diff.not_compared.map((text, at) => (
              <li key={at}>{visible(text)}</li>
            ))}
          </ul>
        </>
      )}
    </>
  )
}

function byCaller(diff: Diff): [string, Change[]][] {
  const groups = new Map<string, Change[]>()
  for (const change of diff.changes.slice(0, MOST)) {
    const who = oneLine(callerName(change.caller, diff.compared.alike))
    groups.set(who, [...(groups.get(who) ?? []), change])
  }
  return [...groups]
}

const RELATIONS: Record<string, string> = {
  equivalent: 'Proven: the draft allows exactly the requests that are allowed now.',
  narrower: 'Proven: the draft allows nothing that is denied now, and less.',
  wider: 'Proven: the draft allows everything that is allowed now, and more.',
  neither: 'Proven: each side allows requests that the other denies.',
}

function Proven({ proof }: { proof: Proof }): JSX.Element {
  return (
    <>
      <h2>Proof</h2>
      <p>{RELATIONS[proof.relation] ?? 'The solver cannot say.'}</p>
      <Example title="Newly allowed, for example" of={proof.newly_allowed} />
      <Example title="No longer allowed, for example" of={proof.no_longer_allowed} />
      <p class="quiet">By {oneLine(proof.solver)}.</p>
    </>
  )
}

function Example({ title, of }: { title: string; of: Direction }): JSX.Element | null {
  if (of.possible === false) return null
  return (
    <>
      <h3>{title}</h3>
      {of.reason !== undefined && <p>{visible(of.reason)}</p>}
      {of.counterexample !== undefined && (
        <pre tabIndex={0} aria-label={title}>
          {json(of.counterexample)}
        </pre>
      )}
    </>
  )
}

function Cases({ reports }: { reports: TestReport[] }): JSX.Element {
  const sum = (of: (report: TestReport) => number) => reports.reduce((total, report) => total + of(report), 0)
  const [total, failed] = [sum((report) => report.total), sum((report) => report.failed)]
  const failing = reports.flatMap((report) => report.outcomes.filter((outcome) => !outcome.passed))
  return (
    <>
      <h2>Cases</h2>
      <p>
        <Verdict tone={failed === 0 ? 'yes' : 'no'}>{failed === 0 ? `all of ${plural(total, 'case')} pass` : `${failed} of ${plural(total, 'case')} fail`}</Verdict>
      </p>
      <ul class="plain">
        {failing.map((one) => (
          <li key={`${one.file}:${one.line}`}>
            <Verdict tone="no">fails</Verdict> <Name of={one.note} />, line {one.line}
            {one.mismatches.map(({ what, expected, actual }) => (
              <p key={what}>
                {oneLine(what)}: expected <Name of={expected} />, but it is <Name of={actual} />.
              </p>
            ))}
            <p class="quiet">
              <Sentence of={one.because} />
            </p>
          </li>
        ))}
      </ul>
    </>
  )
}
