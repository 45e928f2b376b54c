#!/usr/bin/env python3
"""Whether tools/verify.py can be believed: its sections run tests that there are, what it takes for evidence is what they print,
and whatever fails, or is not said, makes its exit code. Ends with "N passed, N failed"."""
import contextlib
import glob
import io
import os
import re
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import verify
from checklist import CHECKLIST, METRICS

# Where that is written which a program of a section prints.
SOURCES = {
    "tests/browser/run": "tests/browser/*.js", "tests/browser/webkit": "tests/browser/webkit.js",
    "tests/system/run": "tests/system/*",
    "tests/faults/run": "tests/faults/*.js", "tests/verify/run": "tests/verify/page.js", "tests/package/run": "tests/package/run",
    "tests/deploy/run": "tests/deploy/run", "tests/package/booted": "tests/package/booted",
    "bench/overload.py": "bench/overload.py", "build/release/unit_tests": "tests/check.c",
    "build/release/wr_sim": "sim/*.c", "tools/coverage.sh": "tools/coverage.sh",
    "tests/browser/covered.js": "tests/browser/covered.js"}
BY_BROWSER = r"^(chromium|firefox): "


def text_of(pattern):
    text = ""
    for path in sorted(glob.glob(os.path.join(verify.ROOT, pattern))):
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                text += file.read() + "\n"
    return text


def program(command):
    return next(word for word in command if word not in ("env", "node") and "=" not in word)


def commands_of(section):
    return next(commands for name, _, commands, _ in verify.SECTIONS if name == section)


def words_of(evidence):
    """The fixed words of a pattern, in pieces: a test's name may be put together at its colons, and names a browser in front."""
    pieces = re.split(r"\.\*|\\d\+|\[[^]]*\][+*]?| [+*]|: ?", re.sub(r"^ok( \+)?", "", evidence))
    pieces = [re.sub(r"\\(.)", r"\1", piece).strip() for piece in pieces]
    return [piece for piece in pieces if piece and piece not in ("chromium", "firefox")]


class Promises(unittest.TestCase):
    def test_every_promise_has_a_check(self):
        for promise, section, evidence in METRICS + CHECKLIST:
            source = "\n".join(text_of(SOURCES[program(command)]) for command in commands_of(section)) + text_of("tools/verify.py")
            words = words_of(evidence)
            missing = [word for word in words if word not in source]
            with self.subTest(promise):
                self.assertTrue(words and not missing, f"nothing in section {section} says {missing} of {evidence}")

    def test_every_test_that_is_named_is_there(self):
        system, browser = text_of("tests/system/*"), text_of("tests/browser/*.js")
        for name in verify.SYSTEM + commands_of("attack")[0][3:]:
            with self.subTest(name):
                self.assertIn(f"def test_{name}():", system)
        filters = [command[1] for _, _, commands, _ in verify.SECTIONS for command in commands
                   if command[0] == "tests/browser/run" and len(command) > 1]
        self.assertGreater(len(filters), 3)
        for part in "|".join(filters).split("|"):
            with self.subTest(part):
                self.assertEqual([word for word in words_of(re.sub(BY_BROWSER, "", part)) if word not in browser], [])


class Judged(unittest.TestCase):
    """verify.main() with sections of our own, whose commands only print."""

    def judged(self, said, wanted=(), lines=(), judge=None, ends=0):
        """The exit code, and all that was printed."""
        command = ["sh", "-c", f"printf '%b' \"$0\"; exit {ends}", said]
        out = io.StringIO()
        with tempfile.TemporaryDirectory() as logs, mock.patch.object(verify, "LOGS", logs), contextlib.redirect_stdout(out), \
                mock.patch.object(verify, "SECTIONS", [("one", "a promise", [command], judge)]), \
                mock.patch.object(verify, "METRICS", list(lines)), mock.patch.object(verify, "CHECKLIST", []):
            return verify.main(list(wanted)), out.getvalue()

    def test_what_is_well(self):
        code, text = self.judged("ok   it talks\n1 passed, 0 failed\n", lines=[("talk", "one", "ok +it talks")])
        self.assertEqual(code, 0)
        self.assertRegex(text, r"(?m)^ok   talk: it talks$")
        self.assertRegex(text, r"\n1 passed, 0 failed\n\Z")

    def test_what_is_not(self):
        for what, said, ends in (("a check that failed", "FAIL x\n1 passed, 1 failed\n", 1),
                                 ("none counted", "0 passed, 0 failed\n", 0),
                                 ("a failure that the status hides", "1 passed, 1 failed\n", 0), ("nothing said", "well\n", 0),
                                 ("a status that the count hides", "1 passed, 0 failed\n", 3)):
            with self.subTest(what):
                self.assertEqual(self.judged(said, ends=ends)[0], 1)

    def test_a_judge_has_the_last_word(self):
        good = "1 passed, 0 failed\n"
        self.assertEqual(self.judged(good, judge=lambda text: (False, "too slow"))[0], 1)
        self.assertEqual(self.judged(good, judge=lambda text: (True, "fast"))[0], 0)

    def test_a_promise_without_evidence(self):
        good = "FAIL it talks, later forgiven\n1 passed, 0 failed\n"
        for wanted in ((), ("one",)):
            code, text = self.judged(good, wanted, lines=[("talk", "one", "ok +it talks")])
            self.assertEqual(code, 1)
            self.assertRegex(text, r"(?m)^FAIL talk: no evidence in one$")

    def test_a_section_that_was_not_run(self):
        """Is nobody's failure if it was not asked for; asked for as a whole there is none."""
        code, text = self.judged("1 passed, 0 failed\n", lines=[("talk", "other", "ok +it talks")], wanted=("one",))
        self.assertEqual(code, 0)
        self.assertRegex(text, r"(?m)^-    talk: not run$")

    def test_no_such_section(self):
        self.assertEqual(self.judged("1 passed, 0 failed\n", wanted=("nothing",))[0], 1)

    def test_the_exit_code_is_the_programs(self):
        done = subprocess.run([os.path.join(verify.ROOT, "tools/verify.py"), "no such section"], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"0 passed, 0 failed\n\Z")


class Judges(unittest.TestCase):
    """What is asked of the sections' output beyond its count."""

    def test_connects(self):
        line = "  ok   {}, {}: press to listening p50 20.0, p95 40.0, max {} ms (p95 at most 300)\n"
        kinds = [(kind, name) for kind in ("chromium", "firefox") for name in ("prepared", "cold")]
        self.assertTrue(verify.connects("".join(line.format(*kind, 60.5) for kind in kinds))[0])
        self.assertFalse(verify.connects("".join(line.format(*kind, 60.5) for kind in kinds[1:]))[0])
        self.assertFalse(verify.connects("".join(line.format(*kind, 2000.1) for kind in kinds))[0])

    def test_recovers(self):
        self.assertTrue(verify.recovers("  ok   firefox: x\n" * verify.N_RECOVERIES)[0])
        self.assertFalse(verify.recovers("  ok   firefox: x\n" * (verify.N_RECOVERIES - 1))[0])
        self.assertFalse(verify.recovers("  ok   firefox: x\n" * verify.N_RECOVERIES + "  FAIL chromium: y\n")[0])

    def test_covers(self):
        self.assertTrue(verify.covers("all C: 90.1 % of 20 lines\nall JavaScript: 85.1 % of 9 lines\n")[0])
        self.assertFalse(verify.covers("all C: 90.1 % of 20 lines\n")[0])
        self.assertFalse(verify.covers("all C: 85.0 % of 20 lines\nall JavaScript: 95.1 % of 9 lines\n")[0])

    def test_withstands(self):
        said = "ok   {} offers a second from one address, as fast\nok   who talks loses nothing: {} of 1000 packets\n"
        self.assertTrue(verify.withstands(said.format(12000, 9))[0])
        self.assertFalse(verify.withstands(said.format(9999, 0))[0])
        self.assertFalse(verify.withstands(said.format(12000, 10))[0])
        self.assertFalse(verify.withstands("")[0])

    def test_carries(self):
        said = "".join(f"ok   {name}: 900 calls on one core, then 7 refused in 10 s\n" for name in ("echo", "embedded"))
        self.assertTrue(verify.carries(said)[0])
        self.assertFalse(verify.carries(said.replace("ok   embedded", "FAIL embedded"))[0])

    def test_pages_lines_of_another_commit_do_not_count(self):
        commands = commands_of("coverage")
        with tempfile.TemporaryDirectory() as top, contextlib.redirect_stdout(io.StringIO()):
            for noted, left in (("abc", 2), ("abd", 4), (None, 4)):
                folder = os.path.join(top, str(noted))
                os.mkdir(folder)
                if noted:
                    with open(os.path.join(folder, "commit"), "w", encoding="utf-8") as file:
                        file.write(noted + "\n")
                with mock.patch.object(verify, "JS_COVERAGE", folder):
                    self.assertEqual(len(verify.without_browsers(commands, "abc")), left)
                    self.assertEqual(os.path.isdir(folder), left == 2)


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=0).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(not result.wasSuccessful())
