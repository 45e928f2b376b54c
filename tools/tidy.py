#!/usr/bin/env python3
"""House style that no compiler checks. Ends with "N passed, N failed", one per rule.

Exceptions are lines of tools/tidy.allow: `rule subject reason...`; one that is not needed any more is an error."""
import os
import re
import subprocess
import sys

import metrics
import settings

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FUNCTION_MAX, FUNCTION_WARN, FILE_MAX = 100, 70, 1000
LINE_MAX = {".c": 116, ".h": 116, ".py": 132, ".sh": 116, "": 116, ".js": 132, ".mjs": 132}  # others: as it comes

BANNED = re.compile(r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|strtok|gets|alloca|atoi|atol|system|s?rand)\s*\(")
MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(work|home|root|Users)/[\w.]")
TASK = re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b(?!.*#\d+)")
RULES = ("file-length", "line-length", "function-length", "header-comment", "task-marks", "machine-paths",
         "trailing-blanks", "banned-calls", "dead-code", "has-test", "fuzz-corpus", "glossary", "limits",
         "metrics", "settings", "pitfalls", "inputs", "ignored", "allow-list")
UNIT_TESTED = ("lib/", "crypto/", "xiaozhi/", "manager/", "caller/", "sim/")


class Rules:
    """Findings by rule, less the allowed ones."""

    def __init__(self):
        self.findings = {}
        self.allowed = {}
        self.used = set()
        path = os.path.join(ROOT, "tools/tidy.allow")
        for line in open(path, encoding="utf-8"):
            if line.strip() and not line.startswith("#"):
                rule, subject, reason = (line.split(None, 2) + ["", ""])[:3]
                self.allowed[(rule, subject)] = reason.strip()

    def declare(self, *names):
        for name in names:
            self.findings.setdefault(name, [])

    def report(self, rule, subject, text):
        self.declare(rule)
        if (rule, subject) in self.allowed:
            self.used.add((rule, subject))
        else:
            self.findings[rule].append(text)


def tracked():
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [p for p in out.splitlines() if os.path.isfile(os.path.join(ROOT, p))]


def read(path):
    return open(os.path.join(ROOT, path), encoding="utf-8", errors="replace").read()


def is_code(path):
    return path.endswith((".c", ".h", ".js", ".mjs", ".py", ".sh", ".css", ".html")) or path in ("dev", ".ci/run")


def functions(lines):
    """(name, first line, length) of each function of a clang-formatted C file: head at column 0, ends at `}`."""
    head = None
    for number, line in enumerate(lines, 1):
        if head is None and line and not line[0].isspace() and line[0] not in "#}/*" and "(" in line:
            head = number
        if head and line.rstrip().endswith(";") and not line[0].isspace() and "{" not in line:
            head = None
        if head and line.startswith("}"):
            named = re.search(r"(\w+)\s*\(", lines[head - 1])
            yield named.group(1) if named else "?", head, number - head + 1
            head = None
        if head and number == head and "{" in line and line.rstrip().endswith("}"):
            head = None


def check_lengths(rules, path, lines):
    if len(lines) > FILE_MAX:
        rules.report("file-length", path, f"{path}: {len(lines)} lines, more than {FILE_MAX}")
    most = LINE_MAX.get(os.path.splitext(path)[1])
    for number, line in enumerate(lines, 1):
        if most and len(line) > most and "http" not in line:
            rules.report("line-length", path, f"{path}:{number}: {len(line)} columns, more than {most}")
    if path.endswith((".c", ".h")):
        for name, head, length in functions(lines):
            if length > FUNCTION_MAX:
                rules.report("function-length", f"{path}:{name}",
                             f"{path}:{head}: {name} has {length} lines, more than {FUNCTION_MAX}")
            elif length > FUNCTION_WARN:
                print(f"note: {path}:{head}: {name} has {length} lines")


def check_header_comment(rules, path, lines):
    if not path.endswith((".c", ".h")) or path.endswith("_test.c"):
        return
    name = "/".join(path.split("/")[-2:])
    first = lines[0] if lines else ""
    if not re.match(r"/\* \S*" + re.escape(os.path.basename(path)) + r"\b", first):
        rules.report("header-comment", path, f"{path}:1: does not begin with `/* {name} - what it is`")


def check_text(rules, path, lines):
    for number, line in enumerate(lines, 1):
        where = f"{path}:{number}"
        if TASK.search(line) and path not in ("tools/tidy.py", "CONTRIBUTING.md"):
            rules.report("task-marks", path, f"{where}: an open task without an issue number (#N)")
        if MACHINE_PATH.search(line):
            rules.report("machine-paths", path, f"{where}: a path of somebody's machine")
        if line.rstrip() != line and not path.endswith(".md"):
            rules.report("trailing-blanks", path, f"{where}: blank at the end of the line")
        if path.endswith((".c", ".h")):
            if BANNED.search(line.split("//")[0]) and not line.lstrip().startswith("*"):
                rules.report("banned-calls", path, f"{where}: {BANNED.search(line).group(1)} is not used here")
            if re.match(r"\s*#\s*if 0\b", line):
                rules.report("dead-code", path, f"{where}: #if 0")


def check_tests_exist(rules, files):
    for path in files:
        if not path.endswith(".c") or path.endswith("_test.c") or not path.startswith(UNIT_TESTED):
            continue
        # message_write.c is covered by message_write_test.c or by message_test.c.
        words = path[:-2].split("_")
        if any("_".join(words[:n]) + "_test.c" in files for n in range(1, len(words) + 1)):
            continue
        reason = rules.allowed.get(("has-test", path), "")
        tester = reason.split(" ")[0]
        if tester.endswith("_test.c") and tester not in files:
            rules.report("has-test", path + "?", f"{path}: tools/tidy.allow names {tester}, which does not exist")
        rules.report("has-test", path, f"{path}: no {os.path.basename(path)[:-2]}_test.c beside it")


def check_fuzz(rules, files):
    for path in files:
        target = re.match(r"fuzz/fuzz_(\w+)\.c$", path)
        if target and not any(p.startswith(f"fuzz/corpus/{target.group(1)}/") for p in files):
            rules.report("fuzz-corpus", path, f"{path}: fuzz/corpus/{target.group(1)}/ is empty")


def check_glossary(rules, files):
    """Each abbreviation of the public headers is explained."""
    if "GLOSSARY.md" not in files:
        return
    known = set(re.findall(r"[A-Z][A-Za-z0-9-]+", read("GLOSSARY.md")))
    plain = {"OK", "NULL", "NUL", "KB", "ID"}
    headers = [path for path in files if re.match(r"include/wr/.*\.h$", path)]
    for path in headers:  # a comment may shorten WR_SETUP_ACTIVE to ACTIVE
        plain |= set("_".join(re.findall(r"\bWR_[A-Z0-9_]+", read(path))).split("_"))
    for path in headers:
        for comment in re.findall(r"/\*.*?\*/", read(path), re.S):
            for word in re.findall(r"(?<![\w_])[A-Z][A-Z0-9]{1,7}(?![\w_])", comment):
                if word not in known | plain:
                    rules.report("glossary", word, f"{path}: {word} is not in GLOSSARY.md")


def check_limits(rules, files):
    """A row `| `NAME` | value |` of ARCHITECTURE.md says what the source says."""
    if "ARCHITECTURE.md" not in files:
        return
    defines = {}
    for path in files:
        if path.endswith((".h", ".c")):
            for name, value in re.findall(r"^#define (\w+)[ \\\n]+(.*?)\s*(?:/\*|$)", read(path), re.M):
                defines[name] = value.strip("() ")
            for name, value in re.findall(r"^  ([A-Z][A-Z0-9_]+) = ([^,/\n]+?),", read(path), re.M):
                defines.setdefault(name, value)
    for name, value in re.findall(r"^\| `([A-Z0-9_]+)` \| ([^|]*?) \|", read("ARCHITECTURE.md"), re.M):
        if value.replace(" ", "") != defines.get(name, "nothing").replace(" ", ""):
            found = defines.get(name, "not defined")
            rules.report("limits", name, f"ARCHITECTURE.md: {name} is {found}, not {value}")


def check_tables(rules):
    """docs/metrics.md is what the source says, what monitoring reads exists, and the manual can be made of config.def."""
    found = metrics.metrics()
    if not metrics.is_current(found):
        rules.report("metrics", "docs/metrics.md", "docs/metrics.md is not what the source says: run tools/metrics.py")
    for path, name in metrics.strangers(found):
        rules.report("metrics", name, f"deploy/monitoring/{path}: there is no such metric, or of another type: {name}")
    try:
        list(settings.settings())
    except ValueError as error:
        rules.report("settings", "gateway/config.def", str(error))


def check_pitfalls(rules, files):
    """The tests that docs/interop.md names for its rows: |-t NAME| takes a beginning, tests/system/run the whole name,
    tests/browser/run a part. Each row has one that bears its number."""
    def texts(begin, end):
        return "".join(read(path) for path in files if path.startswith(begin) and path.endswith(end))
    there = {"unit": texts("", "_test.c"), "system": texts("tests/system/", ""), "browser": texts("tests/browser/", ".js")}
    forms = {"unit": r"TEST\({}", "system": r"def test_{}\(", "browser": r'test\([`"][^`"]*{}\b'}
    rows = re.findall(r"^\| (\d+) \|.*\| ([^|]*) \|$", read("docs/interop.md").split("## Known trouble")[-1], re.M)
    for row, cell in rows:
        named = [(kind, name) for part, kind in re.findall(r"((unit|system|browser) (?:`[\w ]+`(?:, )?)+)", cell)
                 for name in re.findall(r"`([\w ]+)`", part)]
        for kind, name in named:
            if not re.search(forms[kind].format(name), there[kind]):
                rules.report("pitfalls", name, f"docs/interop.md, row {row}: there is no {kind} test {name}")
        if not any(row in re.split("[_ ]", name.partition("pitfall")[2]) for _, name in named):
            rules.report("pitfalls", row, f"docs/interop.md, row {row}: no test bears its number")
    if len(rows) != 23:
        rules.report("pitfalls", "rows", f"docs/interop.md: {len(rows)} rows of known trouble, not 23")


def check_inputs(rules, files):
    """Each row of SECURITY.md's table of inputs names tests, and they are there: files, unit tests, or targets of the fuzzer."""
    unit = "".join(read(path) for path in files if path.endswith("_test.c"))
    rows = re.findall(r"^\| ([^|]+) \|.*\| ([^|]*) \|$", read("SECURITY.md").split("| held by |\n|---|---|---|---|---|\n")[-1]
                      .split("\n\n")[0], re.M)
    for what, cell in rows:
        named = re.findall(r"`([\w./]+)`", cell)
        for name in named:
            there = name in files or f"fuzz/fuzz_{name}.c" in files or f"TEST({name}" in unit
            if not there:
                rules.report("inputs", name, f"SECURITY.md, {what}: there is no test {name}")
        if not named:
            rules.report("inputs", what, f"SECURITY.md, {what}: no test is named")
    if len(rows) < 20:
        rules.report("inputs", "rows", f"SECURITY.md: {len(rows)} inputs, not 20 or more")


def check_ignored(rules):
    """What .gitignore names was not written by anybody."""
    command = ["git", "ls-files", "-ci", "--exclude-standard"]
    for path in subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines():
        rules.report("ignored", path, f"{path} is ignored by git, and in it all the same: git rm --cached")


def main():
    rules = Rules()
    rules.declare(*RULES)
    files = set(tracked())
    for path in sorted(files):
        is_text = is_code(path) or path.endswith((".md", ".txt", ".cmake", ".def"))
        if not is_text or "/fixtures/" in path or path.startswith("fuzz/corpus/"):
            continue
        lines = read(path).splitlines()
        check_text(rules, path, lines)
        if is_code(path):
            check_lengths(rules, path, lines)
            check_header_comment(rules, path, lines)
    check_tests_exist(rules, files)
    check_fuzz(rules, files)
    check_glossary(rules, files)
    check_limits(rules, files)
    check_tables(rules)
    check_pitfalls(rules, files)
    check_inputs(rules, files)
    check_ignored(rules)
    for rule, subject in sorted(set(rules.allowed) - rules.used):
        if rule == "has-test" and subject in files:
            print(f"note: tools/tidy.allow: `{rule} {subject}` is not needed any more")
        else:
            rules.report("allow-list", subject, f"tools/tidy.allow: `{rule} {subject}` is not needed any more")
    n_failed = 0
    for rule, findings in rules.findings.items():
        for text in sorted(set(findings)):
            print(f"{rule}: {text}")
        n_failed += bool(findings)
    print(f"{len(rules.findings) - n_failed} passed, {n_failed} failed")
    return 1 if n_failed else 0


sys.exit(main())
