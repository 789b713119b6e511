// Keeps the client's own files so that it opens without a network. Never touches /v1.
const CACHE = 'kaif-__VERSION__'
const FILES = __FILES__

addEventListener('install', (event) => event.waitUntil(precache()))
addEventListener('activate', (event) => event.waitUntil(dropOldCaches()))
addEventListener('fetch', (event) => {
  const { request } = event
  if (request.method !== 'GET') return
  if (request.mode === 'navigate') {
    const { pathname } = new URL(request.url)
    if (!pathname.startsWith('/v1/')) event.respondWith(page(request))
  } else if (FILES.includes(new URL(request.url).pathname)) {
    event.respondWith(file(request))
  }
})

async function precache() {
  const cache = await caches.open(CACHE)
  await cache.addAll(FILES.map((path) => new Request(path, { cache: 'reload' })))
  await skipWaiting()
}

async function dropOldCaches() {
  const names = await caches.keys()
  await Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)))
  await clients.claim()
}

// The network first: a page from the server carries fresh nonces and the newest build.
async function page(request) {
  try {
    return await fetch(request)
  } catch {
    return (await caches.match('/')) ?? Response.error()
  }
}

async function file(request) {
  return (await caches.match(request)) ?? fetch(request)
}
