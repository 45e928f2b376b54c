// usage: node examples/serve.js [GATEWAY] [PORT] - shows examples/manager.html, and passes /api on to a gateway.
//
// A page talks to the gateway of its own origin (no CORS headers are sent), so whoever serves a page of his own passes
// the gateway's routes on, as here, or has a web server do it. Media do not go this way: they are UDP to the gateway.

import fs from "node:fs";
import http from "node:http";
import { fileURLToPath } from "node:url";

const gateway = new URL(process.argv[2] ?? "http://127.0.0.1:51000");
const port = Number(process.argv[3] ?? 8080);
const root = new URL("..", import.meta.url);
const TYPES = /** @type {Record<string, string>} */ ({ html: "text/html", js: "text/javascript", wasm: "application/wasm" });

/** @param {string} path @returns {URL|null} */
function fileOf(path) {
  if (!/^\/(?:examples|web\/js\/manager)\/\w+\.(?:html|js|wasm)$/.test(path)) return null;
  // The core is beside the modules in the npm package, in the build folder of a clone.
  const built = ["wasm", "release", "dev"].map((preset) => `/build/${preset}/manager/manager.wasm`);
  const places = path.endsWith("/manager.wasm") ? [path, ...built] : [path];
  return places.map((place) => new URL(`.${place}`, root)).find((file) => fs.existsSync(file)) ?? null;
}

const server = http.createServer((request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  if (pathname === "/") return void response.writeHead(302, { Location: "/examples/manager.html" }).end();
  const file = request.method === "GET" ? fileOf(pathname) : null;
  if (file) {
    const type = TYPES[fileURLToPath(file).split(".").pop() ?? ""] ?? "application/octet-stream";
    response.writeHead(200, { "Content-Type": type, "Cache-Control": "no-store" });
    return void fs.createReadStream(file).pipe(response);
  }
  const { method, headers } = request;
  const onwards = http.request({ host: gateway.hostname, port: gateway.port, path: request.url, method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onwards.on("error", () => response.writeHead(502).end());
  request.pipe(onwards);
});
server.listen(port, "127.0.0.1", () => {
  const { port: bound } = /** @type {import("node:net").AddressInfo} */ (server.address());
  console.log(`http://127.0.0.1:${bound}/ with the gateway ${gateway.href}`);
});
