// Live: decisions as they are made, and the state of the gateway.

import type { JSX } from 'preact'
import { lazy } from '../lib/lazy'
import { Decisions } from './decisions'
import { Keys, Reloads, Upstreams } from './state'

// The charts have a library of their own, which the other pages do not need.
const Charts = lazy(() => import('./charts').then((module) => module.Charts))

export function LivePage(): JSX.Element {
  return (
    <main id="main" class="live" tabIndex={-1}>
      <h1>Live</h1>
      <div class="columns">
        <Decisions />
        <div class="side">
          <Charts />
          <Reloads />
          <Upstreams />
          <Keys />
        </div>
      </div>
    </main>
  )
}
