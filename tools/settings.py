#!/usr/bin/env python3
"""What people read of gateway/config.def outside the program: sample file, manual pages, completion for bash.

usage: tools/settings.py sample|conf.5|program.1|completion"""
import datetime
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KINDS = {"TEXT": ("key", "default", "argument", "help"), "SECRET": ("key", "argument", "help"),
         "LIST": ("key", "argument", "help"), "SERVERS": ("key", "argument", "help"),
         "NUMBER": ("key", "default", "least", "most", "help"), "CHOICE": ("key", "default", "argument", "help"),
         "FLAG": ("key", "help")}


def read(path):
    return open(os.path.join(ROOT, path), encoding="utf-8").read()


def version():
    return re.search(r"project\(xiaozhi_rtc VERSION ([\d.]+)", read("CMakeLists.txt")).group(1)


def commands():
    """Name and purpose of each, as `xiaozhi-rtc help` has them."""
    usage = read("cli/main.c").split("usage[] =")[1].split(";\n")[0]
    return re.findall(r'"  (\w+)[ A-Z]*  +(.*?)\\n"', usage)


def date():
    """Of the last commit, so that the same commit makes the same pages."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH") or subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip() or "0"
    return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc).strftime("%Y-%m-%d")


def settings():
    """Each setting as a dictionary; ValueError: a macro or a number of arguments this tool does not know."""
    text = re.sub(r"/\*.*?\*/", " ", read("gateway/config.def"), flags=re.S)
    token = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s(),"]+|[(),]')
    words = iter(token.findall(text))
    for macro in words:
        if next(words) != "(":
            raise ValueError(f"gateway/config.def: {macro} has no arguments")
        arguments = [""]
        for word in words:
            if word == ")":
                break
            if word == ",":
                arguments.append("")
            else:
                arguments[-1] += word[1:-1].replace('\\"', '"') if word[0] == '"' else word
        kind = macro.removeprefix("GW_")
        if kind not in KINDS or len(arguments) != len(KINDS[kind]) + 1:
            raise ValueError(f"gateway/config.def: {macro} of {arguments[1:2]} is not as tools/settings.py knows it")
        yield {"kind": kind, **dict(zip(KINDS[kind], arguments[1:]))}


def allowed(row):
    if row["kind"] == "NUMBER":
        return f"{row['least']} to {row['most']}"
    return "true or false" if row["kind"] == "FLAG" else row["argument"]


def default(row):
    return "false" if row["kind"] == "FLAG" else row.get("default", "")


def sample():
    print("# Settings of xiaozhi-rtc, one 'key = value' per line; see xiaozhi-rtc.conf(5).\n"
          "# What is commented out is the default, or has none.")
    for row in settings():
        if row["key"] == "config":
            continue
        print(f"\n# {row['help']}\n# {allowed(row)}")
        print(f"#{row['key']} = {default(row)}".rstrip())
        if row["kind"] == "SECRET":
            print(f"#{row['key']}-file =")


def roff(text):
    """Text for a manual page: nothing in it is a request or an escape."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def heading(name, section, what):
    print(f'.TH {name.upper()} {section} "{date()}" "xiaozhi\\-rtc {version()}"\n.SH NAME\n{roff(name)} \\- {what}')


def conf_page():
    heading("xiaozhi-rtc.conf", 5, "settings of the XiaoZhi voice gateway")
    print(".SH DESCRIPTION\nOne setting per line,\n.IR key \\~=\\~ value ;\n"
          "lines that begin with # are comments. The same keys are options of\n.BR \"xiaozhi\\-rtc serve\" (1),\n"
          "and variables XZ_KEY of the environment, in upper case, with _ for \\-.\n"
          "An option wins over the environment, that over the file, that over the default.\n"
          "An unknown key is an error that names the nearest known one.\n.SH SETTINGS")
    for row in settings():
        if row["key"] == "config":
            continue
        print(f".TP\n.BR {roff(row['key'])} \" = \" \\fI{roff(allowed(row)).replace(' ', chr(92) + '~')}\\fR")
        print(roff(row["help"]) + ".")
        if default(row):
            print(f"Default: {roff(default(row))}.")
        if row["kind"] == "SECRET":
            print(f"Also from the first line of a file:\n.BR {roff(row['key'])}\\-file .")
    print(".SH SEE ALSO\n.BR xiaozhi\\-rtc (1)")


def program_page():
    heading("xiaozhi-rtc", 1, "WebRTC voice gateway to XiaoZhi assistants")
    print(".SH SYNOPSIS\n.B xiaozhi\\-rtc\n.I command\n.RI [ options ]\n.SH DESCRIPTION\n"
          "Lets a person talk to a XiaoZhi voice assistant from any browser: serves the page, is its WebRTC peer, and\n"
          "speaks to the assistant inside it or to a XiaoZhi server elsewhere.\n.SH COMMANDS")
    for name, what in commands():
        print(f".TP\n.B {name}\n{roff(what)}.")
    print(".PP\nEach explains its options with\n.BR \\-\\-help .\n.SH OPTIONS\nOf serve, assistant and check; "
          "each is also a setting of\n.BR xiaozhi\\-rtc.conf (5).")
    for row in settings():
        argument = "" if row["kind"] == "FLAG" else f" \\fI{roff(row.get('argument', 'N')).replace(' ', chr(92) + '~')}\\fR"
        print(f".TP\n\\fB\\-\\-{roff(row['key'])}\\fR{argument}\n{roff(row['help'])}.")
    print(".SH SIGNALS\n.TP\n.B SIGTERM\nNo new calls; those that are there are told, and end after\n.BR drain\\-seconds .\n"
          "A second one ends at once.\n.TP\n.B SIGHUP\n"
          "Reads the settings, their files and the certificate again; no call is touched.\n"
          ".SH EXIT STATUS\n0: fine; 1: the operation failed; 2: bad usage or settings.\n"
          ".SH FILES\n.I /etc/xiaozhi\\-rtc/xiaozhi\\-rtc.conf\nas the service has it.\n"
          ".SH SEE ALSO\n.BR xiaozhi\\-rtc.conf (5)")


COMPLETION = """# bash completion for xiaozhi-rtc
_xiaozhi_rtc() {{
  local current=$2 previous=$3
  if [ "$COMP_CWORD" = 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W '{commands}' -- "$current")
    return
  fi
  case ${{COMP_WORDS[1]}} in serve | assistant | check) ;; *) return ;; esac
  case $previous in
{values}
    {files}) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    {folders}) mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    *) mapfile -t COMPREPLY < <(compgen -W '{options} --help' -- "$current") ;;
  esac
}}
complete -F _xiaozhi_rtc xiaozhi-rtc"""


def completion():
    rows = list(settings())
    options, values = [], []
    for row in rows:
        options.append("--" + row["key"])
        if row["kind"] == "SECRET":
            options.append(f"--{row['key']}-file")
        words = [word for word in row.get("argument", "").split("|") if re.fullmatch(r"[a-z0-9]+", word)]
        if row["kind"] == "CHOICE" or len(words) > 1:
            values.append(f"    --{row['key']}) mapfile -t COMPREPLY < <(compgen -W '{' '.join(words)}' -- \"$current\") ;;")
    files = [f"--{row['key']}" for row in rows if row.get("argument") == "FILE"]
    files += [option for option in options if option.endswith("-file") and option not in files]
    folders = ["--" + row["key"] for row in rows if "FOLDER" in row.get("argument", "")]
    print(COMPLETION.format(commands=" ".join(name for name, _ in commands()), values="\n".join(values),
                            files=" | ".join(files), folders=" | ".join(folders), options=" ".join(options)))


def main():
    makers = {"sample": sample, "conf.5": conf_page, "program.1": program_page, "completion": completion}
    if len(sys.argv) != 2 or sys.argv[1] not in makers:
        sys.exit(__doc__)
    makers[sys.argv[1]]()


if __name__ == "__main__":
    main()
