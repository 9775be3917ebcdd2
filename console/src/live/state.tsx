// Keys, deployments and reloads, from the snapshot in force.

import type { JSX } from 'preact'
import { snapshot } from '../lib/state'
import { Name, Sentence, clock, duration, plural } from '../lib/text'
import { Verdict } from '../lib/verdict'

export function Keys(): JSX.Element {
  const keys = snapshot.value?.keys ?? []
  return (
    <section class="card">
      <h2>Keys of tokens</h2>
      {keys.length === 0 && <p class="quiet">No key set is configured.</p>}
      <ul class="plain">
        {keys.map(({ issuer, url, keys: count, age_seconds: age }, at) => (
          <li key={at}>
            <Name of={issuer ?? url ?? 'any issuer'} />: {plural(count, 'key')}
            {age === null ? (
              <>
                , <Verdict tone="if">not fetched yet</Verdict>
              </>
            ) : (
              `, fetched ${duration(age)} ago`
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}

export function Upstreams(): JSX.Element {
  const deployments = snapshot.value?.deployments ?? []
  return (
    <section class="card">
      <h2>Deployments</h2>
      {deployments.length === 0 && <p class="quiet">No deployment is configured.</p>}
      <ul class="plain">
        {deployments.map((one, at) => (
          <li key={at}>
            <Name of={one.deployment ?? one.model ?? ''} /> {one.host !== undefined && <Name of={one.host} />}{' '}
            {one.cools_down_seconds ? (
              <Verdict tone="if">cools down for {duration(one.cools_down_seconds)}</Verdict>
            ) : (
              <Verdict tone="yes">in use</Verdict>
            )}
            {(one.failures ?? 0) > 0 && `, ${plural(one.failures ?? 0, 'failure')}`}
          </li>
        ))}
      </ul>
    </section>
  )
}

export function Reloads(): JSX.Element {
  const reloads = snapshot.value?.reloads_recent ?? []
  return (
    <section class="card">
      <h2>Reloads</h2>
      {reloads.length === 0 && <p class="quiet">None since the start.</p>}
      <ul class="plain">
        {reloads.map((reload, at) => (
          <li key={at}>
            {clock(reload.at)}{' '}
            <Verdict tone={reload.error ? 'no' : 'yes'}>
              {reload.outcome}
              {reload.generation !== null && `, generation ${reload.generation}`}
            </Verdict>
            {reload.error && (
              <p class="failure">
                <Sentence of={reload.error} />
              </p>
            )}
            {(reload.changes ?? []).length > 0 && (
              <ul class="changes">
                {(reload.changes ?? []).map((change, index) => (
                  <li key={index}>
                    <Sentence of={change} />
                  </li>
                ))}
              </ul>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}
