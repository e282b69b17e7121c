"""The purity tests see what they are there to see: impure code must fail, by name.

usage: purity_test.py COMPILER
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import purity_sources
import purity_symbols

COMPILER = "g++"

IMPURE = """
#include <chrono>
#include <cstdlib>
#include <string>
#include <sys/socket.h>
int calls = 0;
long impure(const char* name) {
  static int counted = 0;
  counted += ++calls;
  return std::chrono::steady_clock::now().time_since_epoch().count() + rand() +
         socket(1, 1, 0) + (getenv(name) != nullptr) + counted;
}
"""

PURE = """
#include <array>
#include <map>
#include <string>
#include <vector>
constexpr std::array<const char*, 2> names{"one", "two"};
std::string pure(std::map<std::string, int>& counts, std::vector<int>& all, unsigned i) {
  all.push_back(++counts[names[i % 2]]);
  return std::to_string(all.size()) + names[(i + 1) % 2];
}
"""


def symbol_complaints(source):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        (path / "code.cc").write_text(source)
        for command in (
            [COMPILER, "-std=c++20", "-O2", "-fPIC", "-c", "code.cc", "-o", "code.o"],
            ["ar", "rc", "libcode.a", "code.o"],
        ):
            subprocess.run(command, cwd=path, check=True)
        return "\n".join(purity_symbols.complaints_about(path / "libcode.a"))


class Symbols(unittest.TestCase):
    def test_every_impure_call_and_variable_is_named(self):
        complaints = symbol_complaints(IMPURE)
        for name in ("steady_clock::now()", "rand", "socket", "getenv", "calls", "counted"):
            self.assertIn(name, complaints)

    def test_containers_strings_and_constants_are_pure(self):
        self.assertEqual(symbol_complaints(PURE), "")


class Sources(unittest.TestCase):
    def complaints(self, source):
        return purity_sources.complaints_about("x.cc", source)

    def test_each_forbidden_thing_is_found_on_its_line(self):
        for line in (
            "std::unordered_map<int, int> map;",
            "double share = 0;",
            "float share = 0;",
            "#include <random>",
            "#include <thread>",
            "#include <mutex>",
            "#include <iostream>",
            "#include <fstream>",
            "#include <filesystem>",
            "#include <uv.h>",
            "#include <sys/socket.h>",
            "#include <unistd.h>",
            "std::function<void()> call;",
            'auto home = getenv("HOME");',
            "auto start = std::chrono::steady_clock::now();",
            "thread_local int depth;",
            "switch (mode) { case Mode::a: return 1; default: return 2; }",
        ):
            found = self.complaints("int before;\n" + line + "\nint behind;\n")
            self.assertEqual(len(found), 1, f"{line}: {found}")
            self.assertTrue(found[0].startswith("x.cc:2: "), found)

    def test_comments_and_strings_are_not_code(self):
        source = '// a double\n/* float\n */ auto s = "getenv double";\n'
        self.assertEqual(self.complaints(source), [])

    def test_a_quote_between_digits_or_in_a_character_does_not_hide_code(self):
        self.assertEqual(len(self.complaints("int a = 1'000; double b; int c = 2'000;\n")), 1)
        self.assertEqual(len(self.complaints("char q = '\"'; double b; char r = '\"';\n")), 1)

    def test_a_switch_over_bytes_may_have_a_default(self):
        source = "switch (c) { case 'Q': return 1; default: return 0; }"
        self.assertEqual(self.complaints(source), [])

    def test_a_switch_is_not_blamed_for_one_nested_in_it(self):
        nested = "switch (m) { case M::a: switch (c) { case 'Q': return 1; default: return 0; } }"
        self.assertEqual(self.complaints(nested), [])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        COMPILER = sys.argv.pop(1)
    unittest.main()
