// The frame of every page: navigation, the state of the connection, and the question for a credential.

import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { hasToken, isConnected, needsToken, useToken } from './lib/api'
import { lazy } from './lib/lazy'
import { PAGES, type Page, link, page } from './lib/route'
import { notice, snapshot } from './lib/state'
import { oneLine } from './lib/text'
import { Verdict } from './lib/verdict'

const TITLES: Record<Page, string> = { access: 'Access', why: 'Why', live: 'Live', playground: 'Playground' }

const VIEWS: Record<Page, () => JSX.Element> = {
  access: show(lazy(() => import('./access/page').then((module) => module.AccessPage))),
  why: show(lazy(() => import('./why/page').then((module) => module.WhyPage))),
  live: show(lazy(() => import('./live/page').then((module) => module.LivePage))),
  playground: show(lazy(() => import('./playground/page').then((module) => module.PlaygroundPage))),
}

function show(View: ReturnType<typeof lazy>): () => JSX.Element {
  return () => <View />
}

export function App(): JSX.Element {
  const current = page.value
  useEffect(() => {
    document.title = `${TITLES[current]} · modelgate`
  }, [current])
  const View = VIEWS[current]
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the page
      </a>
      <header class="top">
        <p class="brand">modelgate</p>
        <nav aria-label="Pages">
          <ul>
            {PAGES.map((name) => (
              <li key={name}>
                <a href={link(name)} aria-current={name === current ? 'page' : undefined}>
                  {TITLES[name]}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <InForce />
      </header>
      <p class={notice.value === '' ? 'notice none' : 'notice'} role="status">
        {notice.value}
        {notice.value !== '' && (
          <button type="button" class="link" onClick={() => (notice.value = '')}>
            Dismiss
          </button>
        )}
      </p>
      {needsToken.value ? <AskToken /> : <View key={current} />}
    </>
  )
}

/** The link's target is in the address already taken by the page. */
function skip(event: Event): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}

function InForce(): JSX.Element {
  const now = snapshot.value
  return (
    <p class="inforce">
      {!isConnected.value && <Verdict tone="no">not connected</Verdict>}
      {now !== null && (
        <>
          <span>generation {now.generation}</span>
          {now.hash !== null && <code title={oneLine(now.hash)}>{oneLine(now.hash).slice(0, 8)}</code>}
          {now.mode !== 'enforce' && <Verdict tone="if">{oneLine(now.mode)}</Verdict>}
          <span>v{oneLine(now.version)}</span>
        </>
      )}
    </p>
  )
}

function AskToken(): JSX.Element {
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => field.current?.focus(), [])
  const submit = (event: Event) => {
    event.preventDefault()
    const given = field.current?.value.trim() ?? ''
    if (given !== '') useToken(given)
  }
  return (
    <main id="main" class="token" tabIndex={-1}>
      <h1>Credential</h1>
      <form onSubmit={submit}>
        <p>The admin listener asks for a credential. It is kept in this tab until you close it.</p>
        {hasToken.value && (
          <p class="failure" role="alert">
            The credential was not accepted.
          </p>
        )}
        <label>
          Token
          <input ref={field} type="password" autocomplete="off" />
        </label>
        <button type="submit" class="primary">
          Continue
        </button>
      </form>
    </main>
  )
}
