#!/usr/bin/env python3
"""Debian packages of a release build: xiaozhi-rtc (program, service, manual), libwr0 (library), libwr-dev (headers).

usage: tools/package.py BUILD_FOLDER OUT_FOLDER. The same commit makes the same bytes. Needs dpkg-dev."""
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from settings import ROOT, version  # noqa: E402

MAINTAINER = "the xiaozhi-rtc authors <xiaozhi-rtc@localhost>"
# What dlopen finds only when it is needed; without them the embedded assistant says what it misses.
RECOMMENDS = ["pocketsphinx-en-us", "espeak-ng", "ca-certificates"]
DESCRIPTION = {
    "xiaozhi-rtc": """WebRTC voice gateway to XiaoZhi assistants
 Lets a person talk to a XiaoZhi voice assistant from any browser: serves the
 page, is its WebRTC peer, and speaks to the assistant inside it or to a
 XiaoZhi server elsewhere.""",
    "libwr0": """WebRTC stack without I/O
 ICE, DTLS, SRTP, SCTP data channels and SDP as state machines: the program
 owns the socket, the clock, the memory and the loop.""",
    "libwr-dev": """WebRTC stack without I/O - headers and static library
 What is needed to build programs with libwr: headers, pkg-config file and a
 static library.""",
}


def run(*command, cwd=ROOT):
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout.strip()


class Package:
    """A tree of files under |folder|, and what its control file says."""

    def __init__(self, name, section, out, **fields):
        self.name, self.section, self.fields = name, section, fields
        self.folder = os.path.join(out, name)
        self.conffiles, self.scripts = [], {}
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, path):
        full = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        return full

    def write(self, path, text, mode=0o644):
        with open(self.path(path), "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        os.chmod(self.path(path), mode)

    def add(self, path, source, mode=0o644):
        self.write(path, open(os.path.join(ROOT, source), "rb").read(), mode)

    def compress(self, path, text):
        self.write(path + ".gz", gzip.compress(text.encode(), 9, mtime=0))

    def files(self):
        for folder, _, names in sorted(os.walk(self.folder)):
            for name in sorted(names):
                full = os.path.join(folder, name)
                if not full.startswith(os.path.join(self.folder, "DEBIAN")):
                    yield full, os.path.relpath(full, self.folder)

    def build(self, out, date):
        doc = f"usr/share/doc/{self.name}/"
        self.write(doc + "copyright", "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
                   "Files: *\nCopyright: 2026 the xiaozhi-rtc authors\nLicense: Expat\n"
                   + "".join(f" {line}".rstrip() + "\n" if line else " .\n" for line in licence()))
        self.compress(doc + "changelog", f"{self.name} ({version()}) stable; urgency=medium\n\n  * See CHANGELOG.md of the source."
                      f"\n\n -- {MAINTAINER}  {run('date', '-u', '-R', '-d', '@' + date)}\n")
        size = sum(os.path.getsize(full) for full, _ in self.files() if not os.path.islink(full)) // 1024 + 1
        lines = [f"Package: {self.name}", f"Version: {version()}", f"Architecture: {run('dpkg', '--print-architecture')}",
                 f"Maintainer: {MAINTAINER}", f"Installed-Size: {size}", f"Section: {self.section}", "Priority: optional",
                 "Source: xiaozhi-rtc", *(f"{key}: {value}" for key, value in self.fields.items() if value),
                 "Description: " + DESCRIPTION[self.name]]
        if self.name == "xiaozhi-rtc":
            lines.remove("Source: xiaozhi-rtc")
        self.write("DEBIAN/control", "\n".join(lines).replace("Multi_Arch", "Multi-Arch") + "\n")
        self.write("DEBIAN/md5sums", "".join(
            f"{hashlib.md5(open(full, 'rb').read()).hexdigest()}  {path}\n"
            for full, path in self.files() if not os.path.islink(full) and "/" + path not in self.conffiles))
        if self.conffiles:
            self.write("DEBIAN/conffiles", "".join(path + "\n" for path in self.conffiles))
        for folder, names, _ in os.walk(self.folder):
            for name in names:
                os.chmod(os.path.join(folder, name), 0o755)
        os.chmod(self.folder, 0o755)
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "--build", self.folder, out], check=True,
                       env={**os.environ, "SOURCE_DATE_EPOCH": date})


def licence():
    return open(os.path.join(ROOT, "LICENSE"), encoding="utf-8").read().splitlines()[4:]


def needs(out, *binaries):
    """What dpkg-shlibdeps says these depend on, versions included."""
    folder = os.path.join(out, "shlibs")
    os.makedirs(os.path.join(folder, "debian"), exist_ok=True)
    open(os.path.join(folder, "debian/control"), "w", encoding="utf-8").write(
        "Source: xiaozhi-rtc\n\nPackage: xiaozhi-rtc\nArchitecture: any\n")
    line = run("dpkg-shlibdeps", "-O", *(f"-e{os.path.abspath(path)}" for path in binaries), cwd=folder)
    shutil.rmtree(folder)
    return line.split("=", 1)[1]


def loaded_later(binary):
    """Packages of the libraries that |binary| opens when it needs them."""
    names = set(re.findall(rb"\0(lib\w+\.so\.\d+)\0", open(binary, "rb").read()))
    linked = set(re.findall(r"\[(lib[^\]]+)\]", run("readelf", "-d", binary)))
    found = {run("dpkg", "-S", f"*/{name.decode()}").splitlines()[0].split(":")[0]
             for name in names if name.decode() not in linked}
    return sorted(found) + RECOMMENDS


def generated(what):
    return run(sys.executable, "tools/settings.py", what) + "\n"


def program(build, out):
    binary = os.path.join(build, "cli/xiaozhi-rtc")
    package = Package("xiaozhi-rtc", "net", out)
    package.add("usr/bin/xiaozhi-rtc", os.path.abspath(binary), 0o755)
    run("strip", "--remove-section=.comment", "--remove-section=.note", package.path("usr/bin/xiaozhi-rtc"))
    package.fields.update(Depends=needs(out, binary), Recommends=", ".join(loaded_later(binary)))
    package.add("lib/systemd/system/xiaozhi-rtc.service", "deploy/deb/xiaozhi-rtc.service")
    package.write("etc/xiaozhi-rtc/xiaozhi-rtc.conf", generated("sample"))
    package.conffiles.append("/etc/xiaozhi-rtc/xiaozhi-rtc.conf")
    package.compress("usr/share/man/man1/xiaozhi-rtc.1", generated("program.1"))
    package.compress("usr/share/man/man5/xiaozhi-rtc.conf.5", generated("conf.5"))
    package.write("usr/share/bash-completion/completions/xiaozhi-rtc", generated("completion"))
    for script in ("postinst", "prerm", "postrm"):
        package.add("DEBIAN/" + script, "deploy/deb/" + script, 0o755)
    return package


def library(build, out, triplet):
    package = Package("libwr0", "libs", out, Multi_Arch="same")
    soname = f"usr/lib/{triplet}/libwr.so.0"
    full = f"libwr.so.{version()}"
    source = os.path.abspath(os.path.join(build, "libwr", full))
    package.add(f"usr/lib/{triplet}/{full}", source)
    run("strip", "--strip-unneeded", package.path(f"usr/lib/{triplet}/{full}"))
    os.symlink(full, package.path(soname))
    package.fields["Depends"] = needs(out, source)
    package.write("DEBIAN/shlibs", f"libwr 0 libwr0 (>= {version()})\n")
    package.write("DEBIAN/triggers", "activate-noawait ldconfig\n")
    return package


def headers(build, out, triplet):
    package = Package("libwr-dev", "libdevel", out, Multi_Arch="same",
                      Depends=f"libwr0 (= {version()}), libssl-dev")
    for name in sorted(os.listdir(os.path.join(ROOT, "include/wr"))):
        package.add("usr/include/wr/" + name, "include/wr/" + name)
    package.add(f"usr/lib/{triplet}/libwr.a", os.path.abspath(os.path.join(build, "libwr/libwr.a")))
    run("strip", "--strip-debug", "--enable-deterministic-archives", package.path(f"usr/lib/{triplet}/libwr.a"))
    os.symlink("libwr.so.0", package.path(f"usr/lib/{triplet}/libwr.so"))
    text = open(os.path.join(ROOT, "deploy/deb/libwr.pc"), encoding="utf-8").read()
    package.write(f"usr/lib/{triplet}/pkgconfig/libwr.pc",
                  text.replace("@TRIPLET@", triplet).replace("@VERSION@", version()))
    package.add("usr/share/doc/libwr-dev/examples/echo_peer.c", "examples/echo_peer.c")
    return package


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    build, out = (os.path.abspath(path) for path in sys.argv[1:])
    os.makedirs(out, exist_ok=True)
    os.umask(0o022)
    date = os.environ.get("SOURCE_DATE_EPOCH") or run("git", "log", "-1", "--format=%ct")
    triplet = run("dpkg-architecture", "-qDEB_HOST_MULTIARCH")
    for package in (program(build, out), library(build, out, triplet), headers(build, out, triplet)):
        package.build(out, date)
        shutil.rmtree(package.folder)


if __name__ == "__main__":
    main()
