// Playground: the configuration and policies in force, to change without changing anything.

import type { JSX } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { useSources } from '../lib/source'
import { snapshot } from '../lib/state'
import { download, oneLine } from '../lib/text'
import { Failure } from '../lib/verdict'
import type { Diagnostic, SourceFile } from '../types'
import { useSaid } from './ask'
import { type Draft, changed, draftOf, filesOf, isSame, withPolicy } from './draft'
import type { Editor } from './editor'
import { Results } from './results'
import { tarOf } from './tar'

export function PlaygroundPage(): JSX.Element {
  const { data, error, isLoading } = useSources()
  return (
    <main id="main" class="playground" tabIndex={-1}>
      <h1>Playground</h1>
      <p class="quiet">Nothing here changes what is in force. Secrets are replaced by {'<secret>'}, in downloads too.</p>
      <Failure error={error} />
      {data === null ? isLoading && <p class="quiet">Loading…</p> : data.config === null ? <p>The configuration in force does not come from files.</p> : <Desk sources={{ ...data, config: data.config }} />}
    </main>
  )
}

function Desk({ sources }: { sources: Draft }): JSX.Element {
  const inForce = useMemo(() => draftOf(sources), [sources.config, sources.policies, sources.cases])
  const [draft, setDraft] = useState(inForce)
  const [base, setBase] = useState(inForce)
  const [name, setName] = useState(inForce.config.name)
  const [prove, setProve] = useState(false)
  const [revision, setRevision] = useState(0)
  const hasEdits = !isSame(draft, base)
  const begin = () => {
    setDraft(inForce)
    setBase(inForce)
    setRevision((old) => old + 1)
  }
  // A reload brings new files. Edits are kept until the reader gives them up.
  useEffect(() => {
    if (!hasEdits) begin()
  }, [inForce])
  const said = useSaid(draft, !isSame(draft, inForce), prove)
  const goTo = useRef<(diagnostic: Diagnostic) => void>(() => undefined)
  const reset = () => {
    begin()
    setName(inForce.config.name)
  }
  return (
    <div class="desk">
      <section class="edit" aria-label="Files">
        <Files draft={draft} name={name} onName={setName} onDraft={setDraft} />
        <Pane draft={draft} revision={revision} name={name} diagnostics={said.diagnostics} goTo={goTo} onName={setName} onText={(file, text) => setDraft((old) => changed(old, file, text))} />
        <div class="bar">
          <button type="button" onClick={reset} disabled={isSame(draft, inForce)}>
            Back to what is in force
          </button>
          <button type="button" onClick={() => download('modelgate.tar', 'application/x-tar', tarOf(unpacked(draft)))}>
            Download all
          </button>
          <button type="button" onClick={() => saveOne(draft, name)}>
            Download this file
          </button>
          {snapshot.value?.solver === true && (
            <label class="check">
              <input type="checkbox" checked={prove} onChange={(event) => setProve(event.currentTarget.checked)} />
              Prove the difference
            </label>
          )}
        </div>
        {hasEdits && !isSame(base, inForce) && (
          <p role="status">What is in force has changed since you began. Your edits are kept.</p>
        )}
      </section>
      <Results said={said} hasEdits={!isSame(draft, inForce)} onPlace={(diagnostic) => goTo.current(diagnostic)} configName={draft.config.name} />
    </div>
  )
}

/** Files are named by their whole paths, which are too long to read. */
const baseName = (path: string): string => path.split('/').at(-1) || 'file'

/** The files as they lie beside each other where `modelgate init` writes them. */
function unpacked({ config, policies, cases }: Draft): SourceFile[] {
  const below = (directory: string, files: SourceFile[]) => files.map(({ name, text }) => ({ name: directory + baseName(name), text }))
  return [...below('', [config]), ...below('policies/', policies), ...below('tests/', cases)]
}

function saveOne(draft: Draft, name: string): void {
  const file = filesOf(draft).find((one) => one.name === name)
  if (file !== undefined) download(baseName(name), 'text/plain', file.text)
}

interface FilesProps {
  draft: Draft
  name: string
  onName: (name: string) => void
  onDraft: (draft: Draft) => void
}

function Files({ draft, name, onName, onDraft }: FilesProps): JSX.Element {
  const add = () => {
    const used = new Set(filesOf(draft).map((file) => file.name))
    let count = 1
    while (used.has(`new-${count}.cedar`)) count += 1
    onDraft(withPolicy(draft, `new-${count}.cedar`))
    onName(`new-${count}.cedar`)
  }
  return (
    <div class="bar">
      <label>
        File
        <select value={name} onChange={(event) => onName(event.currentTarget.value)}>
          {filesOf(draft).map((file) => (
            <option key={file.name} value={file.name}>
              {oneLine(baseName(file.name))}
            </option>
          ))}
        </select>
      </label>
      <button type="button" onClick={add}>
        New policy
      </button>
    </div>
  )
}

interface PaneProps {
  draft: Draft
  /** Grows when the draft changes by something else than the editor. What is typed must not come back to it, late. */
  revision: number
  name: string
  diagnostics: Diagnostic[]
  goTo: { current: (diagnostic: Diagnostic) => void }
  onName: (name: string) => void
  onText: (name: string, text: string) => void
}

/** The editor. Its library is fetched when it is first shown. */
function Pane({ draft, revision, name, diagnostics, goTo, onName, onText }: PaneProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  const [editor, setEditor] = useState<Editor | null>(null)
  const [failed, setFailed] = useState(false)
  const changes = useRef(onText)
  changes.current = onText
  const text = filesOf(draft).find((file) => file.name === name)?.text ?? ''

  useEffect(() => {
    let made: Editor | null = null
    let isGone = false
    import('./editor').then(
      ({ createEditor }) => {
        if (isGone || box.current === null) return
        made = createEditor(box.current, (file, typed) => changes.current(file, typed))
        setEditor(made)
      },
      () => setFailed(true),
    )
    return () => {
      isGone = true
      made?.close()
    }
  }, [])
  useEffect(() => editor?.open(name, text), [editor, name, revision])
  const own = diagnostics.filter((one) => fileOf(one, draft) === name)
  useEffect(() => editor?.mark(own), [editor, name, diagnostics])
  goTo.current = (diagnostic) => {
    onName(fileOf(diagnostic, draft))
    requestAnimationFrame(() => editor?.goTo(diagnostic.line ?? 1, diagnostic.column ?? 1))
  }
  return failed ? (
    <p class="failure" role="alert">
      The editor could not be loaded.
    </p>
  ) : (
    <div class="editor" ref={box} />
  )
}

/** The file of a diagnostic. Without one, it is about the configuration. */
export function fileOf({ file }: Diagnostic, draft: Draft): string {
  const named = file === null || file === undefined ? undefined : filesOf(draft).find(({ name }) => name === file || file.endsWith(`/${name}`) || name.endsWith(`/${file}`))
  return named?.name ?? draft.config.name
}
