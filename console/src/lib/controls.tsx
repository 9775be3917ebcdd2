// Form controls with their labels.

import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'

export interface ChoiceProps {
  label: string
  value: string
  /** Values with their words. */
  options: [string, string][]
  onChange: (value: string) => void
}

export function Choice({ label, value, options, onChange }: ChoiceProps): JSX.Element {
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {options.map(([option, words]) => (
          <option key={option} value={option}>
            {words}
          </option>
        ))}
      </select>
    </label>
  )
}

export interface SearchProps {
  label: string
  value: string
  hint: string
  onInput: (value: string) => void
}

/** A field whose value takes effect when the keyboard rests. */
export function Search({ label, value, hint, onInput }: SearchProps): JSX.Element {
  const [text, setText] = useState(value)
  useEffect(() => setText(value), [value])
  useEffect(() => {
    if (text === value) return undefined
    const timer = setTimeout(() => onInput(text), 120)
    return () => clearTimeout(timer)
  }, [text])
  return (
    <label>
      {label}
      <input type="search" value={text} placeholder={hint} onInput={(event) => setText(event.currentTarget.value)} />
    </label>
  )
}
