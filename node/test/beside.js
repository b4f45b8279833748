'use strict';

// What a program that runs beside a peer's shows over HTTP.

const http = require('node:http');

// Expires as its distance from the response's Date, in steps of five seconds.
function headerLines(message) {
  const date = new Date(message.headers.date);
  const lines = [];
  for (let i = 0; i < message.rawHeaders.length; i += 2) {
    const [name, value] = message.rawHeaders.slice(i, i + 2);
    if (['date', 'keep-alive', 'connection'].includes(name.toLowerCase())) continue;
    const masked = value.replace(
      /(expires=)([^;]+)/gi,
      // Node renews its Date once a second, and a program may run across the second.
      (_, word, at) => `${word}+${5 * Math.round((new Date(at) - date) / 5000)}`,
    );
    lines.push(`${name}: ${masked}`);
  }
  return lines;
}

function ask(port, { path = '/', method = 'GET', headers = {} }) {
  return new Promise((resolve, reject) => {
    const request = http.request({ port, path, method, headers, agent: false }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          headers: headerLines(response),
          body: Buffer.concat(chunks).toString(),
          message: response,
        }),
      );
    });
    request.on('error', reject);
    request.end();
  });
}

module.exports = { ask };
