// A faster Node stack for messaging: bare ws and group commit. Messages that arrive while one
// commit is under way become durable together in the next. It speaks Kaif Ozero's own frames.
'use strict';
const http = require('node:http');
const jwt = require('jsonwebtoken');
const { Client } = require('pg');
const { WebSocket, WebSocketServer } = require('ws');
const world = require('./world');

const database = new Client({ connectionString: world.databaseUrl });
const server = http.createServer((request, response) => response.end('ok'));
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
const members = new Map();
let waiting = [];
let committing = false;

async function append(batch) {
  const column = (name) => batch.map((message) => message[name]);
  const inserted = await database.query({
    name: 'append_messages',
    text: `INSERT INTO messages (chat_id, sender_id, at, ref, text)
           SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[]) RETURNING seq`,
    values: [column('chat_id'), column('sender_id'), column('at'), column('ref'), column('text')],
  });
  batch.forEach((message, index) => {
    message.seq = Number(inserted.rows[index].seq);
  });
}

function deliver(message) {
  const frame = JSON.stringify(message);
  for (const socket of members.get(message.chat_id)) {
    if (socket.readyState === WebSocket.OPEN) socket.send(frame);
  }
}

async function commit() {
  committing = true;
  while (waiting.length > 0) {
    const batch = waiting;
    waiting = [];
    await append(batch);
    batch.forEach(deliver);
  }
  committing = false;
}

function send(socket, userId, chats, event) {
  if (!chats.includes(event.chat_id)) {
    socket.send(JSON.stringify({ type: 'refused', ref: event.ref, code: 'chat_not_found' }));
    return;
  }
  waiting.push({
    type: 'entry',
    chat_id: event.chat_id,
    seq: 0,
    kind: 'message',
    sender_id: userId,
    at: new Date().toISOString(),
    ref: event.ref,
    text: event.text,
  });
  if (!committing) {
    committing = true;
    setImmediate(commit);
  }
}

function join(socket, userId) {
  const chats = world.chatsByUser.get(userId);
  for (const chatId of chats) {
    if (!members.has(chatId)) members.set(chatId, new Set());
    members.get(chatId).add(socket);
  }
  socket.on('message', (data) => send(socket, userId, chats, JSON.parse(data)));
  socket.on('close', () => chats.forEach((chatId) => members.get(chatId).delete(socket)));
  socket.send(JSON.stringify({ type: 'hello', user_id: userId, chats: {}, online: [] }));
}

server.on('upgrade', (request, connection, head) => {
  const header = request.headers.authorization ?? '';
  let userId;
  try {
    userId = jwt.verify(header.slice('Bearer '.length), world.key, { algorithms: ['HS256'] }).sub;
  } catch {
    connection.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
    return;
  }
  sockets.handleUpgrade(request, connection, head, (socket) => join(socket, userId));
});

database.connect().then(() => server.listen(world.port, '127.0.0.1', 2048));
