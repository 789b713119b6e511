// Keeps the client's own files so that it opens without a network, and pictures that were seen. Of /v1 it touches nothing
// else.
const CACHE = 'kaif-__VERSION__'
const FILES = __FILES__

addEventListener('install', (event) => event.waitUntil(precache()))
addEventListener('activate', (event) => event.waitUntil(dropOldCaches()))
addEventListener('fetch', (event) => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  if (request.method !== 'GET' || origin !== location.origin) return
  if (request.mode === 'navigate') {
    if (!pathname.startsWith('/v1/')) event.respondWith(page(request))
  } else if (FILES.includes(pathname)) {
    event.respondWith(file(request))
  } else if (request.destination === 'image' && PICTURE.test(pathname)) {
    event.respondWith(picture(event, PICTURE.exec(pathname)))
  }
})

async function precache() {
  const cache = await caches.open(CACHE)
  await cache.addAll(FILES.map((path) => new Request(path, { cache: 'reload' })))
  await skipWaiting()
}

async function dropOldCaches() {
  const names = await caches.keys()
  await Promise.all(
    names.filter((name) => name !== CACHE && !name.startsWith(PICTURES)).map((name) => caches.delete(name)),
  )
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

// ---- Pictures that were seen: the same file is the same picture, by whichever link ----

// A link begins with whose it is. In its place stands `kept` where there is none for want of a network (keptPictures.ts).
const PICTURE = /^\/v1\/media\/linked\/(\w+)\/(\w+)\.([^/]+)\/(small|medium|large|poster|w\d+)$/
const PICTURES = 'kaif-pictures-'
const PICTURES_LOCK = 'kaif-pictures'
// A cache tells nobody what of it was used last. So there are two: what is shown goes into the younger one, and when that
// is full the older one is dropped, with all that was not looked at meanwhile.
const CACHE_BYTES_MAX = 100 * 1024 * 1024
const PICTURE_BYTES_MAX = 8 * 1024 * 1024

async function picture(event, [, id, owner, link, rendition]) {
  const key = `/v1/media/${id}?${rendition}`
  const [young, old] = await cachesOf(owner)
  const known = await find(young, key)
  if (known) return known
  const aged = await find(old, key)
  if (aged) event.waitUntil(keep(owner, key, aged.clone()))
  if (aged) return aged
  try {
    if (link === 'kept') throw new Error('no network')
    // Kept here alone: what is erased here when somebody signs out is then nowhere else.
    const answer = await fetch(event.request, { cache: 'no-store' })
    if (answer.status === 200) event.waitUntil(keep(owner, key, answer.clone()))
    return answer
  } catch {
    return (await largest([young, old], id)) ?? Response.error()
  }
}

/** The younger one first. The window makes the first and drops all: without any nothing is kept. */
async function cachesOf(owner) {
  const names = (await caches.keys()).filter((name) => name.startsWith(`${PICTURES}${owner}-`))
  return names.reverse()
}

async function find(name, key) {
  return name && caches.match(key, { cacheName: name, ignoreVary: true })
}

/** Whoever opens a picture of which they saw a smaller one sees that, larger. */
async function largest(names, id) {
  const found = []
  for (const name of names.filter(Boolean))
    found.push(
      ...(await (
        await caches.open(name)
      ).matchAll(`/v1/media/${id}`, { ignoreSearch: true, ignoreVary: true })),
    )
  return found.sort((one, other) => bytesOf(other) - bytesOf(one))[0]
}

/** One after another, so that the bounds hold; and never while a window drops what is kept, or it would come back. */
async function keep(owner, key, answer) {
  const bytes = bytesOf(answer)
  if (!bytes || bytes > PICTURE_BYTES_MAX) return
  try {
    // All of it first: nobody who signs out waits for a slow network.
    const whole = new Response(await answer.blob(), answer)
    await navigator.locks.request(PICTURES_LOCK, () => put(owner, key, whole, bytes))
  } catch {
    // It broke off, or there is no room: it is fetched anew.
  }
}

async function put(owner, key, answer, bytes) {
  let [young, old] = await cachesOf(owner)
  if (!young) return
  if ((await weigh(young)) + bytes > CACHE_BYTES_MAX) {
    if (old) await caches.delete(old)
    young = `${PICTURES}${owner}-${Date.now()}`
  }
  const weight = await weigh(young)
  await (await caches.open(young)).put(key, answer)
  weights.set(young, weight + bytes)
}

const weights = new Map()

async function weigh(name) {
  if (!weights.has(name)) {
    const all = await (await caches.open(name)).matchAll()
    weights.set(
      name,
      all.reduce((sum, one) => sum + bytesOf(one), 0),
    )
  }
  return weights.get(name)
}

function bytesOf(answer) {
  return Number(answer.headers.get('content-length'))
}

// ---- Notifications: one for each chat, the newest message of it ----

const WORDS = {
  ru: { message: 'Новое сообщение', deleted: 'Сообщение удалено', app: 'Кайф Озеро' },
  en: { message: 'New message', deleted: 'Message deleted', app: 'Kaif Ozero' },
}

addEventListener('push', (event) => event.waitUntil(show(event.data.json())))
addEventListener('message', (event) => {
  if (event.data?.type === 'tell') event.waitUntil(tell(event.data.shown, event.ports[0]))
})
addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(open(event.notification.data))
})

async function show(shown) {
  await navigator.setAppBadge?.(shown.badge).catch(() => {})
  // What a window has told of already is shown, as browsers demand, and not heard again.
  await notify(!shown.deleted && told.get(shown.chat_id) >= shown.seq ? { ...shown, silent: true } : shown)
}

// The newest message of each chat of which a window has told. Of several windows one tells, and none while another is
// looked at.
const told = new Map()
const TOLD_MAX = 500

async function tell(shown, answer) {
  const windows = await clients.matchAll({ type: 'window', includeUncontrolled: true })
  const is_new = !(told.get(shown.chat_id) >= shown.seq) && !windows.some(({ focused }) => focused)
  if (is_new) {
    if (told.size >= TOLD_MAX) told.clear()
    told.set(shown.chat_id, shown.seq)
    await notify(shown)
  }
  answer.postMessage(is_new)
}

async function notify(shown) {
  const words = WORDS[shown.language] ?? WORDS.ru
  const tag = `chat:${shown.chat_id}`
  const text = shown.deleted ? words.deleted : shown.text || words.message
  const named = shown.author && shown.author !== shown.title && !shown.deleted
  await registration.showNotification(shown.title || words.app, {
    body: named ? `${shown.author}: ${text}` : text,
    tag,
    renotify: !shown.silent,
    silent: Boolean(shown.silent),
    icon: '/icon-192.png',
    lang: shown.language,
    data: { chat_id: shown.chat_id, seq: shown.seq, topic_id: shown.topic_id },
  })
}

// The window that is open already goes there; otherwise a new one.
async function open({ chat_id, seq }) {
  const path = `/chat/${encodeURIComponent(chat_id)}/${Number(seq)}`
  const [window] = await clients.matchAll({ type: 'window' })
  if (!window) return clients.openWindow(path)
  window.postMessage({ type: 'open', chat_id, seq })
  return window.focus()
}
