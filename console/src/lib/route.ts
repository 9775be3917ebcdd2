// The page and its settings live in the fragment of the address, so a link shows the same thing to somebody else.

import { computed, signal } from '@preact/signals'

export const PAGES = ['access', 'why', 'live', 'playground'] as const
export type Page = (typeof PAGES)[number]

interface Route {
  page: Page
  params: URLSearchParams
}

const route = signal<Route>(parse(location.hash))

export const page = computed(() => route.value.page)

/** A setting of the page, or the empty string. */
export function param(name: string): string {
  return route.value.params.get(name) ?? ''
}

/** Changes settings of the page. An empty string removes one. */
export function setParams(changes: Record<string, string>): void {
  const params = new URLSearchParams(route.value.params)
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') params.delete(name)
    else params.set(name, value)
  }
  history.replaceState(null, '', address(route.value.page, params))
  route.value = { page: route.value.page, params }
}

export function link(to: Page, params: Record<string, string> = {}): string {
  return address(to, new URLSearchParams(params))
}

function address(to: Page, params: URLSearchParams): string {
  return params.size > 0 ? `#/${to}?${params}` : `#/${to}`
}

function parse(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const found = PAGES.find((known) => known === path)
  return { page: found ?? 'access', params: new URLSearchParams(query) }
}

addEventListener('hashchange', () => {
  route.value = parse(location.hash)
})
