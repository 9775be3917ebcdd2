// Writes the files of the playground as a tar archive (POSIX ustar), so that one download has all of them.

import type { SourceFile } from '../types'

const BLOCK = 512

export function tarOf(files: SourceFile[]): Uint8Array<ArrayBuffer> {
  const parts = files.flatMap(({ name, text }) => {
    const content = new TextEncoder().encode(text)
    return [header(pathOf(name), content.length), content, new Uint8Array(-content.length & (BLOCK - 1))]
  })
  // Two empty blocks end an archive.
  parts.push(new Uint8Array(2 * BLOCK))
  const archive = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    archive.set(part, at)
    at += part.length
  }
  return archive
}

/** A path that stays below the directory where the archive is unpacked. */
export function pathOf(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.' && part !== '..')
  return parts.join('/').slice(-100) || 'file'
}

function header(name: string, size: number): Uint8Array {
  const block = new Uint8Array(BLOCK)
  const put = (text: string, at: number, length: number) => block.set(new TextEncoder().encode(text).slice(0, length), at)
  put(name, 0, 100)
  put('0000644\0', 100, 8)
  put('0000000\0', 108, 8)
  put('0000000\0', 116, 8)
  put(`${size.toString(8).padStart(11, '0')}\0`, 124, 12)
  put('00000000000\0', 136, 12)
  put('        ', 148, 8)
  put('0', 156, 1)
  put('ustar\0', 257, 6)
  put('00', 263, 2)
  const sum = block.reduce((total, byte) => total + byte, 0)
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8)
  return block
}
