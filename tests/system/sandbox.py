"""What a running gateway has given up (gateway/sandbox.c), seen from outside and tried inside; and what it must be able to do all
the same: speak by a program of its own, load its recogniser and its voices."""
import errno
import os
import re
import signal

from harness import BINARY, PATIENCE, Gateway, Peer, check, wait_for

PROBE = os.path.join(os.path.dirname(BINARY), "../tests/sandbox_probe.so")


def sandbox_is_on(g):
    wait_for(lambda: any("sandbox" in line for line in g.log))
    return any("state=on" in line for line in g.log if "sandbox" in line)


def said(g):
    return next((line for line in g.log if "sandbox" in line), "nothing").strip()


def threads_of(g):
    """Name, whether a filter is on, how many, no_new_privs; of each thread."""
    folder = f"/proc/{g.process.pid}/task"
    for thread in os.listdir(folder):
        with open(f"{folder}/{thread}/status", encoding="ascii", errors="replace") as f:
            text = f.read()
        yield [int(re.search(rf"^{key}:\s+(\d+)", text, re.M)[1]) for key in ("Seccomp", "Seccomp_filters", "NoNewPrivs")]


def test_sandbox_from_outside():
    with Gateway(backend="embedded") as g:
        if not sandbox_is_on(g):
            check("sanitizer" in said(g) or "not known" in said(g), f"the sandbox is not on, and it is said why: {said(g)}")
            return
        threads = list(threads_of(g))
        check(all(mode == 2 and privileges for mode, _, privileges in threads), f"{len(threads)} threads, each under filters")
        counts = [n for _, n, _ in threads]
        check(min(counts) == 2 and max(counts) == 3 and counts.count(3) >= 2, "those that meet strangers under one more")
        if os.geteuid():
            check(not os.access(f"/proc/{g.process.pid}/mem", os.R_OK), "nor can its user look in")
        check(os.stat(f"/proc/{g.process.pid}/mem").st_uid == 0, "not dumpable")
    with Gateway("--sandbox", "off") as g:
        check(all(mode == 0 for mode, _, _ in threads_of(g)) and g.alive(), "off: none")


def test_sandbox_tried_inside():
    with Gateway(env={"LD_PRELOAD": PROBE} if os.path.exists(PROBE) else None) as g:
        if not sandbox_is_on(g) or not os.path.exists(PROBE):
            check(g.alive(), f"not tried: {said(g)}")
            return
        g.process.send_signal(signal.SIGUSR2)
        wait_for(lambda: any(line.startswith("probe ") for line in g.log))
        errors = dict(part.split("=") for line in g.log if line.startswith("probe ") for part in line.split()[1:])
        check(all(errors.get(k) == str(errno.EPERM) for k in ("unshare", "io_uring", "bpf", "execve")),
              f"an intruder's system calls are refused in the running process: {errors}")
        check(errors.get("packet") == str(errno.EAFNOSUPPORT) and errors.get("inet") == "0", "and sockets beyond IP")
        with Peer(g) as peer:
            check(peer.status == 200 and g.alive(), "and calls are taken")


def test_sandbox_lets_the_assistant_speak():
    """English by a library that is loaded when it is needed, Vietnamese by a child."""
    with Gateway(backend="embedded") as g, Peer(g) as peer:
        peer.message("ready")
        for text in ("tell me a joke", "mấy giờ rồi"):
            peer.text(text)
            sound = peer.until(lambda line: line.startswith("audio ") and len(line.split()[2]) > 40, 2 * PATIENCE)
            check(sound and peer.message("tts", 2 * PATIENCE, state="stop"), f"'{text}' is answered, with sound")
