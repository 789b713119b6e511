// The seed's messaging: Socket.IO with the Redis adapter and one INSERT per message. A message is
// emitted to its room once it is durable. Being in a chat is checked in memory: its best case.
'use strict';
const http = require('node:http');
const { createAdapter } = require('@socket.io/redis-adapter');
const { Redis } = require('ioredis');
const jwt = require('jsonwebtoken');
const { Pool } = require('pg');
const { Server } = require('socket.io');
const world = require('./world');

const pool = new Pool({ connectionString: world.databaseUrl, max: 20 });
const publisher = new Redis(world.redisPort, '127.0.0.1');
const server = http.createServer((request, response) => response.end('ok'));
const io = new Server(server, {
  adapter: createAdapter(publisher, publisher.duplicate()),
  transports: ['websocket'],
  perMessageDeflate: false,
});

io.use((socket, next) => {
  const header = socket.handshake.headers.authorization ?? '';
  try {
    socket.data.userId = jwt.verify(header.slice('Bearer '.length), world.key, { algorithms: ['HS256'] }).sub;
    next();
  } catch (error) {
    next(error);
  }
});

async function store(userId, message) {
  const at = new Date();
  const inserted = await pool.query({
    name: 'append_message',
    text: 'INSERT INTO messages (chat_id, sender_id, at, ref, text) VALUES ($1, $2, $3, $4, $5) RETURNING seq',
    values: [message.chat_id, userId, at, message.ref, message.text],
  });
  return {
    type: 'entry',
    chat_id: message.chat_id,
    seq: Number(inserted.rows[0].seq),
    kind: 'message',
    sender_id: userId,
    at: at.toISOString(),
    ref: message.ref,
    text: message.text,
  };
}

io.on('connection', (socket) => {
  const { userId } = socket.data;
  const chats = world.chatsByUser.get(userId);
  socket.join(chats);
  socket.on('send', async (message) => {
    if (!chats.includes(message.chat_id)) {
      socket.emit('refused', { type: 'refused', ref: message.ref, code: 'chat_not_found' });
      return;
    }
    io.to(message.chat_id).emit('entry', await store(userId, message));
  });
});

server.listen(world.port, '127.0.0.1', 2048);
