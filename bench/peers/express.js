// The seed's HTTP stack: Express 4, jsonwebtoken, node-postgres. No edge work is asked of it:
// no rate limit, metrics, access log, request id or security headers.
'use strict';
const express = require('express');
const jwt = require('jsonwebtoken');
const { Pool } = require('pg');
const world = require('./world');

const pool = new Pool({ connectionString: world.databaseUrl, max: 10 });
const app = express();
app.disable('x-powered-by');

function authenticate(request, response, next) {
  const header = request.headers.authorization ?? '';
  try {
    request.userId = jwt.verify(header.slice('Bearer '.length), world.key, { algorithms: ['HS256'] }).sub;
  } catch {
    response.status(401).json({ code: 'unauthenticated' });
    return;
  }
  next();
}

app.get('/me', authenticate, (request, response) => {
  response.json(world.usersById.get(request.userId));
});

app.get('/db', authenticate, async (request, response, next) => {
  try {
    const found = await pool.query({
      name: 'user_by_id',
      text: 'SELECT id, username, email, display_name, role, created_at FROM users WHERE id = $1',
      values: [request.userId],
    });
    response.json(found.rows[0]);
  } catch (error) {
    next(error);
  }
});

app.listen(world.port, '127.0.0.1', 2048);
