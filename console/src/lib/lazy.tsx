// A part of the console that is fetched when it is first shown.

import type { ComponentType, JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'

export function lazy(load: () => Promise<ComponentType>): ComponentType {
  let known: ComponentType | null = null
  return function Lazy(): JSX.Element {
    const [Part, setPart] = useState<ComponentType | null>(() => known)
    const [failed, setFailed] = useState(false)
    useEffect(() => {
      if (Part !== null) return
      load().then(
        (part) => {
          known = part
          setPart(() => part)
        },
        () => setFailed(true),
      )
    }, [])
    if (failed) {
      return (
        <p class="failure" role="alert">
          This part could not be loaded. <a href="./">Load the console again.</a>
        </p>
      )
    }
    return Part === null ? <p class="quiet">Loading…</p> : <Part />
  }
}
