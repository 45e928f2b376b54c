"""The page's files on the wire: codings, tags, what may be kept and for how long; --web-dir."""
import gzip
import os
import re
import socket
import subprocess
import tempfile

from harness import BINARY, ROOT, Gateway, check, refused

KEPT = "public, max-age=31536000, immutable"
FILES = ("/js/main.js", "/css/page.css", "/icon.svg", "/manifest.webmanifest", "/js/manager/manager.wasm", "/", "/chat")


def unpacked(data, coding):
    if coding == "gzip":
        return gzip.decompress(data)
    if coding == "br":
        return subprocess.run(["brotli", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def build_of(g):
    return re.search(r'src="(/a/[0-9a-f]{16})/js/', g.request("GET", "/chat")[1].decode()).group(1)


def test_codings():
    with Gateway() as g:
        for path in FILES:
            _, plain, bare = g.request("GET", path)
            tags = {bare["etag"]}
            well = "content-encoding" not in bare and "accept-encoding" in bare.get("vary", "").lower()
            sizes = [len(plain)]
            for coding, accept in (("gzip", "gzip, deflate"), ("br", "gzip, deflate, br, zstd")):
                status, data, headers = g.request("GET", path, headers={"Accept-Encoding": accept})
                well = well and status == 200 and headers.get("content-encoding") == coding
                well = well and unpacked(data, coding) == plain and headers["content-type"] == bare["content-type"]
                well = well and "accept-encoding" in headers["vary"].lower() and len(data) == int(headers["content-length"])
                tags.add(headers["etag"])
                sizes.append(len(data))
                known = {"Accept-Encoding": accept, "If-None-Match": f'"x", W/{headers["etag"]}'}
                status, data, headers = g.request("GET", path, headers=known)
                well = well and status == 304 and not data and "vary" in headers and headers["etag"] in tags
            check(well and len(tags) == 3, f"GET {path}: the same bytes plain, by gzip and brotli {sizes}, each with its tag")
        other = {"Accept-Encoding": "br", "If-None-Match": g.request("GET", "/chat")[2]["etag"]}
        check(g.request("GET", "/chat", headers=other)[0] == 200, "the tag of another coding is no match")
        status, data, headers = g.request("HEAD", "/chat", headers={"Accept-Encoding": "br"})
        check(status == 200 and not data and headers["content-encoding"] == "br", "HEAD says what GET would")
        for accept, coding in (("br;q=0, *", "gzip"), ("identity, gzip;q=0.2", None), ("*;q=0", None), ("x" * 3000, None)):
            got = g.request("GET", "/chat", headers={"Accept-Encoding": accept})
            check(got[0] == 200 and got[2].get("content-encoding") == coding, f"Accept-Encoding: {accept[:24]}: {coding}")
        check("content-encoding" not in g.request("GET", "/metrics", headers={"Accept-Encoding": "br"})[2],
              "what is made for one answer is not compressed")


def test_lasting():
    with Gateway() as g:
        build = build_of(g)
        for path in ("/js/main.js", "/js/manager/manager.wasm", "/css/page.css", "/icon.svg"):
            lasting, asked = g.request("GET", build + path), g.request("GET", path)
            check(lasting[:2] == asked[:2] and lasting[0] == 200 and lasting[2]["cache-control"] == KEPT and
                  asked[2]["cache-control"] == "no-cache", f"{path}: kept for good below the build, else asked for")
        policies = ["content-security-policy" in g.request("GET", path)[2]
                    for path in (build + "/js/main.js", build + "/icon.svg", "/js/main.js", "/sw.js", "/", "/chat")]
        check(policies == [False] + 5 * [True], "a policy for whatever can be a document or a worker, not for a page's parts")
        check(g.request("GET", "/chat")[2]["cache-control"] == "no-cache", "a page is asked for each time")
        last = "1" if build[-1] == "0" else "0"
        for path in (build[:-1] + last + "/js/main.js", build + "/chat", build + "/../js/main.js", build, build + "/",
                     build + "/api/ice", "/a/js/main.js"):
            refused(g, f"GET {path}", 404, "not_found", "GET", path)
        refused(g, "DELETE below the build", 405, "method_not_allowed", "DELETE", build + "/js/main.js")


def raw_status(g, path):
    with socket.create_connection(("127.0.0.1", g.port), 5) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return int(s.recv(64).split()[1])


def test_web_dir():
    with tempfile.TemporaryDirectory() as folder:
        web = os.path.join(folder, "web")
        subprocess.run(["cp", "-r", os.path.join(ROOT, "web"), web], check=True)
        with open(os.path.join(folder, "secret.js"), "w", encoding="utf-8") as file:
            file.write("secret")
        os.symlink("/etc/hostname", os.path.join(web, "js/link.js"))
        with Gateway("--web-dir", web) as g:
            for path, name in (("/", "index.html"), ("/chat", "chat.html"), ("/js/manager/core.js", "js/manager/core.js")):
                with open(os.path.join(web, name), "rb") as file:
                    wanted = file.read()
                status, data, headers = g.request("GET", path)
                check(status == 200 and data == wanted and headers["cache-control"] == "no-cache" and
                      "etag" not in headers and "default-src 'self'" in headers["content-security-policy"],
                      f"--web-dir: {path} is the folder's, not kept")
            with open(os.path.join(web, "js/new.js"), "w", encoding="utf-8") as file:
                file.write("new")
            check(g.request("GET", "/js/new.js")[1] == b"new", "--web-dir: a new file is there at once")
            os.remove(os.path.join(web, "js/main.js"))
            refused(g, "--web-dir: a file that went", 404, "not_found", "GET", "/js/main.js")
            check(g.request("GET", "/js/manager/manager.wasm")[1][:4] == b"\0asm", "--web-dir: the core, which is built")
            for path in ("/../secret.js", "/js/../../secret.js", "/%2e%2e/secret.js", "/js/link.js", "/assets.c", "/js",
                         "/..%2fsecret.js", "//etc/hostname", "/js/%00main.js"):
                check(raw_status(g, path) in (403, 404), f"--web-dir: {path} is not found")
            check(g.alive() and g.request("POST", "/chat", b"x")[0] == 405, "--web-dir: methods as ever")
        for where, why in ((folder + "/nothing", "No such file"), (folder, "no chat.html")):
            process = subprocess.run([BINARY, "serve", "--listen", "127.0.0.1:0", "--backend", "echo", "--web-dir", where],
                                     capture_output=True, text=True, timeout=20)
            said = process.stderr.strip()
            check(process.returncode == 2 and "web-dir" in said and why in said and "\n" not in said,
                  f"--web-dir: one line, exit code 2: {said[-60:]}")
