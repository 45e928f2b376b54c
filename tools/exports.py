#!/usr/bin/env python3
"""The linker's version script of libwr.so: what its public headers declare, and nothing else.

usage: tools/exports.py OUT HEADER..."""
import re
import sys


def declared(header):
    """Names of the functions a header declares without defining them."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", open(header, encoding="utf-8").read(), flags=re.S)
    text = re.sub(r"^\s*#(?:[^\n]*\\\n)*[^\n]*", "", text, flags=re.M)
    text = text.replace('extern "C" {', "")
    text = re.sub(r"static inline[^{]*\{([^\n]*\}|.*?\n\})", "", text, flags=re.S)
    text = re.sub(r"\{[^{}]*\}", "{}", text)  # members of structs: pointers to functions are not functions
    return re.findall(r"\b(wr_\w+)\s*\([^;{}]*\)\s*(?:WR_\w+\s*)?;", text)


def main():
    out, headers = sys.argv[1], sys.argv[2:]
    names = sorted({name for header in headers for name in declared(header)})
    with open(out, "w", encoding="utf-8") as file:
        file.write("LIBWR_0 {\n  global:\n" + "".join(f"    {name};\n" for name in names) + "  local: *;\n};\n")


if __name__ == "__main__":
    main()
