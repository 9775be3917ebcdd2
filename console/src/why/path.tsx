// The path through the gates, each with the lines that decided.

import type { ComponentChildren, JSX } from 'preact'
import { Source, useSources } from '../lib/source'
import { Name, Sentence, json, oneLine, plural, visible } from '../lib/text'
import { Verdict } from '../lib/verdict'
import { asks } from '../lib/words'
import type { Considered, Explanation, SourceLine, Sources } from '../types'
import { Alternatives } from './alternatives'
import { type Gate, type GateName, gatesOf, placesToChange, questionOf } from './gates'

interface Known {
  sources: Sources | null
  given: SourceLine[] | undefined
}

export function Path({ found, isVerified }: { found: Explanation; isVerified: boolean }): JSX.Element {
  const { data: sources } = useSources()
  const known: Known = { sources, given: found.sources }
  const details: Record<GateName, ComponentChildren> = {
    token: found.token !== null && <pre>{json(found.token)}</pre>,
    caller: found.caller !== null && <CallerOf caller={found.caller} known={known} />,
    request: found.request !== undefined && <RequestOf request={found.request} />,
    grants: found.grants !== undefined && <ConsideredList of={found.grants} isCheck={false} known={known} />,
    checks: found.checks !== undefined && <ConsideredList of={found.checks} isCheck={true} known={known} />,
  }
  return (
    <>
      {found.recorded === true && (
        <p class="quiet">
          The decision log keeps no inputs, so this is what was recorded
          {found.generation !== undefined && ` under generation ${found.generation}`}. With <code>replayable: true</code> it would be decided again.
        </p>
      )}
      <Outcome found={found} known={known} />
      <h2>The path</h2>
      <ol class="gates">
        {gatesOf(found, isVerified).map((gate) => (
          <GateView key={gate.name} gate={gate}>
            {details[gate.name]}
          </GateView>
        ))}
      </ol>
    </>
  )
}

function Outcome({ found, known }: { found: Explanation; known: Known }): JSX.Element {
  const places = placesToChange(found)
  return (
    <div class="outcome">
      <h2>
        <Verdict tone={found.allow ? 'yes' : 'no'}>
          {found.allow ? 'Allowed' : `Denied (${found.status})`}
          {found.rule !== null && ': '}
        </Verdict>
        {found.rule !== null && <Name of={found.rule} />}
      </h2>
      {found.reason !== null && (
        <p>
          <Sentence of={found.reason} />
        </p>
      )}
      {found.unenforced !== null && (
        <p>
          <Verdict tone="if">Not enforced</Verdict> <Name of={found.unenforced} /> would deny it, but the mode is <code>log_only</code>.
        </p>
      )}
      {found.meaning !== null && (
        <p class="quiet">
          The rule: <Sentence of={found.meaning} />.
        </p>
      )}
      {found.advice !== null && (
        <div class="advice">
          <h3>The smallest change</h3>
          <p>
            To allow it, <Sentence of={found.advice} />.
          </p>
          {places.map((place) => (
            <Source key={place} at={place} {...known} />
          ))}
          {found.request !== undefined && <Alternatives request={found.request} />}
        </div>
      )}
      {found.policies !== undefined && (
        <p class="quiet">
          Decided by:{' '}
          {found.policies.length === 0
            ? 'no matching grant'
            : found.policies.map((policy, at) => (
                <span key={policy}>
                  {at > 0 && ', '}
                  <Name of={policy} />
                </span>
              ))}
        </p>
      )}
    </div>
  )
}

function GateView({ gate, children }: { gate: Gate; children: ComponentChildren }): JSX.Element {
  const tone = !gate.isReached ? 'none' : gate.isOpen ? 'yes' : 'no'
  return (
    <li class={`gate ${tone}`}>
      <h3>
        {gate.title} <Verdict tone={tone}>{!gate.isReached ? 'not reached' : gate.isOpen ? 'open' : 'closed'}</Verdict>
      </h3>
      {gate.isReached && <p>{visible(gate.summary)}</p>}
      {gate.isReached && children}
    </li>
  )
}

function CallerOf({ caller, known }: { caller: NonNullable<Explanation['caller']>; known: Known }): JSX.Element {
  return (
    <>
      <ul class="plain">
        {caller.roles.map((role) => (
          <li key={role.role + role.because}>
            <Name of={role.role} />: <Sentence of={role.because} />
            {role.source !== null && <Source at={role.source} {...known} />}
          </li>
        ))}
      </ul>
      {caller.claims.length > 0 && (
        <div class="region" tabIndex={0} role="region" aria-label="Claims that the configuration reads">
          <table class="list">
            <thead>
              <tr>
                <th scope="col">Claim</th>
                <th scope="col">Value</th>
                <th scope="col">Read by</th>
              </tr>
            </thead>
            <tbody>
              {caller.claims.map((claim) => (
                <tr key={claim.key}>
                  <th scope="row">
                    <Name of={claim.claim} />
                  </th>
                  <td>
                    {claim.value === null ? 'absent' : <Name of={JSON.stringify(claim.value)} />}
                    {claim.nearest !== null && (
                      <>
                        ; nearest: <Name of={claim.nearest} />
                      </>
                    )}
                  </td>
                  <td>
                    <Name of={claim.key} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <p class="quiet">
        {caller.entity !== null && (
          <>
            In policies: <Name of={caller.entity} />.{' '}
          </>
        )}
        User id: {caller.user_id === null ? 'none' : <Name of={caller.user_id} />}.
      </p>
    </>
  )
}

function RequestOf({ request }: { request: NonNullable<Explanation['request']> }): JSX.Element {
  return (
    <dl class="facts">
      <dt>Request</dt>
      <dd>
        <Name of={`${request.method} ${request.route}`} />
      </dd>
      <dt>Models</dt>
      <dd>
        {request.models.length === 0 && 'none'}
        {request.models.map((model, at) => (
          <span key={model}>
            {at > 0 && ', '}
            <Name of={model} />
            {request.sent_to[at] !== undefined && (
              <>
                {' '}
                → <Name of={request.sent_to[at]} />
              </>
            )}
          </span>
        ))}
      </dd>
      <dt>Team</dt>
      <dd>{request.team_id === null ? 'none' : <Name of={request.team_id} />}</dd>
    </dl>
  )
}

/** A grant that holds says yes. A check that holds says no. */
function ConsideredList({ of, isCheck, known }: { of: Considered[]; isCheck: boolean; known: Known }): JSX.Element | null {
  if (of.length === 0) return <p class="quiet">{isCheck ? 'No check applies.' : 'No grant applies to this caller.'}</p>
  const [decisive, others] = [of.filter((one) => one.holds), of.filter((one) => !one.holds)]
  const list = (some: Considered[]) => (
    <ul class="plain considered">
      {some.map((one, at) => (
        <li key={at}>
          <Verdict tone={one.holds !== isCheck ? 'yes' : 'no'}>{one.holds !== isCheck ? 'yes' : 'no'}</Verdict> {oneLine(questionOf(one.model))}:{' '}
          <Name of={one.policy} />
          {isCheck && <span class="quiet"> {asks(one.rule)}</span>}
          {one.source !== null && <Source at={one.source} {...known} />}
        </li>
      ))}
    </ul>
  )
  return (
    <>
      {decisive.length > 0 && list(decisive)}
      {others.length > 0 && (
        <details>
          <summary>{isCheck ? plural(others.length, 'check that passes', 'checks that pass') : plural(others.length, 'grant that does not apply', 'grants that do not apply')}</summary>
          {list(others)}
        </details>
      )}
    </>
  )
}
