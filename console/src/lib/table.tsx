// A grid that only builds the rows and columns in sight, so that 10,000 rows scroll smoothly. It is a real table, and one
// stop for the keyboard: the arrow keys move inside, Enter opens.

import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks'

const ROW = 30
const OVERSCAN = 4
const OVERSCAN_PX = 150

export interface Column {
  id: string
  label: string
  /** In pixels. */
  width: number
}

export interface GridProps {
  label: string
  rows: number
  /** The first column, which stays in sight. */
  head: Column
  rowHead: (row: number) => string
  columns: Column[]
  cell: (row: number, column: number) => ComponentChildren
  onRow?: (row: number) => void
  onColumn?: (column: number) => void
  onCell?: (row: number, column: number) => void
  empty: string
}

/** The active cell: row -1 is the header, column -1 the first column. */
interface Place {
  row: number
  column: number
}

export function Grid(props: GridProps): JSX.Element {
  const { rows, columns, head } = props
  const id = useId()
  const box = useRef<HTMLDivElement>(null)
  const [view, setView] = useState({ top: 0, left: 0, height: 600, width: 1200 })
  const [active, setActive] = useState<Place>({ row: 0, column: -1 })
  useEffect(() => watch(box.current, setView), [])

  const down = rowsInSight(view.top, view.height, rows)
  const across = columnsInSight(view.left, view.width - head.width, columns)
  const at = { row: clamp(active.row, -1, rows - 1), column: clamp(active.column, -1, columns.length - 1) }
  const isDrawn = (at.row < 0 || inside(down, at.row)) && (at.column < 0 || inside(across, at.column))

  const moved = useRef(false)
  useLayoutEffect(() => {
    if (moved.current && box.current) reveal(box.current, at, head.width, columns)
    moved.current = false
  }, [at.row, at.column])

  const open = (place: Place) => {
    if (place.row < 0 && place.column >= 0) props.onColumn?.(place.column)
    else if (place.row >= 0 && place.column < 0) props.onRow?.(place.row)
    else if (place.row >= 0) (props.onCell ?? ((row: number) => props.onRow?.(row)))(place.row, place.column)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter' || event.key === ' ') open(at)
    else {
      const next = step(event, at, Math.max(1, Math.floor(view.height / ROW) - 2), rows, columns.length)
      if (next === null) return
      moved.current = true
      setActive({ row: clamp(next.row, -1, rows - 1), column: clamp(next.column, -1, columns.length - 1) })
    }
    event.preventDefault()
  }
  const onClick = (event: MouseEvent) => {
    const cell = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-row]') : null
    if (cell === null) return
    const place = { row: Number(cell.dataset['row']), column: Number(cell.dataset['column']) }
    setActive(place)
    open(place)
  }
  const mark = (row: number, column: number) => ({
    id: `${id}-${row}-${column}`,
    'data-row': row,
    'data-column': column,
    'aria-colindex': column + 2,
    class: row === at.row && column === at.column ? 'active' : undefined,
  })

  const drawn = down.last - down.first + 1
  const seen = columns.slice(across.first, across.last + 1)
  const width = head.width + columns.reduce((sum, column) => sum + column.width, 0)
  return (
    <div class="grid" ref={box}>
      <table
        role="grid"
        tabIndex={0}
        aria-label={props.label}
        aria-rowcount={rows + 1}
        aria-colcount={columns.length + 1}
        aria-activedescendant={isDrawn ? `${id}-${at.row}-${at.column}` : undefined}
        style={{ width: `${width}px`, minWidth: '100%' }}
        onKeyDown={onKeyDown}
        onClick={onClick}
      >
        <colgroup>
          <col style={{ width: `${head.width}px` }} />
          {across.before > 0 && <col style={{ width: `${across.before}px` }} />}
          {seen.map((column) => (
            <col key={column.id} style={{ width: `${column.width}px` }} />
          ))}
          {across.after > 0 && <col style={{ width: `${across.after}px` }} />}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col" {...mark(-1, -1)}>
              {head.label}
            </th>
            {across.before > 0 && <td aria-hidden="true" />}
            {seen.map((column, index) => (
              <th key={column.id} scope="col" title={column.label} {...mark(-1, across.first + index)}>
                {column.label}
              </th>
            ))}
            {across.after > 0 && <td aria-hidden="true" />}
          </tr>
        </thead>
        <tbody>
          {down.before > 0 && <Space height={down.before} />}
          {/* A row that comes into sight takes the elements of one that left, which is quicker than new ones. */}
          {numbers(down.first, down.last).map((row) => (
            <tr key={row % drawn} aria-rowindex={row + 2}>
              <th scope="row" title={props.rowHead(row)} {...mark(row, -1)}>
                <bdi>{props.rowHead(row)}</bdi>
              </th>
              {across.before > 0 && <td aria-hidden="true" />}
              {seen.map((_, index) => (
                <td {...mark(row, across.first + index)}>
                  {props.cell(row, across.first + index)}
                </td>
              ))}
              {across.after > 0 && <td aria-hidden="true" />}
            </tr>
          ))}
          {down.after > 0 && <Space height={down.after} />}
        </tbody>
      </table>
      {rows === 0 && <p class="empty">{props.empty}</p>}
    </div>
  )
}

function Space({ height }: { height: number }): JSX.Element {
  return (
    <tr aria-hidden="true" class="space">
      <td style={{ height: `${height}px` }} />
    </tr>
  )
}

interface Span {
  first: number
  last: number
  /** The pixels before the first and after the last. */
  before: number
  after: number
}

/** The rows in sight, with a few around them. */
function rowsInSight(offset: number, length: number, count: number): Span {
  if (count === 0) return { first: 0, last: -1, before: 0, after: 0 }
  const first = clamp(Math.floor(offset / ROW) - OVERSCAN, 0, count - 1)
  const last = clamp(Math.ceil((offset + length) / ROW) + OVERSCAN, first, count - 1)
  return { first, last, before: first * ROW, after: (count - 1 - last) * ROW }
}

/** The columns in sight. Their widths differ. */
function columnsInSight(offset: number, length: number, columns: Column[]): Span {
  const span = { first: columns.length, last: -1, before: 0, after: 0 }
  let left = 0
  columns.forEach(({ width }, at) => {
    const right = left + width
    if (right <= offset - OVERSCAN_PX) span.before += width
    else if (left >= offset + length + OVERSCAN_PX) span.after += width
    else {
      span.first = Math.min(span.first, at)
      span.last = at
    }
    left = right
  })
  return span
}

function watch(box: HTMLDivElement | null, setView: (view: { top: number; left: number; height: number; width: number }) => void) {
  if (box === null) return undefined
  let frame = 0
  const read = () => {
    frame = 0
    setView({ top: box.scrollTop, left: box.scrollLeft, height: box.clientHeight, width: box.clientWidth })
  }
  const soon = () => {
    if (frame === 0) frame = requestAnimationFrame(read)
  }
  const sizes = new ResizeObserver(soon)
  sizes.observe(box)
  box.addEventListener('scroll', soon, { passive: true })
  return () => {
    cancelAnimationFrame(frame)
    sizes.disconnect()
    box.removeEventListener('scroll', soon)
  }
}

/** Scrolls no further than the active cell needs. */
function reveal(box: HTMLDivElement, at: Place, headWidth: number, columns: Column[]): void {
  if (at.row >= 0) {
    const top = at.row * ROW
    const room = box.clientHeight - 2 * ROW
    if (top < box.scrollTop) box.scrollTop = top
    else if (top > box.scrollTop + room) box.scrollTop = top - room
  }
  if (at.column < 0) {
    box.scrollLeft = 0
    return
  }
  const left = columns.slice(0, at.column).reduce((sum, column) => sum + column.width, 0)
  const room = box.clientWidth - headWidth - (columns[at.column]?.width ?? 0)
  if (left < box.scrollLeft) box.scrollLeft = left
  else if (left > box.scrollLeft + room) box.scrollLeft = left - Math.max(0, room)
}

function step(event: KeyboardEvent, { row, column }: Place, page: number, rows: number, columns: number): Place | null {
  const far = event.ctrlKey || event.metaKey
  switch (event.key) {
    case 'ArrowDown':
      return { row: row + 1, column }
    case 'ArrowUp':
      return { row: row - 1, column }
    case 'ArrowRight':
      return { row, column: column + 1 }
    case 'ArrowLeft':
      return { row, column: column - 1 }
    case 'PageDown':
      return { row: row + page, column }
    case 'PageUp':
      return { row: row - page, column }
    case 'Home':
      return { row: far ? 0 : row, column: -1 }
    case 'End':
      return far ? { row: rows - 1, column: columns - 1 } : { row, column: columns - 1 }
    default:
      return null
  }
}

const clamp = (value: number, least: number, most: number): number => Math.max(least, Math.min(most, value))
const inside = ({ first, last }: Span, at: number): boolean => at >= first && at <= last
const numbers = (first: number, last: number): number[] =>
  Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index)
