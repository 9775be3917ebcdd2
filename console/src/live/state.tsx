// Keys, deployments and reloads, from the snapshot in force.

import type { JSX } from 'preact'
import { snapshot } from '../lib/state'
import { Name, Sentence, clock, duration, plural } from '../lib/text'
import { Verdict } from '../lib/verdict'
import type { Deployment } from '../types'

const MOST = 50

export function Keys(): JSX.Element {
  const keys = snapshot.value?.keys ?? []
  return (
    <section class="card">
      <h2>Keys of tokens</h2>
      {keys.length === 0 && <p class="quiet">No key set is configured.</p>}
      <ul class="plain">
        {keys.map(({ issuer, url, keys: count, age_seconds: age }) => (
          <li key={url}>
            <Name of={issuer ?? url} />: {plural(count, 'key')}
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
  const all = snapshot.value?.deployments ?? []
  // Those that need a look stand first.
  const trouble = (one: Deployment) => (one.cooling_down_seconds === null ? 0 : 2) + (one.failed > 0 ? 1 : 0)
  const sorted = [...all].sort((a, b) => trouble(b) - trouble(a)).slice(0, MOST)
  const cooling = all.filter((one) => one.cooling_down_seconds !== null).length
  return (
    <section class="card">
      <h2>Deployments</h2>
      <p class="quiet">
        {plural(all.length, 'deployment')}, {cooling === 0 ? 'none cools down' : `${cooling} of them cool down`}.
      </p>
      <ul class="plain" tabIndex={0} aria-label="Deployments">
        {sorted.map((one) => (
          <li key={one.deployment}>
            <Name of={one.deployment} />
            {one.host !== null && (
              <>
                {' '}
                at <Name of={one.host} />
              </>
            )}
            :{' '}
            {one.cooling_down_seconds === null ? (
              <Verdict tone="yes">in use</Verdict>
            ) : (
              <Verdict tone="if">cools down for {duration(one.cooling_down_seconds)}</Verdict>
            )}
            , {plural(one.succeeded, 'call')} served, {one.failed} failed
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
      <ul class="plain" tabIndex={0} aria-label="Reloads">
        {reloads.map((reload) => (
          <li key={reload.at}>
            {clock(reload.at)}{' '}
            <Verdict tone={reload.outcome === 'loaded' ? 'yes' : 'no'}>
              {reload.outcome === 'loaded' ? `generation ${reload.generation}` : `refused, generation ${reload.generation} stays`}
            </Verdict>
            {reload.error && (
              <p class="failure">
                <Sentence of={reload.error} />
              </p>
            )}
            {reload.changes !== undefined && (
              <ul class="changes">
                {reload.changes.length === 0 && <li>nobody gains or loses anything</li>}
                {reload.changes.map((change) => (
                  <li key={change}>
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
