import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gzipSync } from 'fflate'
import { defineConfig, type Plugin } from 'vite'

/** Writes each file a second time, compressed, so that the server need not compress. fflate writes the same bytes on
    every machine, which zlib does not promise. */
function compressed(): Plugin {
  let dist = ''
  return {
    name: 'compressed',
    apply: 'build',
    configResolved(config) {
      dist = resolve(config.root, config.build.outDir)
    },
    closeBundle() {
      for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || entry.name.endsWith('.gz')) continue
        const path = join(entry.parentPath, entry.name)
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9, mtime: 0 }))
      }
    },
  }
}

export default defineConfig({
  // Relative, so that the console also works below a path of another proxy.
  base: './',
  plugins: [compressed()],
  build: {
    target: 'es2023',
    // The policy `default-src 'self'` forbids `data:` URLs.
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
  },
  server: { proxy: { '/api': 'http://127.0.0.1:4001' } },
})
